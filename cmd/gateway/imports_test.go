package main

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const modulePath = "github.com/qlikgateway/gateway/"

// TestImportsAreTheDocumentedOnes compares the block of docs/architecture.md with
// what `go list` says of each package's own code.
func TestImportsAreTheDocumentedOnes(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```imports\n")
	block, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("docs/architecture.md has no imports block")
	}
	allowed := map[string][]string{}
	for line := range strings.Lines(block) {
		from, to, _ := strings.Cut(line, "->")
		allowed[strings.TrimSpace(from)] = strings.Fields(to)
	}
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, modulePath+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		from := strings.TrimPrefix(words[0], modulePath)
		may, known := allowed[from]
		if !known {
			t.Errorf("package %s is not in the imports block", from)
		}
		for _, path := range words[1:] {
			if to, ours := strings.CutPrefix(path, modulePath); ours && !slices.Contains(may, to) {
				t.Errorf("%s imports %s, which the imports block does not allow", from, to)
			}
		}
	}
}
