package events

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	"github.com/nats-io/nats.go/jetstream"
)

// publishWithin is how long the broker may take for one message of many before all that
// are not acknowledged count as not stored: when a cluster loses the server that leads
// the stream, the answers of what was under way never come.
const publishWithin = 4 * time.Second

// PublisherConfig says where outcomes go and who tells them.
type PublisherConfig struct {
	Subject string // outcomes go to <Subject>.<tenant>.<noun>.<participle>.<key>; see broker.Names
	Source  string // the CloudEvents source is <Source>/<tenant>; default /qlikgateway
	Binary  bool   // outcomes go out in binary mode: attributes as ce- headers; default structured

	CallbackSubject string // who is to be called back goes to <CallbackSubject>.<tenant>.<source>
}

// A Publisher tells outcomes.
type Publisher struct {
	js     jetstream.JetStream
	cfg    PublisherConfig
	writer *writer
}

// NewPublisher returns a publisher to an existing stream.
func NewPublisher(js jetstream.JetStream, cfg PublisherConfig) *Publisher {
	if cfg.Source == "" {
		cfg.Source = "/qlikgateway"
	}
	return &Publisher{js: js, cfg: cfg, writer: &writer{js: js}}
}

// Publish tells outcomes in their order and returns when the broker has stored
// all of them. After an error some may have been stored; telling all of them
// again is right, since what was told under its id before is not told twice. It gives
// up once no acknowledgement has come for publishWithin, or when ctx ends. Errors wrap
// ErrFull, ErrUnavailable or ErrTooLarge.
func (p *Publisher) Publish(ctx context.Context, outcomes ...Outcome) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silent := time.AfterFunc(publishWithin, func() { cancel(context.DeadlineExceeded) })
	defer silent.Stop()
	acks := make([]jetstream.PubAckFuture, 0, len(outcomes))
	for _, outcome := range outcomes {
		msg, err := p.message(outcome)
		if err != nil {
			return err
		}
		msg.Header.Set(jetstream.MsgIDHeader, outcome.ID)
		ack, err := p.js.PublishMsgAsync(msg, jetstream.WithStallWait(publishWithin))
		if err != nil {
			return classify("publish outcome "+outcome.ID, err)
		}
		acks = append(acks, ack)
	}
	var errs []error
	for i, ack := range acks {
		select {
		case <-ack.Ok():
			silent.Reset(publishWithin)
		case err := <-ack.Err():
			if hasCode(err, codeInProcess) {
				_, err = p.writer.publish(ctx, ack.Msg())
			}
			if err != nil {
				errs = append(errs, classify("publish outcome "+outcomes[i].ID, err))
			}
		case <-ctx.Done():
			return errors.Join(append(errs, classify("publish outcome "+outcomes[i].ID, context.Cause(ctx)))...)
		}
	}
	return errors.Join(errs...)
}

// subject returns `<tenant>.<noun>.<participle>.<key>`; a type that is not the
// gateway's own is `<tenant>.custom.<type with _>.-`.
func (o Outcome) subject() string {
	noun, participle, ok := strings.Cut(strings.TrimPrefix(o.Type, TypePrefix), ".")
	if !ok || !strings.HasPrefix(o.Type, TypePrefix) {
		return Token(o.Tenant) + ".custom." + Token(strings.ReplaceAll(o.Type, ".", "_")) + "." + emptyToken
	}
	return strings.Join([]string{Token(o.Tenant), noun, participle, Token(o.Key)}, ".")
}

// CloudEvent returns the outcome as it is told, of source `<source>/<tenant>`, or
// `<source>` when it is about no tenant.
func (o Outcome) CloudEvent(source string) (cloudevents.Event, error) {
	event := cloudevents.New(cloudevents.CloudEventsVersionV1)
	event.SetID(o.ID)
	event.SetSource(strings.TrimSuffix(source+"/"+o.Tenant, "/"))
	event.SetType(o.Type)
	if o.Subject != "" {
		event.SetSubject(o.Subject)
	}
	event.SetTime(o.Time.UTC())
	if schema := schemaOf(o.Type); schema != "" {
		event.SetDataSchema(schema)
	}
	for name, value := range map[string]string{
		"tenant": o.Tenant, "rule": o.Rule, "causationid": o.CausationID, "correlationid": o.CorrelationID, "traceparent": o.TraceParent,
	} {
		if value != "" {
			event.SetExtension(name, value)
		}
	}
	if o.Hops > 0 {
		event.SetExtension(extensionHops, o.Hops)
	}
	if err := event.SetData(cloudevents.ApplicationJSON, o.Data); err != nil {
		return event, fmt.Errorf("encode outcome %s: %w", o.ID, err)
	}
	return event, Validate(event)
}
