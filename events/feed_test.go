package events_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/qlikgateway/gateway/events"
)

// A deadlines is a listener of connections that remember what deadlines are set.
type deadlines struct {
	net.Listener
	accepted chan *deadlined
}

func (d *deadlines) Accept() (net.Conn, error) {
	conn, err := d.Listener.Accept()
	if err != nil {
		return nil, err
	}
	accepted := &deadlined{Conn: conn}
	d.accepted <- accepted
	return accepted, nil
}

type deadlined struct {
	net.Conn
	mu          sync.Mutex
	read, write time.Time // the last ones
}

func (d *deadlined) SetReadDeadline(at time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.read = at
	return d.Conn.SetReadDeadline(at)
}

func (d *deadlined) SetWriteDeadline(at time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.write = at
	return d.Conn.SetWriteDeadline(at)
}

func (d *deadlined) last() (read, write time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.read, d.write
}

// feed serves the site's outcomes as the ingress' server does, with its deadlines.
func (s *site) feed() (*events.Feed, *httptest.Server) {
	s.t.Helper()
	return s.feedOn(func(listener net.Listener) net.Listener { return listener })
}

// feedOn serves them on another listener.
func (s *site) feedOn(other func(net.Listener) net.Listener) (*events.Feed, *httptest.Server) {
	s.t.Helper()
	f := events.NewFeed(events.FeedConfig{
		Outcomes: states(s.t, s.Broker), Readers: []events.Reader{{Name: "wall", Secret: "a token"}, {Name: "empty"}}, Log: zerolog.Nop(),
	})
	server := httptest.NewUnstartedServer(f)
	server.Config.ReadTimeout, server.Config.WriteTimeout = time.Minute, time.Minute
	server.Listener = other(server.Listener)
	server.Start()
	s.t.Cleanup(server.Close)
	s.t.Cleanup(f.Close)
	return f, server
}

// A stream is a reader's side of a feed.
type stream struct {
	t      *testing.T
	status int
	body   string
	lines  chan string
	close  func()
}

func (s *site) read(address, token, last string) *stream {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	if last != "" {
		request.Header.Set("Last-Event-ID", last)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	r := &stream{t: s.t, status: response.StatusCode, lines: make(chan string, 1000), close: cancel}
	if response.StatusCode != http.StatusOK {
		body, err := io.ReadAll(response.Body)
		if err != nil {
			s.t.Fatal(err)
		}
		r.body = string(body)
		cancel()
		return r
	}
	go func() {
		defer close(r.lines)
		defer func() { _ = response.Body.Close() }()
		for scanner := bufio.NewScanner(response.Body); scanner.Scan(); {
			r.lines <- scanner.Text()
		}
	}()
	s.t.Cleanup(cancel)
	return r
}

// next returns the next event: its SSE id, and the CloudEvent's.
func (r *stream) next() (id, event string) {
	r.t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		select {
		case line, open := <-r.lines:
			if !open {
				return "", "closed"
			}
			if text, ok := strings.CutPrefix(line, "id: "); ok {
				id = text
			}
			if text, ok := strings.CutPrefix(line, "event: "); ok {
				return id, text
			}
			if text, ok := strings.CutPrefix(line, "data: "); ok && strings.Contains(text, "specversion") {
				decoded, err := events.DecodeStructured([]byte(text))
				if err != nil {
					r.t.Fatalf("%v in %s", err, text)
				}
				return id, decoded.ID()
			}
		case <-timeout:
			r.t.Fatal("no event came")
		}
	}
}

func TestFeedGoesOnWhereItsReaderStopped(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	f, server := s.feed()
	s.publish(0, 3, 3)
	live := s.read(server.URL, "a token", "")
	ids := s.publish(3, 6, 3)
	var last string
	for _, want := range ids[:2] {
		id, got := live.next()
		if got != want {
			t.Errorf("told %s, want %s", got, want)
		}
		last = id
	}
	live.close()
	again := s.read(server.URL, "a token", last)
	if id, got := again.next(); got != ids[2] || id != "6" {
		t.Errorf("after %s: %s with id %s, want %s", last, got, id, ids[2])
	}
	all := s.read(server.URL+"?since=1h", "a token", "")
	if _, got := all.next(); got != "app0/0000" {
		t.Errorf("since an hour ago: %s", got)
	}
	quiet := s.read(server.URL+"?filter="+url.QueryEscape(`id.endsWith("0008")`), "a token", "")
	s.publish(6, 9, 3)
	if _, got := quiet.next(); got != "app2/0008" {
		t.Errorf("filtered: %s", got)
	}
	f.Close()
	if _, got := quiet.next(); got != "closed" {
		t.Errorf("after the end: %s", got)
	}
}

// TestFeedOutlastsTheDeadlinesOfItsServer: no deadline of the server's ends a stream on
// which nothing happens for longer, and each thing that is told has its own.
func TestFeedOutlastsTheDeadlinesOfItsServer(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	accepted := make(chan *deadlined, 16)
	_, server := s.feedOn(func(listener net.Listener) net.Listener { return &deadlines{listener, accepted} })
	r, told := s.read(server.URL, "a token", ""), time.Time{}
	conn := <-accepted
	for i := range 2 {
		want := s.publish(i, i+1, 1)[0]
		if _, got := r.next(); got != want {
			t.Errorf("told %s, want %s", got, want)
		}
		read, write := conn.last()
		if !read.IsZero() || !write.After(told) {
			t.Errorf("the deadlines are %s to read and %s to write, after %s", read, write, told)
		}
		told = write
	}
}

func TestFeedSaysWhatIsGone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, server := s.feed()
	s.publish(0, 9, 3)
	purge(t, s, 5)
	r := s.read(server.URL, "a token", "1")
	if _, got := r.next(); got != "gap" {
		t.Errorf("told %s, want the gap first", got)
	}
	if _, got := r.next(); got != "app1/0004" {
		t.Errorf("told %s after the gap", got)
	}
}

func TestFeedRefusesWhoMayNotReadOrAsksWrongly(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, server := s.feed()
	for _, test := range []struct {
		query, token, last string
		status             int
		want               string
	}{
		{"", "", "", 401, "http.readers"},
		{"", "another", "", 401, "http.readers"},
		{"?since=soon", "a token", "", 400, "since: expected a time"},
		{"?filter=typ", "a token", "", 400, "filter: undeclared reference"},
		{"", "a token", "x", 400, "Last-Event-ID: expected"},
		{"", "a token", "-1", 400, "Last-Event-ID: expected"},
	} {
		r := s.read(server.URL+test.query, test.token, test.last)
		if r.status != test.status || !strings.Contains(r.body, test.want) {
			t.Errorf("%+v: %d %s", test, r.status, r.body)
		}
	}
}
