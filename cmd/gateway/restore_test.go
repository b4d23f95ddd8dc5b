package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/qlikgateway/gateway/events/broker"
)

// TestBackupIsPutBackWhereThereIsNeitherShellNorSecret, as in a container that has the
// program and the volume: from standard input, over a store that is kept beside.
func TestBackupIsPutBackWhereThereIsNeitherShellNorSecret(t *testing.T) {
	t.Parallel()
	s := newSite(t, refreshSales, "--reload-time", "50ms")
	s.hook(`{"n":1}`)
	s.eventually("a run succeeds", func() bool { return s.runs("succeeded") == 1 })
	folder := filepath.Dir(s.config)
	backup, data := filepath.Join(folder, "gateway.tar"), filepath.Join(folder, "data")
	s.want(exitDone, "", "backup", backup)
	s.hook(`{"n":2}`)
	s.eventually("another succeeds", func() bool { return s.runs("succeeded") == 2 })

	restore := func(args ...string) (code int, said string) {
		file, err := os.ReadFile(backup)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		started := false
		command := newRootCommand(&started)
		command.SetIn(bytes.NewReader(file))
		command.SetOut(&out)
		command.SetErr(&out)
		command.SetArgs(append([]string{"restore", "--config", s.config}, args...))
		if err := command.Execute(); err != nil {
			return exitFailed, err.Error()
		}
		return exitDone, out.String()
	}
	refused := func(what, says string, args ...string) {
		t.Helper()
		if code, said := restore(args...); code == exitDone || !strings.Contains(said, says) {
			t.Errorf("%s: %d %s", what, code, said)
		}
	}
	refused("while the gateway runs", "in use by another gateway", "-", "--aside")
	s.gateway.kill()
	refused("over what is there", "--aside", "-")
	refused("nothing", "is no backup", os.DevNull, "--aside")
	if kept, err := filepath.Glob(data + ".*"); err != nil || len(kept) > 0 {
		t.Fatalf("kept beside it: %v, %v", kept, err)
	}
	s.reconfigure("secret: env:TEST_HOOK}", "secret: 'file:/nowhere'}")
	if code, said := restore("-", "--aside"); code != exitDone || !strings.Contains(said, "what was in "+data) {
		t.Fatalf("%d %s", code, said)
	}
	kept, err := filepath.Glob(data + ".*")
	if err != nil || len(kept) != 1 {
		t.Fatalf("kept beside it: %v, %v", kept, err)
	}
	if left, err := filepath.Glob(filepath.Join(folder, "restore-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	s.reconfigure("secret: 'file:/nowhere'}", "secret: env:TEST_HOOK}")
	s.start()
	if n := s.runs("succeeded"); n != 1 {
		t.Errorf("%d runs, want the one of the backup", n)
	}
	if aside, err := broker.SetAside(filepath.Join(folder, "none"), time.Now()); err != nil || aside != "" {
		t.Errorf("a folder that is not there: %q, %v", aside, err)
	}
}
