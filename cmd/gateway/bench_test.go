package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

func TestBenchMeasuresTheGatewayBesideItsFloors(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "bench.json")
	p := start(t, "bench", "--rounds", "1", "--lasts", "200ms", "--rate", "50", "--connections", "8", "--out", out)
	p.line("accepted a second, gateway / gin+batch")
	var report benchReport
	if err := json.Unmarshal(read(t, out), &report); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{benchGateway, benchInterval, floorGin, floorPublish, floorBatch, floorAsync} {
		for _, m := range []measure{report.Full[name], report.Steady[name]} {
			if m.Answered == 0 || m.Failed > 0 || m.P99 < m.P50 {
				t.Errorf("%s: %+v", name, m)
			}
		}
	}
	if len(report.Ratios) != 4 {
		t.Errorf("ratios: %+v", report.Ratios)
	}
}

func TestBurstOfTriggersIsTwoReloadsForEachApp(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "bench.json")
	start(t, "bench", "--burst", "100", "--out", out).line("100 triggers for 20 apps")
	var report benchReport
	if err := json.Unmarshal(read(t, out), &report); err != nil {
		t.Fatal(err)
	}
	if got := report.Burst; got.Reloads < got.Apps || got.Reloads > 2*got.Apps {
		t.Errorf("%+v", got)
	}
}

func TestKilledGatewayTakesUpEveryEventItHadNotRead(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "bench.json")
	start(t, "bench", "--recover", "500", "--out", out).line("kill -9 with 500 events of which none was read")
	var report benchReport
	if err := json.Unmarshal(read(t, out), &report); err != nil {
		t.Fatal(err)
	}
	if got := report.Recovery; got.Bare == 0 || got.Command <= 0 || got.Admitted <= got.Up || got.Runs < waitingApps || got.RSS < got.Live {
		t.Errorf("%+v", got)
	}
}

// A server that stalls must not make the load wait for it: requests that could not be
// sent meanwhile count from when they were due.
func TestLatencyCountsFromWhenARequestWasDue(t *testing.T) {
	t.Parallel()
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) == 1 {
			select {
			case <-time.After(300 * time.Millisecond):
			case <-r.Context().Done():
			}
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(server.Close)
	got, err := load{connections: 1, rate: 100, lasts: 400 * time.Millisecond}.put(t.Context(), target{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	if got.Answered != 40 || got.P50 < 100 {
		t.Errorf("%+v: 40 requests were due, and half of them came while the server stalled", got)
	}
}
