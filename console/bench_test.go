package console_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/qlikgateway/gateway/bridge"
)

// BenchmarkPages measures the pages with 100,000 ended and 1,000 open runs, over
// HTTP, and reports the slowest of a hundred.
func BenchmarkPages(b *testing.B) {
	d := newDesk(b)
	d.put(0, 100_000, bridge.RunSucceeded, bridge.StepSucceeded)
	d.put(100_000, 1_000, bridge.RunRunning, bridge.StepSubmitted)
	d.until("/runs?live=off", ">101000</span>")
	for _, path := range []string{"/", "/runs", "/runs?state=failed", "/api/v1/runs?limit=50"} {
		b.Run(path, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				began := time.Now()
				if page := d.ask(http.MethodGet, path, ""); page.StatusCode != http.StatusOK {
					b.Fatal(page.Status)
				}
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}
