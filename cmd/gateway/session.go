package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/net/netutil"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/console"
	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/events/broker"
	"github.com/qlikgateway/gateway/ingress"
	"github.com/qlikgateway/gateway/schemas"
)

// errStore ends a session whose store takes no more writes, such as after a full
// disk. The next one opens it again.
var errStore = errors.New("the store takes no more writes; is the disk full or read-only?")

// A session is what works between the opening of the broker and its close. A
// process has one, unless its store breaks.
type session struct {
	broker      *broker.Broker
	ingress     *ingress.Ingress
	dispatchers []*bridge.Dispatcher
	tellers     *tellers
	caller      *events.Caller
	feed        *events.Feed
	senders     http.Handler
	operators   *console.Console
	setup       atomic.Pointer[console.Setup] // the configuration in force, to show
	revisions   *bridge.Revisions
	metrics     *bridge.Metrics
	log         zerolog.Logger
	stopping    atomic.Bool
	reload      func(ctx context.Context) error // until ctx ends, keeps to the configuration file
}

// A front keeps both listeners open across sessions. Between them it tells senders
// to come again, so that none has to find the port closed.
type front struct {
	public, internal net.Listener
	senders          *http.Server
	operators        *http.Server
	current          atomic.Pointer[session]
	certificate      *certificate // nil = TLS ends before the gateway
}

// openFront opens both listeners and begins to answer.
func (g *gateway) openFront() (*front, error) {
	f := &front{}
	err := g.showCertificate()
	if err != nil {
		return nil, err
	}
	if f.public, err = listen("senders", "http.addr", g.cfg.HTTPAddr); err != nil {
		return nil, err
	}
	if f.internal, err = listen("operators", "console.addr", g.cfg.ConsoleAddr); err != nil {
		return nil, errors.Join(err, f.public.Close())
	}
	f.public = netutil.LimitListener(f.public, maxConnections)
	f.senders = ingress.NewServer(withSchemas(func(w http.ResponseWriter, r *http.Request) {
		if s := f.current.Load(); s != nil {
			s.senders.ServeHTTP(w, r)
			return
		}
		closed(w, "the event was not stored: send it again in a moment")
	}), g.log)
	f.senders.RegisterOnShutdown(func() {
		if s := f.current.Load(); s != nil {
			s.ingress.StopWaiting()
		}
	})
	if f.certificate = g.certificate; f.certificate != nil {
		f.senders.TLSConfig = f.certificate.config()
	}
	f.operators = &http.Server{ReadHeaderTimeout: ingress.ReadHeaderTimeout, Handler: withSchemas(func(w http.ResponseWriter, r *http.Request) {
		switch s := f.current.Load(); {
		case s != nil:
			s.operators.ServeHTTP(w, r)
		case r.URL.Path == "/healthz":
			w.WriteHeader(http.StatusOK)
		default:
			closed(w, "the gateway is starting, or does not reach its store: ask again in a moment; its log says more")
		}
	})}
	asking, hangUp := context.WithCancel(context.Background()) // a replay ends when the console stops
	f.operators.BaseContext = func(net.Listener) context.Context { return asking }
	f.operators.RegisterOnShutdown(hangUp)
	return f, nil
}

// withSchemas serves the schemas of events beside what else a listener has.
func withSchemas(other http.HandlerFunc) http.Handler {
	promised := schemas.Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, schemas.Path) {
			promised.ServeHTTP(w, r)
			return
		}
		other(w, r)
	})
}

// closed answers while there is no session.
func closed(w http.ResponseWriter, detail string) {
	w.Header().Set("Retry-After", "5")
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = fmt.Fprintf(w, `{"type":"urn:qlikgateway:problem:journal-unavailable","title":"The gateway cannot store events now","status":503,"detail":%q}`, detail)
}

// listen opens the listener that the configuration's key is the address of.
func listen(whom, key, address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		err = fmt.Errorf("%w; is another gateway running? Stop what has the port, or set %s", err, key)
	}
	if err != nil {
		return nil, fmt.Errorf("listen for %s (%s): %w", whom, key, err)
	}
	return listener, nil
}

// serve answers on both listeners until they are closed; an error of one of them
// goes to failed.
func (f *front) serve(failed chan<- error) *sync.WaitGroup {
	var serving sync.WaitGroup
	for part, serve := range map[string]func() error{
		"http":    func() error { return f.serveSenders() },
		"console": func() error { return f.operators.Serve(f.internal) },
	} {
		serving.Go(func() {
			if err := serve(); !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("%s: %w", part, err)
			}
		})
	}
	return &serving
}

// serveSenders answers senders, over TLS where the gateway has a certificate.
func (f *front) serveSenders() error {
	if f.certificate != nil {
		return f.senders.ServeTLS(f.public, "", "")
	}
	return f.senders.Serve(f.public)
}

