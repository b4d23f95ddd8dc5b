package events

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/qlikgateway/gateway/bridge/rules"
)

const (
	mostReaders    = 200              // streams at a time
	feedHeartbeat  = 15 * time.Second // a comment at least so often, so that nobody takes the stream for dead
	feedWriteLimit = 30 * time.Second // for one event: who reads no faster is let go, and comes back with Last-Event-ID
)

// A Reader may read outcomes over a connection that stays open.
type Reader struct {
	Name   string
	Secret string // its bearer token
}

// String keeps the token out of what is printed.
func (r Reader) String() string { return r.Name }

// GoString keeps the token out of %#v.
func (r Reader) GoString() string { return r.Name }

// FeedConfig is what a Feed tells, and whom.
type FeedConfig struct {
	Outcomes *Subscriptions // they know the stream of outcomes
	Readers  []Reader       // to begin with; see Feed.Admit
	Log      zerolog.Logger
}

// A Feed tells outcomes as Server-Sent Events:
//
//	GET /v1/events?since=2h&filter=type.endsWith(".failed")&progress=true
//
// since is a time or how long ago; without it the stream begins with the next
// outcome. Each one's SSE id is its sequence, so that a reader who comes back with
// Last-Event-ID misses none.
type Feed struct {
	FeedConfig
	readers atomic.Pointer[[]Reader]
	room    chan struct{}
	ended   context.Context
	end     context.CancelFunc
}

// NewFeed returns a feed. Close ends its streams.
func NewFeed(cfg FeedConfig) *Feed {
	f := &Feed{FeedConfig: cfg, room: make(chan struct{}, mostReaders)}
	f.ended, f.end = context.WithCancel(context.Background())
	f.Admit(cfg.Readers)
	return f
}

// Admit lets these readers in from now on, and nobody else. Streams that are open go on.
func (f *Feed) Admit(readers []Reader) { f.readers.Store(&readers) }

// Open says whether there is anybody whom the feed would let in.
func (f *Feed) Open() bool { return len(*f.readers.Load()) > 0 }

// Close ends every stream, so that their server can shut down.
func (f *Feed) Close() { f.end() }

// A wish is what a reader asks for.
type wish struct {
	from     uint64 // sequence to begin with
	filter   *rules.Predicate
	progress bool
}

// ServeHTTP answers one reader until it goes away or the feed is closed.
func (f *Feed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	reader, known := f.recognize(r.Header.Get("Authorization"))
	if !known {
		w.Header().Set("WWW-Authenticate", `Bearer realm="gateway events"`)
		refuse(w, http.StatusUnauthorized, "send Authorization: Bearer and a token of http.readers")
		return
	}
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		refuse(w, http.StatusMethodNotAllowed, "use GET")
		return
	}
	asked, err := f.understand(r)
	if errors.Is(err, ErrUnavailable) {
		w.Header().Set("Retry-After", "2")
		refuse(w, http.StatusServiceUnavailable, "the outcomes cannot be read now; try again in a moment")
		return
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	select {
	case f.room <- struct{}{}:
		defer func() { <-f.room }()
	default:
		w.Header().Set("Retry-After", "30")
		refuse(w, http.StatusServiceUnavailable, "too many streams are open; try again later")
		return
	}
	began := time.Now()
	seen, err := f.stream(w, r, asked)
	f.Log.Info().Err(err).Str("hop", "feed").Str("reader", reader.Name).Int("seen", seen).Dur("took", time.Since(began)).Msg("a reader went away")
}

// recognize finds the reader with a token; how long it takes does not tell which.
func (f *Feed) recognize(authorization string) (found Reader, known bool) {
	token, given := strings.CutPrefix(authorization, "Bearer ")
	sum := sha256.Sum256([]byte(token))
	for _, reader := range *f.readers.Load() {
		own := sha256.Sum256([]byte(reader.Secret))
		if subtle.ConstantTimeCompare(sum[:], own[:]) == 1 && given && reader.Secret != "" {
			found, known = reader, true
		}
	}
	return found, known
}

