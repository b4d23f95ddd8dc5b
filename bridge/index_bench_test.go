package bridge_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/qlikgateway/gateway/bridge"
)

// BenchmarkIndex measures what the console asks of an index of 100,000 ended and
// 1,000 open runs.
func BenchmarkIndex(b *testing.B) {
	store, ledger := openStore(b)
	fill(b, store.JetStream(), store.Names().Ledger, 1_000, 100_000)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	began := time.Now()
	x, changed := index(b, ledger, bridge.DefaultIndexed)
	await(b, changed, x.Loaded)
	loading := time.Since(began)
	runtime.GC()
	runtime.ReadMemStats(&after)
	perRun := float64(after.HeapAlloc-before.HeapAlloc) / 101_000
	b.Run("list", func(b *testing.B) {
		for b.Loop() {
			x.List(bridge.RunQuery{})
		}
		b.ReportMetric(loading.Seconds(), "load-s")
		b.ReportMetric(perRun, "B/run")
	})
	b.Run("rare", func(b *testing.B) {
		for b.Loop() {
			x.List(bridge.RunQuery{State: bridge.RunHeld})
		}
	})
	b.Run("flow", func(b *testing.B) {
		for b.Loop() {
			x.Flow("", time.Now().Add(-time.Hour))
		}
	})
	b.Run("records", func(b *testing.B) {
		for b.Loop() {
			if _, err := x.Full(context.Background(), bridge.RunQuery{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
