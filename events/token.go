package events

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// emptyToken stands for an empty text, which no subject can have as a token.
const emptyToken = "-"

const upperHex = "0123456789ABCDEF"

// Token encodes any text as one token of a NATS subject or of a bucket's key.
// Letters, digits, `_` and `-` stay what they are; every other byte becomes `=`
// and two upper-case hexadecimal digits. The empty text is `-`, and a text that
// is just `-` is `=2D`. Two different texts never have the same token.
func Token(text string) string {
	switch text {
	case "":
		return emptyToken
	case emptyToken:
		return "=2D"
	}
	if !strings.ContainsFunc(text, func(c rune) bool { return c >= utf8.RuneSelf || !plain(byte(c)) }) {
		return text
	}
	var token strings.Builder
	for i := range len(text) {
		if c := text[i]; plain(c) {
			token.WriteByte(c)
		} else {
			token.Write([]byte{'=', upperHex[c>>4], upperHex[c&15]})
		}
	}
	return token.String()
}

func plain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}

// Untoken returns the text that Token encoded. What Token never writes is an
// error.
func Untoken(token string) (string, error) {
	switch token {
	case "":
		return "", errors.New("decode token: it is empty")
	case emptyToken:
		return "", nil
	}
	var text strings.Builder
	for i := 0; i < len(token); i++ {
		switch c := token[i]; {
		case plain(c):
			text.WriteByte(c)
		case c == '=' && i+2 < len(token):
			high, low := strings.IndexByte(upperHex, token[i+1]), strings.IndexByte(upperHex, token[i+2])
			if high < 0 || low < 0 {
				return "", fmt.Errorf("decode token %.100q: bad escape at byte %d", token, i)
			}
			text.WriteByte(byte(high<<4 | low))
			i += 2
		default:
			return "", fmt.Errorf("decode token %.100q: bad byte at %d", token, i)
		}
	}
	if Token(text.String()) != token {
		return "", fmt.Errorf("decode token %.100q: it is written in more than the one way", token)
	}
	return text.String(), nil
}
