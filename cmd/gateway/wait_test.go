package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// waited is the answer to a sender that waits.
type waited struct {
	ID       string
	Runs     []string
	Outcomes []struct{ ID, State, Rule string }
}

func TestSendersMayWaitForTheRunsTheirEventsBecamePartOf(t *testing.T) {
	t.Parallel()
	s := newSite(t, `
  - {name: refresh, on: [jobs, etl], when: "true", app: "{{Sales}}", gather: {quiet: 1s, max: 3s}, do: [reload]}
  - {name: again, on: jobs, when: "data.twice == true", app: "{{Sales}}", gather: none, do: [reload]}
`, "--reload-time", "100ms")
	conn, err := nats.Connect(s.up.NATS, nats.UserInfo("etl", testSecret))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var answers [3]waited
	var statuses [2]int
	var sending sync.WaitGroup
	for i, body := range []string{`{"twice":true}`, `{"n":2}`} {
		sending.Go(func() {
			status, answer := s.post("http://"+s.up.HTTP+"/hooks/jobs?wait=30s", body)
			statuses[i] = status
			if err := json.Unmarshal([]byte(answer), &answers[i]); err != nil {
				t.Error(err, answer)
			}
		})
	}
	sending.Go(func() {
		msg := nats.NewMsg("etl.x.done")
		msg.Data = []byte(`{"n":3}`)
		msg.Header.Set("Gateway-Wait", "30") // seconds
		reply, err := conn.RequestMsg(msg, 40*time.Second)
		if err != nil {
			t.Error(err)
			return
		}
		if err := json.Unmarshal(reply.Data, &answers[2]); err != nil {
			t.Error(err, string(reply.Data))
		}
	})
	sending.Wait()
	for i, want := range []int{2, 1, 1} {
		answer := answers[i]
		if i < 2 && statuses[i] != http.StatusOK || len(answer.Runs) != want || len(answer.Outcomes) != want {
			t.Fatalf("answer %d: %v %+v", i, statuses, answer)
		}
		for j, outcome := range answer.Outcomes {
			if outcome.State != "succeeded" || outcome.ID != answer.Runs[j] {
				t.Errorf("answer %d: %+v", i, answer)
			}
		}
	}
	joined := answers[1].Runs[0]
	if answers[0].Outcomes[0].ID != joined || answers[2].Runs[0] != joined {
		t.Errorf("three events that gather in one run are told of %+v", answers)
	}
	show := func(query string) int {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.up.HTTP+"/v1/runs/"+joined+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		status, _ := s.fetch(request)
		return status
	}
	// The source runs has the same secret here, and yet did not cause it; qlik signs.
	for query, want := range map[string]int{"?source=jobs": 200, "": 404, "?source=runs": 404, "?source=etl": 404, "?source=qlik": 401, "?source=nobody": 404} {
		if got := show(query); got != want {
			t.Errorf("shown%s: %d, want %d", query, got, want)
		}
	}
	if status, answer := s.post("http://"+s.up.HTTP+"/hooks/jobs?wait=1ms", `{"n":4}`); status != http.StatusAccepted || strings.Contains(answer, "outcomes") {
		t.Errorf("a short wait: %d %s", status, answer)
	}
}
