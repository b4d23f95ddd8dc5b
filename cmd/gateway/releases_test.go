package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// refill stores lines as they were, at their sequences.
func refill(t *testing.T, js jetstream.JetStream, stream jetstream.Stream, lines []storedLine) {
	t.Helper()
	filler := strings.NewReplacer("*", "filler", ">", "filler").Replace(stream.CachedInfo().Config.Subjects[0])
	written := strings.NewReplacer("qlik.events.", "gateway.out.") // outcomes are stored under another subject than they are written to
	next := uint64(1)
	put := func(msg *nats.Msg) {
		ack, err := js.PublishMsg(t.Context(), msg)
		if err != nil || ack.Sequence != next {
			t.Fatalf("store %s: %+v, %v, want sequence %d", msg.Subject, ack, err, next)
		}
		next++
	}
	for _, line := range lines {
		for next < line.Sequence {
			put(nats.NewMsg(filler))
		}
		msg := nats.NewMsg(written.Replace(line.Subject))
		msg.Data = []byte(line.Data)
		for name, values := range line.Header {
			if !strings.HasPrefix(name, "Nats-Expected") && !strings.HasPrefix(name, "Nats-Batch") {
				msg.Header[name] = values
			}
		}
		put(msg)
	}
	if err := stream.Purge(t.Context(), jetstream.WithPurgeSubject(filler)); err != nil {
		t.Fatal(err)
	}
}

// later returns a recording as if it had been made at another time.
func later(text []byte, by time.Duration) []byte {
	return regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)`).ReplaceAllFunc(text, func(old []byte) []byte {
		at, err := time.Parse(time.RFC3339Nano, string(old))
		if err != nil || at.Year() < 2000 { // the zero time
			return old
		}
		return []byte(at.Add(by).Format(time.RFC3339Nano))
	})
}

// TestStoreOfAnEarlierReleaseIsGoneOnWith: a gateway of this release, started on what one
// of an earlier release left behind when it was killed three hours ago, knows every run,
// and carries each open one to its end as if it had been its own.
func TestStoreOfAnEarlierReleaseIsGoneOnWith(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(recordings, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("recordings: %v, %v", files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			goOn(t, text)
		})
	}
}

// goOn starts a gateway on a recording, as if it had been made three hours ago.
func goOn(t *testing.T, text []byte) {
	t.Helper()
	var made estate
	if err := json.Unmarshal(text, &made); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(later(text, time.Since(made.At)-3*time.Hour), &made); err != nil {
		t.Fatal(err)
	}
	s := laidOut(t, embeddedBroker, made.Rules, "--reload-time", "100ms")
	s.stored(func(name string, js jetstream.JetStream, stream jetstream.Stream) {
		refill(t, js, stream, made.Streams[name])
	})
	s.start()
	state := func(rule string) string {
		runs := s.leftRuns()
		i := slices.IndexFunc(runs, func(run left) bool { return run.Rule == rule })
		if i < 0 {
			return "unknown"
		}
		return runs[i].State
	}
	becomes := func(rule, want string) {
		t.Helper()
		s.eventually(rule+" is "+want, func() bool { return state(rule) == want })
	}
	id := func(rule string) string {
		return made.Runs[slices.IndexFunc(made.Runs, func(run left) bool { return run.Rule == rule })].ID
	}
	for _, run := range made.Runs {
		if now := state(run.Rule); now == "unknown" {
			t.Errorf("run %s, which was %s, is not known", run.ID, run.State)
		}
	}
	becomes("gathered", "succeeded")
	becomes("lost", "succeeded")
	becomes("retried", "succeeded")
	s.hook(`{"part":"b","key":"k","n":8}`)
	becomes("joined", "succeeded")
	s.want(exitDone, "", "runs", "resolve", id("held"), "--as", "failed")
	becomes("held", "failed")
	if now := state("paused"); now != "gathering" {
		t.Errorf("what a person paused is %s", now)
	}
	s.want(exitDone, "", "resume", "rule", "paused")
	becomes("paused", "succeeded")
	s.eventually("the reload that was under way is asked for", func() bool { return len(s.calls("getReload")) > 0 })
	s.want(exitDone, "", "runs", "cancel", id("flying"))
	s.eventually("it is to be stopped", func() bool { return len(s.calls("cancelReload")) > 0 })
	if now := state("flying"); now != "running" { // until the tenant has denied the reload for a while
		t.Errorf("a run whose reload is under way is %s", now)
	}
	for rule, want := range map[string]string{"failed": "failed", "told": "succeeded", "chained": "succeeded"} {
		if now := state(rule); now != want {
			t.Errorf("%s, which had ended, is %s", rule, now)
		}
	}
	started := map[string]int{}
	for _, call := range s.calls("reloadApp") {
		started[call.AppID]++
	}
	if got := fmt.Sprint(started[s.sample("Sales")], started[s.sample("Finance")], started[s.sample("Inventory")]); got != "2 0 1" {
		t.Errorf("reloads of Sales, Finance and Inventory: %s, want 2 0 1", got)
	}
	s.want(exitDone, "buried", "dead", "ls")
	s.want(exitDone, "14 events seen, 12 would be replayed, 1 matched by no rule, 1 without a plan", "replay", "--from", "5h", "--dry-run")
	var told struct {
		Data []struct {
			Name     string
			Failures int
		}
	}
	s.decode([]byte(s.want(exitDone, "", "subscriptions", "ls", "--json")), &told)
	if len(told.Data) != 1 || told.Data[0].Name != "wall" || told.Data[0].Failures <= 5 { // there were 5
		t.Errorf("subscriptions: %+v", told.Data)
	}
	s.want(exitDone, "month-end", "events", "tail", "--once", "--last", "500", "--type", "rule.paused", "--json")
}
