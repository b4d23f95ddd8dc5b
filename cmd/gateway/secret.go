package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
)

// A secret is a text from the configuration that is never printed: env:NAME,
// file:PATH, or the text itself.
type secret struct {
	reference string // as written
	value     string // what it stands for, once resolved
}

const (
	fromEnvironment = "env:"
	fromFile        = "file:"
	hidden          = "***"
	maxSecretFile   = 64 << 10
)

// UnmarshalJSON takes the text as written.
func (s *secret) UnmarshalJSON(text []byte) error {
	if err := json.Unmarshal(text, &s.reference); err != nil {
		return errors.New("read secret: expected text")
	}
	return nil
}

// String says where the secret comes from, and hides one that is written out.
func (s secret) String() string {
	if s.literal() {
		return hidden
	}
	return s.reference
}

// GoString hides the secret from %#v.
func (s secret) GoString() string { return s.String() }

// Format hides the secret from every other verb.
func (s secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalJSON hides the secret from JSON.
func (s secret) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// literal reports whether the secret itself is in the configuration.
func (s secret) literal() bool {
	return s.reference != "" && !strings.HasPrefix(s.reference, fromEnvironment) && !strings.HasPrefix(s.reference, fromFile)
}

// resolve finds the secret's value; lookup is os.LookupEnv, or nil where rules are
// only looked at: nothing is sent or proven then, and the secret may be elsewhere.
func (s *secret) resolve(lookup func(string) (string, bool)) error {
	if lookup == nil && !s.literal() && s.reference != "" {
		s.value = unresolved
		return nil
	}
	if name, ok := strings.CutPrefix(s.reference, fromEnvironment); ok {
		name = strings.TrimSpace(name)
		value, set := lookup(name)
		value = withoutLineEnd(value)
		switch {
		case !set:
			return fmt.Errorf("the environment variable %s is not set", name)
		case value == "":
			return fmt.Errorf("the environment variable %s is empty", name)
		}
		s.value = value
		return nil
	}
	if path, ok := strings.CutPrefix(s.reference, fromFile); ok {
		return s.read(path)
	}
	if variable := regexp.MustCompile(`^(\$[A-Z_][A-Z0-9_]*|\$\{\w+\}|\{\{ *\w+ *\}\}|ENV: *\w+)$`); variable.MatchString(s.reference) {
		name := strings.Trim(strings.TrimPrefix(s.reference, "ENV:"), "${} ")
		return fmt.Errorf("%s is not expanded; expected env:%s", s.reference, name)
	}
	s.value = s.reference
	return nil
}

// withoutLineEnd takes off the line end that editors add, and `echo` to what is put into
// a variable.
func withoutLineEnd(text string) string { return strings.TrimRight(text, "\r\n") }

// read takes the secret from a file.
func (s *secret) read(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", path)
	}
	if info.Size() > maxSecretFile {
		return fmt.Errorf("%s is larger than %d KiB; expected one secret", path, maxSecretFile>>10)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	s.value = withoutLineEnd(string(text))
	if s.value == "" {
		return fmt.Errorf("%s is empty", path)
	}
	return nil
}

// secrets are one secret or several that are accepted at the same time.
type secrets []secret

// UnmarshalJSON accepts a text or a list of texts.
func (s *secrets) UnmarshalJSON(text []byte) error {
	var one secret
	if one.UnmarshalJSON(text) == nil {
		*s = secrets{one}
		return nil
	}
	var many []secret
	if err := json.Unmarshal(text, &many); err != nil {
		return err
	}
	*s = many
	return nil
}
