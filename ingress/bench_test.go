package ingress_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/ingress"
)

// A nowhere takes answers and keeps their status.
type nowhere struct {
	header http.Header
	status int
}

func (n *nowhere) Header() http.Header         { return n.header }
func (n *nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (n *nowhere) WriteHeader(status int)      { n.status = status }

// BenchmarkDelivery is a signed delivery of 2 KiB from its header to its answer, but for
// the journal.
func BenchmarkDelivery(b *testing.B) {
	in, err := ingress.New(ingress.Config{
		Append: func(_ context.Context, _ events.Arrival, targets []events.Target, _ uint64) (events.Receipt, error) {
			return events.Receipt{Sequences: make([]uint64, len(targets))}, nil
		},
		Registerer: prometheus.NewRegistry(), Log: zerolog.New(io.Discard),
	})
	if err != nil {
		b.Fatal(err)
	}
	quick := live(b, sources(), 1)
	quick.Rate = ingress.Rate{Count: 1 << 30, Per: time.Second}
	in.Set(quick)
	handler, err := in.Handler()
	if err != nil {
		b.Fatal(err)
	}
	pad := `"pad": "` + strings.Repeat("x", 2000) + `"`
	dbt := `{"eventId":"wev_1","accountId":4021,"eventType":"job.run.completed","timestamp":"2026-11-23T06:00:00Z","data":{"jobId":"70403","jobName":"sales nightly","runId":"1","projectId":"167","runStatusCode":10,"runStatus":"Success",` + pad + `}}`
	for name, tt := range map[string]struct{ path, media, body string }{
		"preset":     {"/hooks/dbt", "application/json", dbt},
		"webhook":    {"/hooks/jobs", "application/json", `{"done": true, ` + pad + `}`},
		"structured": {"/events", "application/cloudevents+json", `{"specversion": "1.0", "id": "1", "source": "/a", "type": "t", "data": {"done": true, ` + pad + `}}`},
	} {
		b.Run(name, func(b *testing.B) {
			request, _ := http.NewRequest(http.MethodPost, tt.path, http.NoBody)
			request.Header.Set("Content-Type", tt.media)
			request.Header.Set("Authorization", "Bearer "+token)
			request.RemoteAddr, request.ContentLength = "192.0.2.1:4711", int64(len(tt.body))
			verifier, secret := ingress.Verifier{HMAC: &ingress.HMAC{Header: "X-Signature", Prefix: "sha256="}}, token
			if name == "preset" {
				verifier, secret = ingress.Verifier{HMAC: &ingress.HMAC{Header: "Authorization", Encoding: ingress.Hex}}, dbtSecret
				request.Header.Del("Authorization")
			}
			if err := verifier.Sign(request.Header, []byte(tt.body), secret, time.Now()); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				answer := &nowhere{header: http.Header{}}
				request.Body = io.NopCloser(bytes.NewReader([]byte(tt.body)))
				if handler.ServeHTTP(answer, request); answer.status != http.StatusAccepted {
					b.Fatal(answer.status)
				}
			}
		})
	}
}
