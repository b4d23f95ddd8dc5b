package rules

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Nearest returns the known name that word was probably meant to be, "" when
// none is near enough to ask "did you mean".
func Nearest(word string, known []string) string {
	best, bestDistance := "", len(word)/3+2
	for _, name := range known {
		if strings.EqualFold(name, word) && name != word {
			return name
		}
		if d := distance(word, name); d > 0 && d < bestDistance {
			best, bestDistance = name, d
		}
	}
	return best
}

// unknown says that word is none of the known names, and which was meant.
func unknown(what, word string, known []string) string {
	text := fmt.Sprintf("unknown %s %q%s", what, word, didYouMean(word, known))
	if len(known) == 0 {
		return text + "; none is configured"
	}
	return text + "; known: " + strings.Join(known, ", ")
}

func didYouMean(word string, known []string) string {
	if name := Nearest(word, known); name != "" {
		return fmt.Sprintf(" (did you mean %q?)", name)
	}
	return ""
}

// distance counts the letters to insert, drop, change or swap with their
// neighbour to make b of a.
func distance(a, b string) int {
	previous, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before := previous
		previous, row = row, make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := previous[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			row[j] = min(change, previous[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	return slices.Sorted(maps.Keys(m))
}
