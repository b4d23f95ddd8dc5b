package ingress_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/qlikgateway/gateway/ingress"
)

// A pipe is a listener without a network, so that a test owns the time.
type pipe struct {
	conns chan net.Conn
	once  sync.Once
	ended chan struct{}
}

func (p *pipe) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.ended:
		return nil, net.ErrClosed
	}
}

func (p *pipe) Close() error {
	p.once.Do(func() { close(p.ended) })
	return nil
}

func (p *pipe) Addr() net.Addr { return &net.IPAddr{} }

func (p *pipe) dial() net.Conn {
	near, far := net.Pipe()
	p.conns <- far
	return near
}

// piped serves an ingress on a pipe, in the bubble of the test.
func piped(t *testing.T) (*pipe, *shelf) {
	t.Helper()
	return pipedOn(t, func(*ingress.Config) {})
}

// pipedOn does it with another configuration.
func pipedOn(t *testing.T, change func(*ingress.Config)) (*pipe, *shelf) {
	t.Helper()
	s := &shelf{seen: map[string]bool{}}
	config := ingress.Config{Append: s.Append, Registerer: prometheus.NewRegistry(), Log: zerolog.Nop()}
	change(&config)
	in, err := ingress.New(config)
	if err != nil {
		t.Fatal(err)
	}
	in.Set(live(t, sources(), 1))
	handler, err := in.Handler()
	if err != nil {
		t.Fatal(err)
	}
	p := &pipe{conns: make(chan net.Conn), ended: make(chan struct{})}
	server := ingress.NewServer(handler, zerolog.Nop())
	go server.Serve(p)
	t.Cleanup(func() { server.Close() })
	return p, s
}

// left sends what it is given and says how long the server kept the connection,
// and what it said before.
func left(conn net.Conn, sent string) (time.Duration, string) {
	began := time.Now()
	go io.WriteString(conn, sent)
	said, _ := io.ReadAll(conn)
	conn.Close()
	return time.Since(began), string(said)
}

func TestSlowSendersAreLetGo(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		sent  string
		after time.Duration
		said  string
	}{
		"nothing sent":     {"", ingress.ReadHeaderTimeout, ""},
		"half a header":    {"POST /hooks/lab HTTP/1.1\r\nHost: x\r\nX-A: ", ingress.ReadHeaderTimeout, ""},
		"half a body":      {"POST /hooks/lab HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{", ingress.ReadTimeout, "408 Request Timeout"},
		"half a chunk":     {"POST /hooks/lab HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{", ingress.ReadTimeout, "408 Request Timeout"},
		"idle after a use": {"POST /hooks/lab HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", ingress.IdleTimeout, "202 Accepted"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, _ := piped(t)
				took, said := left(p.dial(), tt.sent)
				if took < tt.after || took > tt.after+time.Second || !strings.Contains(said, tt.said) {
					t.Errorf("let go after %s, want %s; it said %q", took, tt.after, said)
				}
			})
		})
	}
}

func TestHonestSendersAreServedBesideHangingOnes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, s := piped(t)
		for range 1500 {
			half, canceled := p.dial(), p.dial()
			go io.WriteString(half, "POST /hooks/dbt HTTP/1.1\r\nHost: x\r\nAuthorization: 00\r\nContent-Length: 100\r\n\r\n")
			go func() {
				io.WriteString(canceled, "POST /hooks/lab HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
				canceled.Close()
			}()
			t.Cleanup(func() { half.Close() })
		}
		synctest.Wait()
		conn := p.dial()
		go io.WriteString(conn, "POST /hooks/lab HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || response.StatusCode != http.StatusAccepted || len(s.arrivals()) != 1 {
			t.Errorf("an honest sender is answered %v, %v", response, err)
		}
		conn.Close()
	})
}

// Where programs differ in how they read a request, a proxy and the gateway
// might not see the same one: such requests are refused.
func TestAmbiguousRequestsAreRefused(t *testing.T) {
	t.Parallel()
	var many strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&many, "X-%d: %d\r\n", i, i)
	}
	for name, tt := range map[string]struct {
		lines  string
		status string
	}{
		"two lengths":        {"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "400"},
		"a negative length":  {"Content-Length: -1\r\n\r\n{}", "400"},
		"a space in a name":  {"Content-Length : 2\r\n\r\n{}", "400"},
		"a folded header":    {"X-A: b\r\n c\r\n\r\n", ""},
		"an unknown coding":  {"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "501"},
		"10,000 headers":     {many.String() + "\r\n", "431"},
		"a broken chunk":     {"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", "408"},
		"a header of 1 MB":   {"X-A: " + strings.Repeat("a", 1<<20) + "\r\n\r\n", "431"},
		"a length of 1 GiB":  {"Content-Length: 1073741824\r\n\r\n{}", "413"},
		"no host":            {"Content-Length: 0\r\nHost: y\r\n\r\n", "400"},
		"a length too large": {"Content-Length: 99999999999999999999\r\n\r\n", "400"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, s := piped(t)
				_, said := left(p.dial(), "POST /hooks/lab HTTP/1.1\r\nHost: x\r\n"+tt.lines)
				if tt.status != "" && !strings.HasPrefix(said, "HTTP/1.1 "+tt.status) {
					t.Errorf("answered %.300q, want %s", said, tt.status)
				}
				if strings.HasPrefix(tt.status, "4") && len(s.arrivals()) > 0 {
					t.Error("stored")
				}
			})
		})
	}
}
