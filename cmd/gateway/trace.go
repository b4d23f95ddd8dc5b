package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/qlikgateway/gateway/events"
)

// traceStop bounds how long the last spans may take to be sent.
const traceStop = 3 * time.Second

// tracing makes spans of hops and sends them over OTLP.
type tracing struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
}

// openTracing returns what traces, nil when the environment asks for no traces. The
// SDK itself reads OTEL_TRACES_SAMPLER, OTEL_BSP_* and OTEL_SPAN_* of it.
func openTracing(ctx context.Context, getenv func(string) string, log zerolog.Logger) (*tracing, error) {
	client, err := newOTLP(getenv)
	if client == nil || err != nil {
		return nil, err
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		log.Warn().Err(err).Str("hop", "trace").Msg("spans are not taken")
	}))
	exporter, err := otlptrace.New(ctx, client)
	if err != nil {
		return nil, err
	}
	about, err := resource.New(ctx, resource.WithAttributes(
		attribute.String("service.name", "qlik-gateway"), attribute.String("service.version", currentBuild().Version),
	), resource.WithFromEnv())
	if err != nil {
		return nil, err
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about), sdktrace.WithIDGenerator(chosenIDs{}))
	return &tracing{provider: provider, tracer: provider.Tracer("github.com/qlikgateway/gateway")}, nil
}

// stop sends what is left. A collector that does not take it is no failure of the gateway.
func (t *tracing) stop(log zerolog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), traceStop)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		log.Warn().Err(err).Str("hop", "trace").Msg("the last spans are not taken")
	}
}

// hopKinds says what kind of span each hop is, and whether it hangs under its run's.
var hopKinds = map[string]struct { //nolint:gochecknoglobals // a table that nothing changes
	kind     trace.SpanKind
	underRun bool
}{
	events.HopAccept:  {trace.SpanKindServer, false},
	events.HopJournal: {trace.SpanKindProducer, false},
	events.HopAdmit:   {trace.SpanKindConsumer, false},
	events.HopRun:     {trace.SpanKindInternal, false},
	events.HopCall:    {trace.SpanKindClient, true},
	events.HopPublish: {trace.SpanKindProducer, true},
	events.HopDeliver: {trace.SpanKindClient, true},
}

// tell makes a span of a hop. The ids of traces and runs follow from what the journal
// has, so that a process that takes over goes on with the same trace.
func (t *tracing) tell(hop events.Hop) {
	parent, ok := parentOf(hop.Trace)
	if !ok {
		return
	}
	how := hopKinds[hop.Name]
	ctx := context.Background()
	switch {
	case hop.First:
		ctx = context.WithValue(ctx, chosen{}, parent)
	case how.underRun && hop.Run != "":
		ctx = trace.ContextWithRemoteSpanContext(ctx, parent.WithSpanID(runSpan(hop.Run)))
	default:
		ctx = trace.ContextWithRemoteSpanContext(ctx, parent)
	}
	if hop.Name == events.HopRun {
		ctx = context.WithValue(ctx, chosen{}, parent.WithSpanID(runSpan(hop.Run)))
	}
	_, span := t.tracer.Start(ctx, spanName(hop), trace.WithSpanKind(how.kind), trace.WithTimestamp(hop.Began), trace.WithAttributes(attributesOf(hop)...))
	if hop.Reason != "" {
		span.SetStatus(codes.Error, string(hop.Reason))
	}
	span.End(trace.WithTimestamp(hop.Ended))
}

// spanName says a hop in few words: those of its kind and a configured name.
func spanName(hop events.Hop) string {
	about := hop.Source
	switch hop.Name {
	case events.HopAdmit, events.HopRun:
		about = hop.Rule
	case events.HopCall:
		about = hop.Action
	case events.HopPublish:
		about = strings.TrimPrefix(hop.Type, events.TypePrefix)
	case events.HopDeliver:
		about = hop.Subscription
	}
	return hop.Name + " " + about
}

// attributesOf returns what is known of a hop, under the names of the log.
func attributesOf(hop events.Hop) []attribute.KeyValue {
	var known []attribute.KeyValue
	for _, pair := range [][2]string{
		{"tenant", hop.Tenant}, {"rule", hop.Rule}, {"source", hop.Source}, {"event_id", hop.Event}, {"type", hop.Type}, {"run_id", hop.Run},
		{"step", hop.Step}, {"action", hop.Action}, {"app_id", hop.App}, {"reload_id", hop.Reload}, {"subscription", hop.Subscription}, {"reason", string(hop.Reason)},
	} {
		if pair[1] != "" {
			known = append(known, attribute.String(pair[0], pair[1]))
		}
	}
	return known
}

// parentOf reads a traceparent.
func parentOf(text string) (trace.SpanContext, bool) {
	if !events.ValidTrace(text) {
		return trace.SpanContext{}, false
	}
	parts := strings.Split(text, "-")
	var made trace.SpanContextConfig
	flags, err := hex.DecodeString(parts[3])
	if err != nil {
		return trace.SpanContext{}, false
	}
	_, errTrace := hex.Decode(made.TraceID[:], []byte(parts[1]))
	_, errSpan := hex.Decode(made.SpanID[:], []byte(parts[2]))
	made.TraceFlags, made.Remote = trace.TraceFlags(flags[0]), true
	return trace.NewSpanContext(made), errTrace == nil && errSpan == nil
}

// runSpan is the id of the span of a run.
func runSpan(run string) trace.SpanID {
	sum := sha256.Sum256([]byte("run/" + run))
	return trace.SpanID(sum[:8])
}

// chosen is the key under which a context holds the ids of the next span.
type chosen struct{}

// chosenIDs gives spans the ids that were chosen for them, and others random ones.
type chosenIDs struct{}

// NewIDs returns the ids of a span that begins a trace.
func (chosenIDs) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	if own, ok := ctx.Value(chosen{}).(trace.SpanContext); ok {
		return own.TraceID(), own.SpanID()
	}
	var id trace.TraceID
	binary.LittleEndian.PutUint64(id[:8], rand.Uint64())
	binary.LittleEndian.PutUint64(id[8:], rand.Uint64()|1)
	return id, randomSpan()
}

// NewSpanID returns the id of a span within a trace.
func (chosenIDs) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	if own, ok := ctx.Value(chosen{}).(trace.SpanContext); ok {
		return own.SpanID()
	}
	return randomSpan()
}

func randomSpan() (id trace.SpanID) {
	binary.LittleEndian.PutUint64(id[:], rand.Uint64()|1)
	return id
}
