package qlik_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/qlikgateway/gateway/qlik"
)

// A server answers every request the same way and remembers them.
type server struct {
	*httptest.Server
	answer http.HandlerFunc

	mu     sync.Mutex
	asked  []*http.Request
	bodies []string
}

func serve(t *testing.T, answer http.HandlerFunc) *server {
	t.Helper()
	s := &server{answer: answer}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // what was cut off is not of interest
		s.mu.Lock()
		s.asked, s.bodies = append(s.asked, r), append(s.bodies, string(body))
		s.mu.Unlock()
		s.answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// last gives the last request and its body.
func (s *server) last() (*http.Request, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.asked) == 0 {
		return nil, ""
	}
	return s.asked[len(s.asked)-1], strings.TrimSpace(s.bodies[len(s.bodies)-1])
}

func (s *server) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

// reply answers with a status and a JSON body.
func reply(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// client makes a client of a server in a dialect.
func client(t *testing.T, url string, dialect qlik.Dialect) *qlik.Client {
	t.Helper()
	c, err := qlik.New(qlik.Config{URL: url, Dialect: dialect, APIKey: "key-0123456789"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// failed asserts that an error is an *Error, and gives it.
func failed(t *testing.T, err error) *qlik.Error {
	t.Helper()
	var e *qlik.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an *Error", err)
	}
	return e
}
