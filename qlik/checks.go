package qlik

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits of the document.
const (
	maxText      = 256 // characters of a name or a variable
	maxVariables = 20  // of a reload
	maxPage      = 100 // records of a page
)

func checkRequired(op, field, value string) error {
	if value == "" {
		return invalid(op, "%s is required", field)
	}
	return nil
}

func checkLength(op, field, value string) error {
	if n := utf8.RuneCountInString(value); n > maxText {
		return invalid(op, "%s has %d characters, at most %d are allowed", field, n, maxText)
	}
	return nil
}

func checkOneOf(op, field, value string, known ...string) error {
	if slices.Contains(known, value) {
		return nil
	}
	known = slices.DeleteFunc(known, func(s string) bool { return s == "" })
	return invalid(op, "%s is %q, expected one of %s", field, value, strings.Join(known, ", "))
}

func checkLimit(op string, limit int) error {
	if limit < 0 || limit > maxPage {
		return invalid(op, "limit is %d, expected 1 to %d", limit, maxPage)
	}
	return nil
}
