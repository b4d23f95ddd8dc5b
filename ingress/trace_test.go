package ingress

import (
	"context"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"

	"github.com/qlikgateway/gateway/events"
)

func untraced() (*Ingress, events.Arrival) {
	event := cloudevents.New()
	event.SetID("e-1")
	event.SetSource("/sources/jobs")
	return &Ingress{config: Config{
		Append: func(context.Context, events.Arrival, []events.Target, uint64) (events.Receipt, error) {
			return events.Receipt{}, nil
		},
	}}, events.Arrival{Source: "jobs", Event: event}
}

func (in *Ingress) storeOnce(a events.Arrival) {
	_, _ = in.append(context.Background(), &Live{}, a, nil)
	in.accepted(a, Answer{ID: "e-1"}, time.Time{})
}

func TestTracesThatAreOffCostNoAllocation(t *testing.T) { //nolint:paralleltest // it counts allocations
	in, a := untraced()
	if n := testing.AllocsPerRun(1000, func() { in.storeOnce(a) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkTraceHops(b *testing.B) {
	in, a := untraced()
	b.Run("off", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			in.storeOnce(a)
		}
	})
	in.config.Trace = func(events.Hop) {}
	b.Run("on", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			in.storeOnce(a)
		}
	})
}
