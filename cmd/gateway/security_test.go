package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// docs/security.md names the test for each defence; a name that no test has would
// be an empty promise.
func TestSecurityPageNamesTestsThatExist(t *testing.T) {
	t.Parallel()
	var source strings.Builder
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, "_test.go") {
			source.Write(read(t, path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	page := string(read(t, filepath.Join(root, "docs", "security.md")))
	for _, name := range regexp.MustCompile("`((Test|Fuzz)[A-Za-z0-9]+)`").FindAllStringSubmatch(page, -1) {
		if !strings.Contains(source.String(), "func "+name[1]+"(") {
			t.Errorf("there is no test %s", name[1])
		}
	}
	for _, path := range regexp.MustCompile("`([a-z./]+/[a-z_]+\\.go)`").FindAllStringSubmatch(page, -1) {
		if _, err := os.Stat(filepath.Join(root, path[1])); err != nil {
			t.Errorf("there is no file %s", path[1])
		}
	}
}
