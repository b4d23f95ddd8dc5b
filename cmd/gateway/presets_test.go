package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/qlikgateway/gateway/ingress"
)

func TestSendersPageIsWhatThePresetsSay(t *testing.T) {
	t.Parallel()
	const path = "../../docs/senders.md"
	_, text, _ := command("presets", "--markdown")
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if string(read(t, path)) != text {
		t.Errorf("%s is out of date: run `gateway presets --markdown > docs/senders.md`", path)
	}
}

// What the page says to write is what the gateway takes.
func TestEveryPresetsLineIsARightConfiguration(t *testing.T) {
	t.Parallel()
	for _, p := range ingress.Presets() {
		text := tenant + "rules: [{name: r, on: " + p.Name + ", app: 2f1c6e0a-0b1c-4d2e-8f3a-4b5c6d7e8f90, do: [reload]}]\nsources:\n  " + sourceLine(p) + "\n"
		c, problems := parseConfig("gateway.yaml", []byte(text), func(name string) (string, bool) {
			return "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", true
		})
		if c == nil || len(problems) > 0 {
			t.Errorf("%s:\n%s", p.Name, lines(problems))
		}
	}
}

func TestPresetsSayWhatToPasteIntoTheVendorsForm(t *testing.T) {
	t.Parallel()
	code, out, _ := command("presets", "fivetran", "--url", "https://hooks.example.org/")
	if code != 0 || !strings.Contains(out, "https://hooks.example.org/hooks/fivetran") || !strings.Contains(out, "fivetran: {preset: fivetran, secret: env:FIVETRAN_SECRET}") {
		t.Errorf("code %d:\n%s", code, out)
	}
	if code, out, _ = command("presets"); code != 0 || strings.Count(out, "\n") != len(ingress.Presets())+1 {
		t.Errorf("code %d:\n%s", code, out)
	}
	code, out, _ = command("presets", "github", "--json")
	var pages []presetPage
	if err := json.Unmarshal([]byte(out), &pages); err != nil || code != 0 || len(pages) != 1 || !strings.Contains(pages[0].Proof, "X-Hub-Signature-256") {
		t.Errorf("code %d, %v: %s", code, err, out)
	}
	if code, _, errOut := command("presets", "githb"); code != exitUsage || !strings.Contains(errOut, "no preset") {
		t.Errorf("code %d: %s", code, errOut)
	}
}
