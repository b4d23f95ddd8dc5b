package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestBackupThatBreaksOffIsNotTakenForOne(t *testing.T) {
	t.Parallel()
	s := newSite(t, "  []\n")
	folder := t.TempDir()
	whole := filepath.Join(folder, "whole.tar")
	s.want(exitDone, "as it was at", "backup", whole)
	text, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		bytes, code int
	}{{len(text), exitDone}, {len(text) / 2, exitFailed}, {0, exitFailed}} {
		console := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(text[:test.bytes]) }))
		var out, errOut bytes.Buffer
		if code := execute([]string{"backup", "-", "--server", console.URL}, &out, &errOut); code != test.code || !bytes.Equal(out.Bytes(), text[:test.bytes]) {
			t.Errorf("of %d bytes %d: exit code %d, want %d; %d came out; %s", len(text), test.bytes, code, test.code, out.Len(), &errOut)
		}
		path := filepath.Join(folder, "kept.tar")
		if code, _, _ := command("backup", path, "--server", console.URL); code != test.code {
			t.Errorf("of %d bytes %d kept: exit code %d, want %d", len(text), test.bytes, code, test.code)
		}
		console.Close()
		_, partErr := os.Stat(path + ".part")
		_, keptErr := os.Stat(path)
		_ = os.Remove(path)
		if partErr == nil || (keptErr == nil) != (test.code == exitDone) {
			t.Errorf("of %d bytes %d kept: part %v, file %v", len(text), test.bytes, partErr, keptErr)
		}
	}
}

// What was called before the time that is given is not looked for at Qlik: a time in the
// wrong zone would have it called twice.
func TestDataFolderOfATimeToComeIsNotTaken(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gateway.yaml")
	data := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(path, []byte(tenantWithKey+"broker: {data_dir: '"+data+"'}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(2 * time.Hour).UTC().Format(time.RFC3339)
	if code, _, errOut := command("restore", "--config", path, "--taken", later); code != exitFailed || !strings.Contains(errOut, "yet to come") {
		t.Errorf("exit code %d: %s", code, errOut)
	}
	if _, err := os.Stat(data); err == nil {
		t.Error("the folder was touched")
	}
}
