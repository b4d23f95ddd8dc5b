package console

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/qlikgateway/gateway/events"
)

// tailAgain is how long the tail waits before it reads again where its reading broke.
const tailAgain = time.Second

// mostTold is how many outcomes are kept to show, and for listeners who come back.
const mostTold = 500

// A Told is an outcome that was published.
type Told struct {
	Sequence uint64          `json:"sequence"` // on the stream of outcomes
	Type     string          `json:"type"`
	Tenant   string          `json:"tenant"`
	Time     time.Time       `json:"time"`
	Subject  string          `json:"subject,omitempty"`
	Rule     string          `json:"rule,omitempty"`
	Run      string          `json:"run,omitempty"`
	Event    json.RawMessage `json:"event"` // the CloudEvent

	id string // of the CloudEvent
}

// Short returns the type without what all of them begin with.
func (t Told) Short() string { return strings.TrimPrefix(t.Type, events.TypePrefix) }

// About says what an outcome that no run is behind is about.
func (t Told) About() string {
	var told struct{ Data events.AuditData }
	if t.Type == events.TypeAuditRecorded && json.Unmarshal(t.Event, &told) == nil {
		return fmt.Sprintf("%s: %s %s, %s", told.Data.By, told.Data.Action, told.Data.Object, told.Data.Outcome)
	}
	return cmp.Or(t.Subject, t.Tenant)
}

// A tail keeps the newest outcomes and tells of new ones. Every listener shares one
// reader of the stream.
type tail struct {
	js     jetstream.JetStream
	stream string
	crowd  crowd[Told]

	mu     sync.RWMutex
	newest []Told // the oldest first
}

// run reads until ctx ends, and begins again where it was when the reading breaks.
func (t *tail) run(ctx context.Context) {
	defer t.crowd.dissolve()
	for ctx.Err() == nil {
		_ = t.read(ctx) // a broken reading is begun anew; readiness tells of a broker that is gone
		select {
		case <-ctx.Done():
		case <-time.After(tailAgain):
		}
	}
}

func (t *tail) read(ctx context.Context) error {
	stream, err := t.js.Stream(ctx, t.stream)
	if err != nil {
		return fmt.Errorf("read outcomes: %w", err)
	}
	from := t.last() + 1
	if last := stream.CachedInfo().State.LastSeq; last > mostTold {
		from = max(from, last-mostTold+1)
	}
	consumer, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: from, MaxResetAttempts: 1,
	})
	if err != nil {
		return fmt.Errorf("read outcomes: %w", err)
	}
	messages, err := consumer.Messages()
	if err != nil {
		return fmt.Errorf("read outcomes: %w", err)
	}
	defer messages.Stop()
	for {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return fmt.Errorf("read outcomes: %w", err)
		}
		if told, ok := toldOf(msg); ok {
			t.add(told)
		}
	}
}

func toldOf(msg jetstream.Msg) (Told, bool) {
	meta, err := msg.Metadata()
	if err != nil {
		return Told{}, false
	}
	return toldFrom(meta.Sequence.Stream, msg.Headers(), msg.Data())
}

// toldFrom reads an outcome as it is on the stream.
func toldFrom(sequence uint64, header nats.Header, body []byte) (Told, bool) {
	event, data, err := events.ReadOutcome(header, body)
	if err != nil {
		return Told{}, false
	}
	extension := func(name string) string { text, _ := event.Extensions()[name].(string); return text }
	return Told{
		Sequence: sequence, Type: event.Type(), Tenant: extension("tenant"), Time: event.Time(),
		Subject: event.Subject(), Rule: extension("rule"), Run: extension("correlationid"), Event: data, id: event.ID(),
	}, true
}

func (t *tail) add(told Told) {
	t.mu.Lock()
	if n := len(t.newest); n > 0 && told.Sequence <= t.newest[n-1].Sequence {
		t.mu.Unlock()
		return
	}
	t.newest = append(t.newest, told)
	if extra := len(t.newest) - mostTold; extra > 0 {
		t.newest = append(t.newest[:0:0], t.newest[extra:]...)
	}
	t.mu.Unlock()
	t.crowd.say(told)
}

func (t *tail) last() uint64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if n := len(t.newest); n > 0 {
		return t.newest[n-1].Sequence
	}
	return 0
}

// after returns the outcomes that are kept and chosen, behind a sequence, the
// oldest first.
func (t *tail) after(sequence uint64, chosen func(Told) bool) []Told {
	t.mu.RLock()
	defer t.mu.RUnlock()
	list := []Told{}
	for _, told := range t.newest {
		if told.Sequence > sequence && chosen(told) {
			list = append(list, told)
		}
	}
	return list
}
