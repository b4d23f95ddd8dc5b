package sim_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/qlikgateway/gateway/qlik"
	"github.com/qlikgateway/gateway/qlik/sim"
)

// benchClient makes a client of a tenant without quotas.
func benchClient(b *testing.B) (*sim.Tenant, *qlik.Client) {
	b.Helper()
	tenant := sim.New(sim.Config{ReloadTime: time.Nanosecond, Quota: sim.Unlimited()})
	c, err := qlik.New(qlik.Config{URL: "https://sim.test", APIKey: tenant.APIKey(), Transport: tenant.Transport()})
	if err != nil {
		b.Fatal(err)
	}
	return tenant, c
}

// BenchmarkClientReads measures a call of the client within the process.
func BenchmarkClientReads(b *testing.B) {
	tenant, c := benchClient(b)
	app := tenant.App("Sales")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.GetApp(b.Context(), app); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkClientReloads measures starting reloads, whose bodies are held against
// the document.
func BenchmarkClientReloads(b *testing.B) {
	tenant, c := benchClient(b)
	reload := qlik.ReloadCreate{AppID: tenant.App("Inventory"), Variables: map[string]string{"BATCH": "7"}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.ReloadApp(b.Context(), reload); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkTenantOverASocket measures requests per second with 8 callers.
func BenchmarkTenantOverASocket(b *testing.B) {
	tenant := sim.New(sim.Config{Quota: sim.Unlimited()})
	address := serve(b, tenant)
	app := tenant.App("Sales")
	b.SetParallelism(4)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, address+"/api/v1/apps/"+app, nil)
			if err != nil {
				b.Error(err)
				return
			}
			req.Header.Set("Authorization", "Bearer "+tenant.APIKey())
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				b.Error(err)
				return
			}
			var body strings.Builder
			_, err = io.Copy(&body, resp.Body)
			_ = resp.Body.Close() // it was read to its end
			if err != nil || resp.StatusCode != 200 {
				b.Errorf("%d %s, %v", resp.StatusCode, body.String(), err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}

// BenchmarkNewTenant measures making a tenant and its first request, which reads
// the document.
func BenchmarkNewTenant(b *testing.B) {
	for b.Loop() {
		_, c := benchClient(b)
		if _, err := c.GetAppsPrivileges(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
