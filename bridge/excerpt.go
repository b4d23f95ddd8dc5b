package bridge

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

const (
	mostExcerpt = 2 << 10  // bytes of a log that an outcome tells
	mostTail    = 64 << 10 // of those that are looked at for it
)

// LogEnd reads a reload's log and returns its last so many bytes, from the beginning
// of a line, without what looks like a secret or names a person.
func LogEnd(log io.Reader, most int) (string, error) {
	text, err := lastOf(log, most)
	return scrub(text), err
}

// excerpt is what an outcome tells of a log: its last lines.
func excerpt(log io.Reader) (string, error) {
	text, err := LogEnd(log, mostTail)
	if err != nil {
		return "", err
	}
	text = strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
	if len(text) <= mostExcerpt {
		return text, nil
	}
	text = strings.ToValidUTF8(text[len(text)-mostExcerpt:], "")
	if _, whole, found := strings.Cut(text, "\n"); found {
		text = whole
	}
	return text, nil
}

// said is why a reload ended badly in Qlik's words, of which a script can choose some:
// no more than fits a record, and without what looks like a secret.
func said(message string) string {
	if message == "" {
		return "" // nearly always
	}
	if len(message) > mostExcerpt {
		message = strings.ToValidUTF8(message[:mostExcerpt], "") + "..."
	}
	return scrub(message)
}

// lastOf returns the last so many bytes of a text, from the beginning of a line.
func lastOf(text io.Reader, most int) (string, error) {
	var kept []byte
	buffer := make([]byte, 32<<10)
	cut := false
	for {
		n, err := text.Read(buffer)
		kept = append(kept, buffer[:n]...)
		if len(kept) > 2*most {
			kept, cut = append(kept[:0:0], kept[len(kept)-most:]...), true
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", fmt.Errorf("read log: %w", err)
		}
	}
	if len(kept) > most {
		kept, cut = kept[len(kept)-most:], true
	}
	last := strings.ToValidUTF8(string(kept), "\uFFFD")
	if _, whole, found := strings.Cut(last, "\n"); cut && found {
		last = "(the beginning is left out)\n" + whole
	}
	return last, nil
}

// scrub leaves out what looks like a secret or names a person: a script can print what
// it connects with, and as whom.
func scrub(text string) string {
	for _, hide := range []struct{ what, with string }{
		{`(?i)((?:password|passwd|pwd|passphrase|secret|token|credential|api[_-]?key|access[_-]?key|account[_-]?key|signature|sig|authorization|user|user[ _-]?id|user[ _-]?name|uid|xuserid|xpassword)["']?\s*(?:=|:|\bis\b)\s*(?:bearer\s+|basic\s+)?)("[^"\n]*"|'[^'\n]*'|\[[^\]\n]*\]|[^\s;,&"'\[]+)`, "$1***"},
		{`(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}`, "$1 ***"},
		{`(://)[^\s/@]+@`, "$1***@"},
		{`\beyJ[\w-]+\.[\w-]*\.?[\w-]*`, "***"},
		{`\bAKIA[0-9A-Z]{16}\b`, "***"},
		{`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z)`, "***"},
		{`[\w.%+'-]+@[\w-]+(?:\.[\w-]+)+`, "***"},
		{`(?i)([\\/](?:users|home)[\\/])[^\\/\s;:'"]+`, "$1***"},
		{`\b(?:\d{1,3}\.){3}\d{1,3}\b`, "***"},
		{`\b[A-Za-z0-9+_-]{40,}={0,2}`, "***"},
	} {
		text = regexp.MustCompile(hide.what).ReplaceAllString(text, hide.with)
	}
	return text
}
