package main

import (
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/qlikgateway/gateway/events/broker"
)

// recordAs makes TestStoreOfThisReleaseIsGoneOnWith write a recording of that name. It is
// done once for each release, and a recording is never made again.
var recordAs = flag.String("record", "", "write testdata/stores/NAME.json, what a gateway of this release leaves behind")

// recordings are stores that gateways of earlier releases left behind.
const recordings = "testdata/stores"

// An estate is everything that a killed gateway had stored, in the order in which it
// was stored, and the rules that it had.
type estate struct {
	At      time.Time               `json:"at"`
	Rules   string                  `json:"rules"` // as newSite takes them
	Runs    []left                  `json:"runs"`
	Streams map[string][]storedLine `json:"streams"` // by name
}

// A left is a run as it was left.
type left struct{ ID, Rule, State string }

// A storedLine is one message of a stream.
type storedLine struct {
	Sequence uint64      `json:"sequence"`
	Subject  string      `json:"subject"`
	Header   nats.Header `json:"header,omitempty"`
	Data     string      `json:"data"`
}

// leftBehind are rules that leave runs in every state that lasts.
const leftBehind = `
  - {name: gathered, on: jobs, when: data.do == "gather", app: "{{Sales}}", gather: {quiet: 1h, max: 2h}, do: [{reload: {variables: {DAY: "${data.day}"}}}]}
  - {name: flying, on: jobs, when: data.do == "fly", app: "{{Finance}}", gather: none, do: [reload]}
  - {name: lost, on: jobs, when: data.do == "lose", app: "{{Sales}}", gather: none, do: [reload]}
  - {name: held, on: jobs, when: data.do == "hold", app: "{{Sales}}", gather: none, do: [copy, {reload: {app: "${steps.copy.app_id}"}}], on_failure: [{emit: {type: com.example.stale}}]}
  - {name: joined, on: {all: {a: {source: jobs, when: data.part == "a"}, b: {source: jobs, when: data.part == "b"}}, key: data.key, within: 9h, on_timeout: expire}, do: [{emit: {type: com.example.joined, data: {a: "${events.a.data.n}"}}}]}
  - {name: paused, on: jobs, when: data.do == "pause", app: "{{Sales}}", gather: none, do: [{emit: {type: com.example.late}}]}
  - {name: retried, on: jobs, when: data.do == "retry", app: "{{Inventory}}", gather: none, retry: {on: [FAILED], attempts: 3, wait: 1h}, do: [reload]}
  - {name: failed, on: jobs, when: data.do == "fail", gather: none, do: [{assert: {app: "{{Finance}}", that: 'rows("Nothing") > 0'}}], always: [{emit: {type: com.example.checked}}]}
  - {name: told, on: jobs, when: data.do == "tell", gather: none, do: [{emit: {type: com.example.told}}]}
  - {name: chained, on: gateway, when: 'type == "com.example.told"', gather: none, do: [{emit: {type: com.example.chained}}]}
  - {name: buried, on: jobs, when: data.do == "bury", do: [{reload: {app: "${data.nope}"}}]}
subscriptions:
  - {name: wall, url: "http://127.0.0.1:9/told", allow: [127.0.0.1/32], validate: false, secret: env:TEST_HOOK}
`