// run works until ctx ends, and then stops in the order in which nothing is lost:
// listeners and calls under way first, then the broker. up is told where the
// gateway can be reached once it takes events.
func (g *gateway) run(ctx context.Context, up func(addresses)) error {
	f, err := g.openFront()
	if err != nil {
		return err
	}
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	failed := make(chan error, 2)
	serving := f.serve(failed)
	go func() {
		select {
		case err := <-failed:
			fail(err)
		case <-ctx.Done():
		}
	}()
	for again := false; ; again = true {
		err = g.work(ctx, f, again, up)
		if !(errors.Is(err, errStore) || g.away(err)) || ctx.Err() != nil {
			break
		}
		up = func(addresses) {} // it was told
		g.log.Error().Err(err).Str("hop", "store").Dur("again_in", brokerWait).Msg("opening the store again")
		select {
		case <-ctx.Done():
		case <-time.After(brokerWait):
		}
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopListener)
	defer cancel()
	err = errors.Join(err, hangUp(bounded, f.senders, g.log), hangUp(bounded, f.operators, g.log))
	serving.Wait()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		err = errors.Join(err, cause)
	}
	return err
}

// hangUp lets a server's requests under way end until ctx does, and cuts off those that
// have not: whoever is slow to send or to read is no failure of the stop. A sender that
// got no answer sends again, and a reader comes back.
func hangUp(ctx context.Context, server *http.Server, log zerolog.Logger) error {
	err := server.Shutdown(ctx)
	if !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	log.Warn().Str("hop", "stop").Msg("requests under way did not end in time and are cut off")
	return server.Close()
}

// work is one session: it opens the broker, serves until ctx ends or a part fails,
// and closes the broker.
func (g *gateway) work(ctx context.Context, f *front, again bool, up func(addresses)) (err error) {
	b, err := g.openBroker(ctx, again)
	if err != nil {
		return g.unlessStopped(ctx, err)
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.Background(), stopListener)
		defer cancel()
		err = errors.Join(err, b.Close(closing))
	}()
	s, err := g.assemble(ctx, b)
	if err != nil {
		return g.unlessStopped(ctx, err)
	}
	where := addresses{HTTP: f.public.Addr().String(), Console: f.internal.Addr().String(), NATS: b.ClientURL()}
	return s.serve(ctx, f, func() {
		g.log.Info().Str("hop", "up").Str("http", where.HTTP).Str("console", where.Console).Str("nats", where.NATS).Msg("gateway is up")
		up(where)
	})
}

// serve runs the session's parts until ctx ends, one of them fails or the store
// breaks, and then stops them: what tells outcomes last.
func (s *session) serve(ctx context.Context, f *front, up func()) error {
	failed := make(chan error, len(s.dispatchers)+4)
	var doing, listening sync.WaitGroup
	do, stopDoing := context.WithCancel(context.WithoutCancel(ctx))
	listen, stopListening := context.WithCancel(context.WithoutCancel(ctx))
	defer stopDoing()
	defer stopListening()
	start := func(group *sync.WaitGroup, part string, f func() error) {
		group.Go(func() {
			if err := f(); err != nil {
				failed <- fmt.Errorf("%s: %w", part, err)
			}
		})
	}
	for _, dispatcher := range s.dispatchers {
		start(&doing, "dispatcher", func() error { return dispatcher.Run(do) })
	}
	s.tellers.start()
	listening.Go(func() { giveBack(listen) })
	start(&listening, "reload", func() error { return s.reload(listen) })
	start(&listening, "callbacks", func() error { return s.caller.Run(listen) })
	start(&listening, "console", func() error { return s.operators.Run(listen) })
	start(&listening, "nats", func() error { return s.ingress.Listen(listen, s.broker.Edge()) })
	f.current.Store(s)
	up()
	var err error
	select {
	case <-ctx.Done():
		s.log.Info().Str("hop", "stop").Msg("stopping: finishing what is in hand")
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopListener)
		defer cancel()
		s.stopping.Store(true)
		stopDoing() // another replica need not wait for our senders
		s.feed.Close()
		err = hangUp(bounded, f.senders, s.log)
	case <-s.broker.Broken():
		err = errStore
		f.current.Store(nil)
	case err = <-failed:
		f.current.Store(nil)
	}
	s.feed.Close()
	stopListening()
	listening.Wait()
	stopDoing()
	doing.Wait()
	s.tellers.stop() // last: they tell what the dispatchers did
	f.current.Store(nil)
	return err
}

// ready says why no event can be taken now, or nil. Qlik's health is no part of
// it: while Qlik is down, events are taken and kept.
func (s *session) ready(context.Context) error {
	if s.stopping.Load() {
		return errors.New("the gateway is stopping")
	}
	return s.broker.Ready()
}
