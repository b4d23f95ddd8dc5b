package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestLinkerDropsMethodsThatNobodyCalls asks the linker for what it reaches, and from
// where. Once it reaches a function that calls reflect's Method, or MethodByName with a
// name that is no constant, it keeps every exported method of every type: ten megabytes.
func TestLinkerDropsMethodsThatNobodyCalls(t *testing.T) {
	t.Parallel()
	example := filepath.Join(t.TempDir(), "main.go")
	source := "package main\n\nimport (\n\t\"os\"\n\t\"reflect\"\n)\n\nfunc main() { println(reflect.ValueOf(os.Stdin).MethodByName(os.Args[0]).IsValid()) }\n"
	if err := os.WriteFile(example, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	if reflecting(t, example) == "" {
		t.Fatal("the linker does not tell of a program that calls methods by any name")
	}
	if way := reflecting(t, "."); way != "" {
		t.Errorf("methods are called by names that the linker cannot know, so it keeps all of them (docs/adr/0017-compiled-pages.md):\n%s", way)
	}
}

// reflecting returns the first function of a program that may call any method, below
// it from where it is reached; "" when there is none.
func reflecting(t *testing.T, program string) string {
	t.Helper()
	out, err := exec.Command("go", "build", "-o", os.DevNull, "-ldflags=-s -w -dumpdep", program).CombinedOutput()
	if err != nil {
		t.Fatalf("go build %s: %v", program, err)
	}
	plain := strings.NewReplacer(" <UsedInIface><ReflectMethod>", "", " <UsedInIface>", "", " <ReflectMethod>", "")
	from, way := map[string]string{}, ""
	for line := range strings.Lines(string(out)) {
		by, reached, _ := strings.Cut(strings.TrimSpace(line), " -> ")
		name := plain.Replace(reached)
		if _, before := from[name]; before {
			continue
		}
		from[name] = plain.Replace(by)
		if way != "" || !strings.HasSuffix(reached, "<ReflectMethod>") {
			continue
		}
		for ; name != ""; name = from[name] {
			way += "\t" + name + "\n"
		}
	}
	if from["main.main"] == "" {
		t.Fatalf("the linker's list of %s is not what it was: %d lines", program, len(from))
	}
	return way
}