// TestStoreOfThisReleaseIsGoneOnWith as those of earlier releases are.
func TestStoreOfThisReleaseIsGoneOnWith(t *testing.T) {
	t.Parallel()
	text := recorded(t)
	if *recordAs != "" {
		if err := os.WriteFile(filepath.Join(recordings, *recordAs+".json"), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	goOn(t, text)
}

// recorded leaves a run in every state that lasts, and returns what a gateway that is
// killed then has stored.
func recorded(t *testing.T) []byte {
	t.Helper()
	s := newSite(t, leftBehind, "--reload-time", "300ms")
	triggers := func(bodies ...string) {
		for _, body := range bodies {
			if status, answer := s.hook(body); status != http.StatusAccepted {
				t.Fatalf("%s: %d %s", body, status, answer)
			}
		}
	}
	state := func(rule, want string) {
		s.eventually(rule+" is "+want, func() bool {
			return slices.ContainsFunc(s.leftRuns(), func(run left) bool { return run.Rule == rule && run.State == want })
		})
	}
	triggers(`{"do":"tell"}`, `{"do":"fail"}`, `{"do":"bury"}`, `{"do":"nothing"}`, `{"part":"a","key":"k","n":7}`)
	state("chained", "succeeded")
	state("failed", "failed")
	s.fault(`{"operation":"reloadApp","count":1,"fail_reload":"EngineReloadError"}`)
	triggers(`{"do":"retry"}`)
	s.eventually("the reload failed", func() bool {
		_, out := s.cli("runs", "ls", "--rule", "retried", "--json")
		return strings.Contains(out, `"attempts"`) && strings.Contains(out, `"state":"waiting"`)
	})
	s.fault(`{"operation":"copyApp","count":1,"drop":"after"}`)
	triggers(`{"do":"hold"}`)
	state("held", "held")
	s.want(exitDone, "", "pause", "rule", "paused", "--reason", "month-end")
	triggers(`{"do":"pause"}`, `{"do":"gather","day":1}`, `{"do":"gather","day":2}`)
	state("gathered", "gathering")
	s.fault(`{"operation":"getReload","status":503,"count":2}`)
	triggers(`{"do":"fly"}`)
	s.eventually("a reload is under way", func() bool { return len(s.calls("reloadApp")) == 2 })
	s.fault(`{"operation":"reloadApp","count":1,"delay":"30s"}`)
	triggers(`{"do":"lose"}`)
	s.eventually("a call is not answered", func() bool { return len(s.calls("reloadApp")) == 3 })
	made := estate{At: time.Now().UTC(), Rules: leftBehind, Runs: s.leftRuns(), Streams: map[string][]storedLine{}}
	s.gateway.kill()
	s.stored(func(name string, _ jetstream.JetStream, stream jetstream.Stream) {
		made.Streams[name] = linesOf(t, stream)
	})
	text, err := json.MarshalIndent(made, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	host, _, _ := strings.Cut(holder(), "/")
	return []byte(strings.NewReplacer(s.tenant, "http://tenant.example", `"`+host+"/", `"replica/`).Replace(string(text)) + "\n")
}

// leftRuns returns every run that the gateway shows.
func (s *site) leftRuns() []left {
	s.t.Helper()
	var list struct{ Data []left }
	s.get("http://"+s.up.Console+"/api/v1/runs?limit=100", &list)
	return list.Data
}

// stored opens the store of a gateway that is stopped, and shows its streams.
func (s *site) stored(see func(name string, js jetstream.JetStream, stream jetstream.Stream)) {
	s.t.Helper()
	b, err := broker.Open(s.t.Context(), broker.Config{DataDir: filepath.Join(filepath.Dir(s.config), "data")}, zerolog.Nop())
	if err != nil {
		s.t.Fatal(err)
	}
	names := b.Names()
	for _, name := range []string{names.In, names.Unmatched, names.Out, names.Dead, names.Callbacks, "KV_" + names.Ledger} {
		stream, err := b.JetStream().Stream(s.t.Context(), name)
		if err != nil {
			s.t.Fatal(err)
		}
		see(name, b.JetStream(), stream)
	}
	if err := b.Close(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

func linesOf(t *testing.T, stream jetstream.Stream) []storedLine {
	t.Helper()
	var lines []storedLine
	state := stream.CachedInfo().State
	for sequence := state.FirstSeq; sequence <= state.LastSeq && state.Msgs > 0; sequence++ {
		msg, err := stream.GetMsg(t.Context(), sequence)
		if err != nil {
			continue // it was deleted
		}
		lines = append(lines, storedLine{Sequence: sequence, Subject: msg.Subject, Header: msg.Header, Data: string(msg.Data)})
	}
	return lines
}
