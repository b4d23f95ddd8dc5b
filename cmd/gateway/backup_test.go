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

// A command on the store of a stopped gateway, given another folder or a wrong time, would
// say that it is done: its gateway then calls twice what was called since.
func TestStoreOfAStoppedGatewayIsNotMistaken(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gateway.yaml")
	data := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(path, []byte(tenantWithKey+"broker: {data_dir: '"+data+"'}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(2 * time.Hour).UTC().Format(time.RFC3339)
	for _, test := range []struct {
		says string
		args []string
	}{
		{"yet to come", []string{"restore", "--taken", later}},
		{"no gateway has worked in " + data, []string{"restore", "--taken", "2026-01-01T00:00:00Z"}},
		{"no gateway has worked in " + data, []string{"tenants", "drop", "gone"}},
	} {
		if code, _, errOut := command(append(test.args, "--config", path)...); code != exitFailed || !strings.Contains(errOut, test.says) {
			t.Errorf("%v: exit code %d: %s", test.args, code, errOut)
		}
		if _, err := os.Stat(data); err == nil {
			t.Errorf("%v: a store was made", test.args)
		}
	}
}
