package ingress

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// decodeHeader undoes what the CloudEvents HTTP binding (section 3.1.3.2) does to
// a value: double quotes with backslashes first, then one round of
// percent-encoding. A percent sign that starts no escape stays what it is, for
// senders that encode nothing.
func decodeHeader(value string) (string, error) {
	if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
		value = unquote(value[1 : len(value)-1])
	}
	var out strings.Builder
	for i := 0; i < len(value); i++ {
		if value[i] == '%' && i+2 < len(value) {
			high, low := nibble(value[i+1]), nibble(value[i+2])
			if high >= 0 && low >= 0 {
				out.WriteByte(byte(high<<4 | low))
				i += 2
				continue
			}
		}
		out.WriteByte(value[i])
	}
	if !utf8.ValidString(out.String()) {
		return "", errors.New("expected UTF-8")
	}
	return out.String(), nil
}

func unquote(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) {
			i++
		}
		out.WriteByte(text[i])
	}
	return out.String()
}

func nibble(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
