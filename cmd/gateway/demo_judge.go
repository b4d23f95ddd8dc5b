package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/qlikgateway/gateway/qlik/sim"
)

// A heard outcome is what a subscriber learns of one, as far as the judge needs.
type heard struct {
	ID   string `json:"id"`
	Type string `json:"type"`
	Data struct {
		Run      string `json:"run"`
		Rule     string `json:"rule"`
		ReloadID string `json:"reload_id"`
		Causes   struct {
			First []string `json:"first"`
		} `json:"causes"`
	} `json:"data"`
}

// noun returns the type's noun and participle, such as run.succeeded.
func (h heard) noun() string {
	parts := strings.Split(h.Type, ".")
	return strings.Join(parts[max(0, len(parts)-2):], ".")
}

// ends says whether the outcome is how a run ended.
func (h heard) ends() bool {
	return slices.Contains([]string{"run.succeeded", "run.failed", "run.canceled", "run.expired"}, h.noun())
}

// A subscriber keeps the outcomes that anybody with a NATS user would hear.
type subscriber struct {
	conn *nats.Conn
	mu   sync.Mutex
	all  []heard
	news chan struct{}
}

// subscribe connects as the user dashboards and listens to every outcome.
func subscribe(url, secret string) (*subscriber, error) {
	conn, err := nats.Connect(url, nats.UserInfo("dashboards", secret), nats.Name("demo subscriber"))
	if err != nil {
		return nil, fmt.Errorf("connect as dashboards: %w", err)
	}
	s := &subscriber{conn: conn, news: make(chan struct{}, 1)}
	if _, err := conn.Subscribe("qlik.events.>", s.hear); err != nil {
		conn.Close()
		return nil, fmt.Errorf("subscribe to outcomes: %w", err)
	}
	return s, conn.Flush()
}

func (s *subscriber) hear(msg *nats.Msg) {
	var outcome heard
	if err := json.Unmarshal(msg.Data, &outcome); err != nil {
		outcome.ID = "unreadable: " + err.Error() // told, but counts for nothing
	}
	s.mu.Lock()
	s.all = append(s.all, outcome)
	s.mu.Unlock()
	select {
	case s.news <- struct{}{}:
	default:
	}
}

func (s *subscriber) outcomes() []heard {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.all)
}

func (s *subscriber) close() { s.conn.Close() }

// await waits until every matched event has an end, or ctx ends.
func (s *subscriber) await(ctx context.Context, sent []delivered) {
	for lost(sent, s.outcomes()) > 0 {
		select {
		case <-ctx.Done():
			return
		case <-s.news:
		}
	}
}

// A summary is the demo's result. It is computed from the simulator's log of calls
// and from what a subscriber heard, never from what the gateway says of itself.
type summary struct {
	Events     int `json:"events"`          // taken, each once
	Runs       int `json:"runs"`            // that ended
	Reloads    int `json:"reloads_started"` // by the tenant's log
	Commands   int `json:"commands"`        // reloads, copies and publishes that the tenant carried out
	Outcomes   int `json:"outcomes"`        // heard, each once
	Lost       int `json:"lost"`            // matched rules of taken events without an end
	Duplicates int `json:"duplicates"`      // starts, runs or outcomes beyond the one
}

func (s summary) held() bool { return s.Lost == 0 && s.Duplicates == 0 }

// judge computes the summary.
func judge(sent []delivered, outcomes []heard, calls []sim.Call) summary {
	result := summary{Events: len(sent), Lost: lost(sent, outcomes)}
	ids, runs, told := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, outcome := range outcomes {
		if ids[outcome.ID] {
			result.Duplicates++
		}
		ids[outcome.ID] = true
		if outcome.ends() {
			runs[outcome.Data.Run] = true
		}
		if outcome.Data.ReloadID != "" {
			told[outcome.Data.ReloadID] = true
		}
	}
	result.Outcomes, result.Runs = len(ids), len(runs)
	for _, call := range calls {
		if call.Status < 200 || call.Status > 299 {
			continue
		}
		switch call.OperationID {
		case "reloadApp":
			result.Reloads++
			result.Commands++
			if call.Status == http.StatusCreated && !told[call.ReloadID] {
				result.Duplicates++ // started, and nobody was told
			}
		case "copyApp", "publishApp", "republishApp":
			result.Commands++
		}
	}
	for _, ends := range endings(outcomes) {
		result.Duplicates += max(0, len(ends)-1)
	}
	return result
}

// lost counts the pairs of event and matched rule that have no end.
func lost(sent []delivered, outcomes []heard) int {
	ends := endings(outcomes)
	missing := 0
	for _, event := range sent {
		for _, rule := range event.matches {
			if len(ends[[2]string{event.id, rule}]) == 0 {
				missing++
			}
		}
	}
	return missing
}

// endings returns the runs that ended for each event and rule.
func endings(outcomes []heard) map[[2]string]map[string]bool {
	ends := map[[2]string]map[string]bool{}
	for _, outcome := range outcomes {
		if !outcome.ends() {
			continue
		}
		for _, event := range outcome.Data.Causes.First {
			pair := [2]string{event, outcome.Data.Rule}
			if ends[pair] == nil {
				ends[pair] = map[string]bool{}
			}
			ends[pair][outcome.Data.Run] = true
		}
	}
	return ends
}
