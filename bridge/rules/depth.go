package rules

import "bytes"

// deepest is how many arrays and objects in each other are read, as by encoding/json.
const deepest = 10_000

// Deeper reports whether JSON has more than so many arrays and objects in each other. It
// looks at brackets outside strings only, and so needs no memory.
func Deeper(body []byte, most int) bool {
	if len(body) <= most {
		return false
	}
	depth := 0
	for i := 0; i < len(body); i++ {
		switch body[i] {
		case '"':
			i += stringEnd(body[i+1:])
		case '[', '{':
			if depth++; depth > most {
				return true
			}
		case ']', '}':
			depth--
		}
	}
	return false
}

// stringEnd returns how long a string is whose first quote was read, with its last.
func stringEnd(rest []byte) int {
	for from := 0; ; {
		end := bytes.IndexByte(rest[from:], '"')
		if end < 0 {
			return len(rest)
		}
		end += from
		escapes := 0
		for escapes < end && rest[end-1-escapes] == '\\' {
			escapes++
		}
		if from = end + 1; escapes%2 == 0 {
			return from
		}
	}
}