// understand reads what the reader asks for.
func (f *Feed) understand(r *http.Request) (wish, error) {
	query := r.URL.Query()
	asked := wish{progress: query.Get("progress") == "true"}
	if text := query.Get("filter"); text != "" {
		var err error
		if asked.filter, err = rules.NewPredicate(text); err != nil {
			return asked, fmt.Errorf("filter: %w", err)
		}
	}
	if text := r.Header.Get("Last-Event-ID"); text != "" {
		last, err := strconv.ParseUint(text, 10, 63)
		if err != nil {
			return asked, errors.New("Last-Event-ID: expected the id of an event of this stream, a whole number")
		}
		stream, err := f.Outcomes.look(r.Context())
		if err != nil {
			return asked, err
		}
		if asked.from = last + 1; last > stream.CachedInfo().State.LastSeq {
			asked.from = 1 // the stream was made anew since
		}
		return asked, nil
	}
	from := time.Now().Add(time.Hour) // none is younger
	if text := query.Get("since"); text != "" {
		ago, err := time.ParseDuration(text)
		if err == nil && ago > 0 {
			from = time.Now().Add(-ago)
		} else if from, err = time.Parse(time.RFC3339, text); err != nil {
			return asked, errors.New("since: expected a time such as 2026-11-23T06:00:00Z, or how long ago, such as 2h")
		}
	}
	var err error
	asked.from, err = f.Outcomes.since(r.Context(), from)
	return asked, err
}

// stream tells outcomes until the reader goes away, and returns how many it looked at.
func (f *Feed) stream(w http.ResponseWriter, r *http.Request, asked wish) (seen int, err error) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(f.ended, cancel)()
	answer := http.NewResponseController(w)
	send := func(text []byte) error {
		err := answer.SetWriteDeadline(time.Now().Add(feedWriteLimit))
		if err == nil {
			_, err = w.Write(text)
		}
		return cmp.Or(err, answer.Flush())
	}
	if err := answer.SetReadDeadline(time.Time{}); err != nil {
		return 0, fmt.Errorf("hold the connection open: %w", err)
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // proxies that gather answers would hold events back
	if err := send([]byte("retry: 3000\n\n")); err != nil {
		return 0, err
	}
	outcomes := make(chan stored)
	ended := make(chan error, 1)
	go func() {
		ended <- follow(ctx, f.Outcomes.js, f.Outcomes.stream, jetstream.ConsumerConfig{OptStartSeq: asked.from}, func(msg stored) error {
			select {
			case outcomes <- msg:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	defer func() { cancel(); <-ended }() //nolint:errcheck // it was canceled
	beat := time.NewTicker(feedHeartbeat)
	defer beat.Stop()
	for next := asked.from; ; {
		var text []byte
		select {
		case <-ctx.Done():
			return seen, nil
		case <-beat.C:
			text = []byte(": still here\n\n")
		case msg := <-outcomes:
			text = asked.text(msg, next)
			next = msg.sequence + 1
			seen++
		}
		if err := send(text); err != nil {
			return seen, fmt.Errorf("tell a reader: %w", err)
		}
	}
}

// text writes an outcome as an event of the stream, after what is gone before it; one
// that is not wanted only moves the id on.
func (w wish) text(msg stored, next uint64) []byte {
	var text bytes.Buffer
	if msg.sequence > next {
		fmt.Fprintf(&text, "event: gap\ndata: {\"first\":%d,\"last\":%d}\n\n", next, msg.sequence-1)
	}
	event, body, err := ReadOutcome(msg.header, msg.body)
	if err != nil {
		return text.Bytes()
	}
	kind, known := kindNamed(event.Type())
	wanted := !known || !kind.Progress || w.progress
	if wanted && w.filter != nil {
		wanted, err = w.filter.Match(Arrival{Source: "gateway", Event: event}.View())
	}
	fmt.Fprintf(&text, "id: %d\n", msg.sequence)
	if wanted && err == nil {
		text.WriteString("data: ")
		text.Write(bytes.ReplaceAll(body, []byte("\n"), []byte("\ndata: ")))
		text.WriteByte('\n')
	}
	text.WriteByte('\n')
	return text.Bytes()
}

// refuse answers with an RFC 9457 problem.
func refuse(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"type": "about:blank", "title": http.StatusText(status), "status": status, "detail": detail,
	})
}
