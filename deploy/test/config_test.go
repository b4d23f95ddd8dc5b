package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	core "k8s.io/api/core/v1"
)

// TestGatewayIsContentWithEveryRenderedConfiguration: `gateway check`, which reads a
// configuration as `gateway run` does, finds no mistake and nothing to warn of.
func TestGatewayIsContentWithEveryRenderedConfiguration(t *testing.T) {
	t.Parallel()
	binary := build(t)
	for _, values := range valuesFiles(t) {
		t.Run(filepath.Base(values), func(t *testing.T) {
			t.Parallel()
			var config core.ConfigMap
			objects := render(t, values)
			decode(t, one(t, objects, "ConfigMap", configName(objects)), &config)
			folder := t.TempDir()
			text := strings.ReplaceAll(config.Data["gateway.yaml"], "/etc/gateway", folder)
			for _, path := range regexp.MustCompile(regexp.QuoteMeta(folder)+`[^\s"',\]}]+`).FindAllString(text, -1) {
				write(t, path, "what would be mounted here")
			}
			file := filepath.Join(folder, "gateway.yaml")
			write(t, file, text)
			cmd := exec.Command(binary, "check", "--config", file)
			cmd.Env = []string{"ACME_SECRET=a secret"}
			if out, err := cmd.CombinedOutput(); err != nil || strings.Contains(string(out), "warning") {
				t.Errorf("gateway check: %v: %s in\n%s", err, out, text)
			}
		})
	}
}

// configName returns the name of the workload, which is its ConfigMap's.
func configName(objects []object) string {
	for _, o := range objects {
		if o.Kind == "StatefulSet" || o.Kind == "Deployment" {
			return o.Metadata.Name
		}
	}
	return ""
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
