package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/qlikgateway/gateway/events"
)

const repository = "../.."

// documents returns every document of the repository by its path below the root.
func documents(tb testing.TB) map[string]string {
	tb.Helper()
	return files(tb, ".md")
}

// files returns the text of every file of the repository with the suffix.
func files(tb testing.TB, suffix string) map[string]string {
	tb.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(repository, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if slices.Contains([]string{".git", "dist", "node_modules", "testdata", "data"}, entry.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(path, suffix) {
			name, err := filepath.Rel(repository, path)
			if err != nil {
				return err
			}
			found[filepath.ToSlash(name)] = string(read(tb, path))
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return found
}

// A fence is a block of code in a document.
type fence struct {
	info string // what stands behind the backticks, such as `sh first-webhook`
	text string
	line int // of its first line
}

// fences returns the blocks of code of a document and its other lines, of which
// those of the blocks are empty. Lines with an indent of four are a block too.
func fences(text string) (blocks []fence, prose []string) {
	var open *fence
	for i, line := range strings.Split(text, "\n") {
		mark, fenced := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case fenced && open != nil:
			blocks, open = append(blocks, *open), nil
			line = ""
		case fenced:
			open = &fence{info: strings.TrimSpace(mark), line: i + 2}
			line = ""
		case open != nil:
			open.text += line + "\n"
			line = ""
		case strings.HasPrefix(line, "    ") && !strings.HasPrefix(strings.TrimSpace(line), "-"):
			blocks = append(blocks, fence{info: "indented", text: line + "\n", line: i + 1})
			line = ""
		}
		prose = append(prose, line)
	}
	return blocks, prose
}

var (
	codeSpan  = regexp.MustCompile("`[^`]+`")
	linkTo    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading   = regexp.MustCompile(`^#{1,6} (.*)$`)
	notInSlug = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchors are the names under which a document's headings can be linked to, as
// GitHub makes them.
func anchors(text string) []string {
	_, prose := fences(text)
	var names []string
	for _, line := range prose {
		if match := heading.FindStringSubmatch(line); match != nil {
			slug := notInSlug.ReplaceAllString(strings.ToLower(match[1]), "")
			names = append(names, strings.ReplaceAll(slug, " ", "-"))
		}
	}
	return names
}

func TestLinksOfEveryDocumentLeadSomewhere(t *testing.T) {
	t.Parallel()
	all := documents(t)
	if len(all) < 20 {
		t.Fatalf("only %d documents", len(all))
	}
	links := 0
	for name, text := range all {
		_, prose := fences(text)
		for i, line := range prose {
			for _, match := range linkTo.FindAllStringSubmatch(codeSpan.ReplaceAllString(line, ""), -1) {
				links++
				target, anchor, anchored := strings.Cut(match[1], "#")
				if strings.Contains(target, "://") {
					continue
				}
				path := filepath.ToSlash(filepath.Join(filepath.Dir(name), target))
				if target == "" {
					path = name
				}
				if _, err := os.Stat(filepath.Join(repository, path)); err != nil {
					t.Errorf("%s:%d: %s leads nowhere", name, i+1, match[1])
				}
				if anchored && strings.HasSuffix(path, ".md") && !slices.Contains(anchors(all[path]), anchor) {
					t.Errorf("%s:%d: %s has no heading %q", name, i+1, path, anchor)
				}
			}
		}
	}
	if links < 100 {
		t.Errorf("only %d links were found", links)
	}
}

var (
	testName = regexp.MustCompile(`(-run )?\b((?:Test|Fuzz|Benchmark)[A-Z]\w+)(\.\.\.)?`)
	testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`)
	pathSpan = regexp.MustCompile("`((?:\\.ci|bridge|cmd|console|deploy|docs|events|examples|ingress|qlik|schemas)/[\\w./-]+)`")
)

func TestTestsAndFilesThatDocumentsNameExist(t *testing.T) {
	t.Parallel()
	var tests []string
	for _, text := range files(t, "_test.go") {
		for _, match := range testFunc.FindAllStringSubmatch(text, -1) {
			tests = append(tests, match[1])
		}
	}
	for name, text := range documents(t) {
		for _, match := range testName.FindAllStringSubmatch(text, -1) {
			begin := match[1] != "" || match[3] != "" // only the beginning of its name
			if !slices.ContainsFunc(tests, func(test string) bool { return test == match[2] || begin && strings.HasPrefix(test, match[2]) }) {
				t.Errorf("%s names the test %s, which does not exist", name, match[2])
			}
		}
		for _, match := range pathSpan.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(repository, match[1])); err != nil {
				t.Errorf("%s names the file %s, which does not exist", name, match[1])
			}
		}
	}
}

// TestEveryReasonHasWhatToDo looks in the pages for people for each reason that a run,
// an event or a subscription may have.
func TestEveryReasonHasWhatToDo(t *testing.T) {
	t.Parallel()
	var rows strings.Builder
	for _, page := range []string{"operations.md", "dead-letters.md"} {
		for line := range strings.Lines(string(read(t, repository+"/docs/"+page))) {
			if cells := strings.Split(line, "|"); len(cells) >= 4 {
				rows.WriteString(cells[1])
			}
		}
	}
	for _, reason := range events.Reasons() {
		if !strings.Contains(rows.String(), "`"+string(reason)+"`") {
			t.Errorf("no table of docs/operations.md or docs/dead-letters.md has the reason %s", reason)
		}
	}
}
