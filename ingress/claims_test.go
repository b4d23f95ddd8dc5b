package ingress_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/ingress"
)

// refused checks that a reply is a problem of a status and that it says something.
func (r reply) refused(t *testing.T, status int, detail string) {
	t.Helper()
	if r.status != status || r.Status != status || r.Title == "" || r.Type == "" || r.Instance == "" {
		t.Errorf("answered %d %s, want a problem of status %d", r.status, r.raw, status)
	}
	if !strings.Contains(r.Detail, detail) {
		t.Errorf("detail is %q, want %q in it", r.Detail, detail)
	}
	if got := r.header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("Content-Type is %q", got)
	}
	for _, leak := range []string{"goroutine", ".go:", "panic", dbtSecret, fivetranSecret, token} {
		if strings.Contains(r.raw, leak) {
			t.Errorf("answer shows %q: %s", leak, r.raw)
		}
	}
}

func (d *door) nothingStored(t *testing.T) {
	t.Helper()
	if stored := d.shelf.arrivals(); len(stored) > 0 {
		t.Errorf("stored %v", stored)
	}
}

func (d *door) counted(t *testing.T, source string, result ingress.Result) float64 {
	t.Helper()
	families, err := d.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprint(map[string]string{"source": source, "result": string(result)})
	for _, family := range families {
		if family.GetName() != "qlik_gateway_ingress_requests_total" {
			continue
		}
		for _, metric := range family.GetMetric() {
			labels := map[string]string{}
			for _, label := range metric.GetLabel() {
				labels[label.GetName()] = label.GetValue()
			}
			if fmt.Sprint(labels) == want {
				return metric.GetCounter().GetValue()
			}
		}
	}
	return 0
}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func panics(context.Context, events.Arrival, []events.Target, uint64) (events.Receipt, error) {
	panic("boom")
}
