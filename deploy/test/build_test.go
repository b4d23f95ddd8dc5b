package deploy_test

import (
	"debug/elf"
	"fmt"
	goversion "go/version"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// build returns the program, made with the very command of the Dockerfile.
func build(t *testing.T) string {
	t.Helper()
	return madeBy(t, built)
}

// buildExternal makes the program without a NATS server in it.
func buildExternal(t *testing.T) string {
	t.Helper()
	return madeBy(t, builtExternal)
}

func madeBy(t *testing.T, built func() (string, error)) string {
	t.Helper()
	binary, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// built makes the program once for all tests, in the folder that TestMain removes.
var (
	built         = sync.OnceValues(func() (string, error) { return buildWith("nomsgpack") })
	builtExternal = sync.OnceValues(func() (string, error) { return buildWith("nomsgpack,external") })
)

// buildWith makes the program as the Dockerfile does with the given TAGS.
func buildWith(tags string) (string, error) {
	text, err := os.ReadFile("../Dockerfile")
	if err != nil {
		return "", err
	}
	line := regexp.MustCompile(`(?m)^RUN .*go (build .*) -o (\S+) \./cmd/gateway$`).FindSubmatch(text)
	if line == nil {
		return "", fmt.Errorf("the Dockerfile does not build ./cmd/gateway")
	}
	binary := filepath.Join(buildFolder(), strings.ReplaceAll(tags, ",", "-"), path.Base(string(line[2])))
	cmd := exec.Command("sh", "-c", fmt.Sprintf("go %s -o %q ./cmd/gateway", line[1], binary))
	cmd.Dir, cmd.Env = "../..", append(os.Environ(), "CGO_ENABLED=0", "TAGS="+tags)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the program: %w: %s", err, out)
	}
	return binary, nil
}

// buildFolder is where this process's program is made.
func buildFolder() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("gateway-deploy-test-%d", os.Getpid()))
}

func TestProgramIsStatic(t *testing.T) {
	t.Parallel()
	program, err := elf.Open(build(t))
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close() //nolint:errcheck // only read
	if libraries, err := program.ImportedLibraries(); err != nil || len(libraries) > 0 {
		t.Errorf("it needs %v, %v", libraries, err)
	}
	for _, part := range program.Progs {
		if part.Type == elf.PT_INTERP {
			t.Error("it needs a loader")
		}
	}
}

// TestImageIsBuiltWithAGoThatTheModuleTakes: the golang image fetches no other.
func TestImageIsBuiltWithAGoThatTheModuleTakes(t *testing.T) {
	t.Parallel()
	version := func(file, pattern string) string {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		match := regexp.MustCompile(pattern).FindSubmatch(text)
		if match == nil {
			t.Fatalf("%s has no %s", file, pattern)
		}
		return "go" + string(match[1])
	}
	image, module := version("../Dockerfile", `golang:([0-9.]+)-`), version("../../go.mod", `(?m)^go ([0-9.]+)$`)
	if goversion.Compare(image, module) < 0 {
		t.Errorf("the Dockerfile has %s and go.mod wants %s", image, module)
	}
}

// TestEveryBuildIsTheSame: Dockerfile, Makefile and ko build with the same flags.
func TestEveryBuildIsTheSame(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"../Dockerfile":  `go build -trimpath -buildvcs=true -tags ${TAGS} -ldflags "-s -w -buildid="`,
		"../../Makefile": `go build -trimpath -buildvcs=true -tags $(TAGS) -ldflags "-s -w -buildid="`,
		"../../.ko.yaml": "flags: [-trimpath, -buildvcs=true, -tags, nomsgpack]\n    ldflags: [-s -w -buildid=]",
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(regexp.QuoteMeta(want)).Match(text) {
			t.Errorf("%s does not have %s", file, want)
		}
	}
}
