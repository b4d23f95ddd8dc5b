package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// A screen writes what commands say. What senders and Qlik wrote may hold characters
// that have a terminal do something, such as go up a line or name its window: they are
// written as JSON escapes them, so that what is JSON stays the same. Line ends and tabs
// pass; bytes that are no UTF-8 become U+FFFD. Nothing is held back between two writes.
type screen struct{ out io.Writer }

// Write writes a text, harmless.
func (s screen) Write(text []byte) (int, error) {
	if _, err := s.out.Write(harmless(text)); err != nil {
		return 0, err
	}
	return len(text), nil
}

// harmless returns a text with what a terminal would obey written as escapes.
func harmless(text []byte) []byte {
	shown := make([]byte, 0, len(text))
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		lineEnd := r == '\r' && i+1 < len(text) && text[i+1] == '\n'
		if obeyed(r) && !lineEnd {
			shown = fmt.Appendf(shown, `\u%04x`, r)
		} else {
			shown = utf8.AppendRune(shown, r)
		}
		i += size
	}
	return shown
}

// obeyed reports whether a terminal does something else with a character than show it.
func obeyed(r rune) bool {
	return unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r)
}

// raw returns what a screen writes to: for bytes that are no text, for logs, which escape
// by themselves, and for what a command itself has a terminal do.
func raw(out io.Writer) io.Writer {
	if s, ok := out.(screen); ok {
		return s.out
	}
	return out
}

// isTerminal reports whether somebody sits before an output.
func isTerminal(out io.Writer) bool {
	file, ok := raw(out).(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// inLine returns a text without line ends and tabs, so that nobody but the command itself
// begins a line or a column.
func inLine(text string) string {
	return strings.NewReplacer("\r\n", " ", "\n", " ", "\t", " ").Replace(text)
}
