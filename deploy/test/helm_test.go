// Package deploy_test tries what is deployed: every object of the chart against the
// types of its API, and the real program with what the chart gives it.
package deploy_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"sigs.k8s.io/yaml"
)

const (
	chart     = "../helm"
	release   = "demo"
	namespace = "data"
)

// TestMain lets the test binary be a container runtime, see runtime_test.go.
func TestMain(m *testing.M) {
	if sandbox := os.Getenv(sandboxVariable); sandbox != "" {
		enter(sandbox)
	}
	code := m.Run()
	_ = os.RemoveAll(buildFolder())
	os.Exit(code)
}

// helm runs helm and returns what it printed, and whether it was content.
func helm(t *testing.T, args ...string) (string, bool) {
	t.Helper()
	path, err := helmPath()
	if err != nil {
		t.Fatalf("build helm: %v", err)
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), "HELM_CONFIG_HOME="+t.TempDir(), "HELM_CACHE_HOME="+t.TempDir(), "HELM_DATA_HOME="+t.TempDir())
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

// helmPath returns the helm that .ci/tools-deploy pins; the Go tool keeps it.
var helmPath = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("go", "-C", "../../.ci/tools-deploy", "tool", "-n", "helm").Output()
	return strings.TrimSpace(string(out)), err
})

// An object is one object that the chart renders.
type object struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name        string            `json:"name"`
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`

	json []byte
}

// render returns the chart's objects for a file of values and more arguments.
func render(t *testing.T, values string, args ...string) []object {
	t.Helper()
	out, ok := helm(t, append([]string{"template", release, chart, "-n", namespace, "-f", values}, args...)...)
	if !ok {
		t.Fatalf("helm template -f %s: %s", values, out)
	}
	var objects []object
	for _, document := range bytes.Split([]byte("\n"+out), []byte("\n---")) {
		text, err := yaml.YAMLToJSONStrict(document)
		if err != nil {
			t.Fatalf("%s: %v in\n%s", values, err, document)
		}
		o := object{json: text}
		if err := yaml.Unmarshal(text, &o); err != nil {
			t.Fatal(err)
		}
		if o.Kind != "" {
			objects = append(objects, o)
		}
	}
	return objects
}

// one returns the only object of a kind whose name ends as said.
func one(t *testing.T, objects []object, kind, suffix string) object {
	t.Helper()
	var found []object
	for _, o := range objects {
		if o.Kind == kind && strings.HasSuffix(o.Metadata.Name, suffix) {
			found = append(found, o)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d objects %s *%s, want 1", len(found), kind, suffix)
	}
	return found[0]
}

// valuesFiles returns the files of values that the chart is tried with.
func valuesFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(chart, "ci", "*-values.yaml"))
	if err != nil || len(files) < 4 {
		t.Fatalf("values files: %v, %v", files, err)
	}
	return files
}
