package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// loadConfig reads the configuration file at path and reports all mistakes in it
// at once, in the order of the file. The config is nil when a problem is more
// than a warning.
func loadConfig(path string) (*config, []problem) {
	c, problems, _ := loadWhole(path)
	return c, problems
}

// loadWhole is loadConfig, and says which files were looked for beside the configuration
// itself, also when one of them is what is wrong.
func loadWhole(path string) (*config, []problem, []string) {
	text, err := readFile(path)
	if err != nil {
		return nil, []problem{{File: path, Text: err.Error()}}, nil
	}
	return parseWhole(path, text, os.LookupEnv)
}

// configured loads the configuration that a command works with, and says what is
// wrong with it, warnings too, on errOut. Its error says what was not done.
func configured(path string, errOut io.Writer, undone string) (*config, error) {
	cfg, problems := loadConfig(path)
	return cfg, sayProblems(path, cfg, problems, errOut, undone)
}

// correct loads a configuration only to look at its rules, so without its secrets;
// what is wrong with it is for `gateway check` to say.
func correct(path string) (*config, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	cfg, problems := parseConfig(path, text, nil)
	if cfg == nil {
		return nil, fmt.Errorf("%s has %s; gateway check says which", path, count(mistakes(problems), "mistake"))
	}
	return cfg, nil
}

// configuredAlone loads a configuration for a command that needs no secrets: they and
// certificates may be elsewhere.
func configuredAlone(path string, errOut io.Writer, undone string) (*config, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	cfg, problems := parseConfig(path, text, nil)
	return cfg, sayProblems(path, cfg, problems, errOut, undone)
}

// sayProblems says what is wrong with a configuration, and returns an error where it cannot be used.
func sayProblems(path string, cfg *config, problems []problem, errOut io.Writer, undone string) error {
	for _, problem := range problems {
		if _, err := fmt.Fprintln(errOut, problem); err != nil {
			return err
		}
	}
	if cfg == nil {
		return fmt.Errorf("%s has mistakes; %s", path, undone)
	}
	return nil
}

// readFile reads no more of a file than parseDocument takes.
func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("read configuration: there is no such file; --config names another, and `gateway demo` needs none")
	}
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	defer file.Close() //nolint:errcheck // nothing was written
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return text, nil
}

// parseConfig understands a configuration in three steps, each for what the one
// before left standing: YAML, the schema, and what only code can check. Without a
// lookup, secrets are not read.
func parseConfig(file string, text []byte, lookup func(string) (string, bool)) (*config, []problem) {
	c, problems, _ := parseWhole(file, text, lookup)
	return c, problems
}

// parseWhole is parseConfig, and says which other files were looked for.
func parseWhole(file string, text []byte, lookup func(string) (string, bool)) (*config, []problem, []string) {
	document := parseDocument(bytes.TrimPrefix(text, []byte("\ufeff")))
	found := &findings{document: document, problems: document.problems}
	if document.value == nil {
		return nil, found.inOrder(file), nil
	}
	s, err := newSchema()
	if err != nil {
		return nil, []problem{{File: file, Text: err.Error()}}, nil
	}
	invalid := s.check(document.value)
	found.add(invalid)
	for _, p := range invalid {
		document.remove(p.Path)
	}
	if document.value == nil {
		return nil, found.inOrder(file), nil
	}
	var w written
	if err := decode(document.value, &w); err != nil {
		if mistakes(found.problems) == 0 {
			found.problems = append(found.problems, problem{Text: err.Error()})
		}
		return nil, found.inOrder(file), nil
	}
	r := &reader{written: w, lookup: lookup}
	c := r.read()
	found.add(r.problems)
	found.add(r.compiled)
	if mistakes(found.problems) > 0 {
		return nil, found.inOrder(file), r.files
	}
	return c, found.inOrder(file), r.files
}
