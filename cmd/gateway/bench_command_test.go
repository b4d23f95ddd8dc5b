package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/qlikgateway/gateway/events/broker"
	"github.com/qlikgateway/gateway/qlik"
)

// inAMinute is how many triggers each round has: fewer than Qlik's quota for a minute.
const inAMinute = 40

// A commanded stage notes when its tenant is called for a reload.
type commanded struct {
	*stage
	front *httptest.Server

	mu    sync.Mutex
	calls []time.Time
	sent  []time.Time
}

// BenchmarkCommand measures how long an idle gateway takes from a trigger to its call
// at Qlik, in turns with a gin handler that calls at once and keeps nothing. A round is
// 40 triggers each, 50 ms apart.
func BenchmarkCommand(b *testing.B) {
	b.Setenv("GATEWAY_TEST_MAIN", "1")
	for b.Loop() {
		queued, direct := newCommanded(b), newCommanded(b)
		forward := forwarder(b, direct)
		tick := time.NewTicker(50 * time.Millisecond)
		for n := range inAMinute {
			<-tick.C
			queued.sent = append(queued.sent, time.Now())
			if err := queued.trigger(b.Context(), n); err != nil {
				b.Fatal(err)
			}
			<-tick.C
			direct.sent = append(direct.sent, time.Now())
			if err := post(b.Context(), http.DefaultClient, target{URL: forward.URL + "/" + direct.apps[n]}); err != nil {
				b.Fatal(err)
			}
		}
		tick.Stop()
		forward.Close()
		own, floor := queued.middle(b), direct.middle(b)
		b.ReportMetric(own.Seconds()*1000, "gateway-p50-ms")
		b.ReportMetric(floor.Seconds()*1000, "direct-p50-ms")
		b.ReportMetric(own.Seconds()/floor.Seconds(), "ratio")
	}
}

// forwarder is a gin handler that starts the reload of the app in its path.
func forwarder(b *testing.B, c *commanded) *httptest.Server {
	b.Helper()
	client, err := qlik.New(qlik.Config{URL: c.front.URL, Dialect: qlik.OpenAPI, APIKey: c.key})
	if err != nil {
		b.Fatal(err)
	}
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.POST("/:app", func(g *gin.Context) {
		if _, err := client.ReloadApp(g.Request.Context(), qlik.ReloadCreate{AppID: g.Param("app")}); err != nil {
			g.String(http.StatusBadGateway, err.Error())
			return
		}
		g.Status(http.StatusAccepted)
	})
	return httptest.NewServer(router)
}

// newCommanded starts a tenant with an app for each trigger, and a gateway that calls
// it through what notes the time.
func newCommanded(b *testing.B) *commanded {
	b.Helper()
	s, err := newStage(b.Context(), inAMinute, broker.SyncAlways, "gather: none")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(s.close)
	c := &commanded{stage: s}
	tenant, err := url.Parse(s.tenant)
	if err != nil {
		b.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(tenant)
	c.front = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/reloads") {
			c.mu.Lock()
			c.calls = append(c.calls, time.Now())
			c.mu.Unlock()
		}
		proxy.ServeHTTP(w, r)
	}))
	b.Cleanup(c.front.Close)
	text, err := os.ReadFile(s.config)
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(s.config, bytes.ReplaceAll(text, []byte(s.tenant), []byte(c.front.URL)), 0o600); err != nil {
		b.Fatal(err)
	}
	end(s.gateway)
	if err := s.start(); err != nil {
		b.Fatal(err)
	}
	return c
}

// middle waits until every app was called and returns the median from trigger to call.
func (c *commanded) middle(b *testing.B) time.Duration {
	b.Helper()
	took := make([]time.Duration, inAMinute)
	err := until(b.Context(), func() (bool, error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		for i, call := range c.calls[:min(len(c.calls), inAMinute)] {
			took[i] = call.Sub(c.sent[i])
		}
		return len(c.calls) >= inAMinute, nil
	})
	if err != nil {
		b.Fatal(err)
	}
	slices.Sort(took)
	return took[len(took)/2]
}
