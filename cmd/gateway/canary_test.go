package main

import (
	"fmt"
	"io/fs"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/nats-io/nats.go"
)

func TestNoSecretComesOutAnywhere(t *testing.T) {
	t.Parallel()
	s := newCanarySite(t)
	s.serve()
	conn, err := nats.Connect(s.up.NATS, nats.UserInfo("etl", canary("user/secret")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	if _, err := conn.Subscribe("qlik.events.>", func(msg *nats.Msg) { s.look("event", string(msg.Data)+fmt.Sprint(msg.Header)) }); err != nil {
		t.Fatal(err)
	}
	if _, err := nats.Connect(s.up.NATS, nats.UserInfo("etl", canary("wrong"))); err == nil {
		t.Error("a wrong password was taken")
	}
	s.deliver()
	bearer := http.Header{"Authorization": {"Bearer " + canary("consoleToken/secret")}}
	console := "http://" + s.up.Console
	var runs struct {
		Data []struct{ ID, State, Rule string }
	}
	s.eventually("runs that ended, well and badly", func() bool {
		s.decode([]byte(s.ask(http.MethodGet, console+"/api/v1/runs", "", bearer)), &runs)
		states := map[string]bool{}
		for _, run := range runs.Data {
			states[run.State] = true
		}
		return states["succeeded"] && (states["failed"] || states["held"]) && len(runs.Data) >= 8
	})
	s.browse(console, bearer, runs.Data[0].ID)
	s.command(runs.Data[0].ID)
	s.mistake()
	s.gateway.kill()
	err = filepath.WalkDir(filepath.Join(s.folder, "data"), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			s.look("store "+path, string(read(t, path)))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	t.Logf("searched, in bytes: %v", s.bytes)
	for _, what := range []string{"log", "delivery", "event", "answer", "stream", "command", "store", "trace"} {
		if s.bytes[what] == 0 {
			t.Errorf("nothing was searched of: %s", what)
		}
	}
}
