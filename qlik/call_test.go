package qlik_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/qlikgateway/gateway/qlik"
)

func TestErrorTellsWhetherTheRequestMayHaveArrived(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refusing := "http://" + listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	cut := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx    context.Context
		url    string
		sent   bool
		reason qlik.Reason
	}{
		"refused":  {t.Context(), refusing, false, qlik.ReasonTransport},
		"no host":  {t.Context(), "http://does-not-exist.invalid", false, qlik.ReasonTransport},
		"cut":      {t.Context(), cut.URL, true, qlik.ReasonTransport},
		"canceled": {canceled, cut.URL, false, qlik.ReasonCanceled},
	} {
		_, err := client(t, c.url, qlik.OpenAPI).ReloadApp(c.ctx, qlik.ReloadCreate{AppID: "x"})
		e := failed(t, err)
		if e.Status != 0 || e.Sent != c.sent || e.Reason() != c.reason || e.Op != "reloadApp" || e.Err == nil {
			t.Errorf("%s: %v, sent %t, reason %s", name, e, e.Sent, e.Reason())
		}
	}
}

func TestTransportThatCanNotBeWatchedMayHaveSent(t *testing.T) {
	t.Parallel()
	c, err := qlik.New(qlik.Config{URL: "http://x.test", APIKey: "k", Transport: roundTrip(func(*http.Request) (*http.Response, error) {
		return nil, errors.New("lost")
	})})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.GetApp(t.Context(), "x")
	if e := failed(t, err); !e.Sent {
		t.Error("a transport that does not say counts as not sent")
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestCallEndsAfterItsTime(t *testing.T) {
	t.Parallel()
	done := make(chan struct{})
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-done:
		case <-r.Context().Done():
		}
	})
	defer close(done)
	c, err := qlik.New(qlik.Config{URL: s.URL, APIKey: "k", Timeout: 30 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.ReloadApp(t.Context(), qlik.ReloadCreate{AppID: "x"})
	e := failed(t, err)
	if e.Reason() != qlik.ReasonTimeout || !errors.Is(err, context.DeadlineExceeded) || !e.Sent {
		t.Errorf("got %v, sent %t", e, e.Sent)
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	other := serve(t, reply(200, `{"id":"x"}`))
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	})
	_, err := client(t, s.URL, qlik.OpenAPI).GetApp(t.Context(), "x")
	if e := failed(t, err); e.Status != 307 || other.count() != 0 {
		t.Errorf("got %v; the other host was asked %d times", e, other.count())
	}
}

func TestUnusableAnswerHasNoStatus(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]http.HandlerFunc{
		"html":       reply(201, `<html>`),
		"empty":      reply(201, ``),
		"no id":      reply(201, `{"status":"QUEUED"}`),
		"wrong type": reply(201, `{"id":"x","creationTime":17}`),
		"bad time":   reply(201, `{"id":"x","creationTime":"yesterday"}`),
		"list":       reply(201, `[]`),
		"cut": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.WriteHeader(201)
			_, _ = w.Write([]byte(`{"id":`))
		},
	} {
		_, err := client(t, serve(t, answer).URL, qlik.OpenAPI).ReloadApp(t.Context(), qlik.ReloadCreate{AppID: "x"})
		if e := failed(t, err); e.Status != 0 || !e.Sent || e.Reason() != qlik.ReasonTransport {
			t.Errorf("%s: %v, sent %t", name, e, e.Sent)
		}
	}
	_, err := client(t, serve(t, reply(200, `{"links":{}}`)).URL, qlik.OpenAPI).ListReloads(t.Context(), qlik.ReloadQuery{AppID: "x"})
	if e := failed(t, err); e.Status != 0 {
		t.Errorf("a listing without data: %v", e)
	}
}

func TestErrorBodiesAreReadLeniently(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]qlik.Error{
		`{"errors":[{"code":"RELOADS-007","title":"Too Many Requests","detail":"pending","status":"429","meta":{"a":1}},{}],"traceId":"t1"}`: {Code: "RELOADS-007", Title: "Too Many Requests", Detail: "pending", TraceID: "t1", More: 1},
		`{"errors":[{"code":7,"title":"x","status":429}]}`:       {Code: "7", Title: "x"},
		`{"code":"AssignmentConflict","title":"x","detail":"y"}`: {Code: "AssignmentConflict", Title: "x", Detail: "y"},
		`{"errors":[]}`:           {},
		`{"errors":{"code":"x"}}`: {},
		`<html>gateway</html>`:    {},
		``:                        {},
		`null`:                    {},
		`{"errors":[{"code":{},"title":["x"],"detail":"line\r\nbreak"}]}`: {Detail: "line  break"},
	} {
		_, err := client(t, serve(t, reply(429, body)).URL, qlik.Cloud).GetApp(t.Context(), "x")
		e := failed(t, err)
		got := qlik.Error{Code: e.Code, Title: e.Title, Detail: e.Detail, TraceID: e.TraceID, More: e.More}
		if e.Status != 429 || !e.Sent || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s:\n got %+v\nwant %+v", body, got, want)
		}
	}
}

func TestReasonIsTheCodeBeforeTheStatus(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		code   string
		want   qlik.Reason
	}{
		{400, "", qlik.ReasonBadRequest}, {401, "", qlik.ReasonUnauthorized}, {403, "RELOADS-003", qlik.ReasonForbidden},
		{403, qlik.CodeFrequency, qlik.ReasonFrequency}, {404, "", qlik.ReasonNotFound}, {410, "", qlik.ReasonNotFound},
		{409, "", qlik.ReasonConflict}, {412, "", qlik.ReasonConflict}, {429, qlik.CodePending, qlik.ReasonPending},
		{429, qlik.CodeRateLimit, qlik.ReasonRateLimited}, {429, "", qlik.ReasonRateLimited}, {418, "", qlik.ReasonBadRequest},
		{307, "", qlik.ReasonBadRequest}, {500, "", qlik.ReasonServer}, {503, "X", qlik.ReasonServer}, {599, "", qlik.ReasonServer},
	} {
		if got := (&qlik.Error{Status: c.status, Code: c.code}).Reason(); got != c.want {
			t.Errorf("%d %s: %s, want %s", c.status, c.code, got, c.want)
		}
	}
}

func TestRetryAfterIsSecondsOrADate(t *testing.T) {
	t.Parallel()
	date := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"13": 13 * time.Second, " 7 ": 7 * time.Second, "": 0, "-5": 0, "soon": 0, "1.5": 0, "99999999999": 0, "3600": time.Hour, "2147483647": time.Hour,
		date.AddDate(10, 0, 0).Format(http.TimeFormat):     time.Hour,
		date.Add(90 * time.Second).Format(http.TimeFormat): 90 * time.Second, date.Add(-time.Hour).Format(http.TimeFormat): 0,
	} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", header)
			w.Header().Set("Date", date.Format(http.TimeFormat))
			reply(429, `{}`)(w, r)
		})
		_, err := client(t, s.URL, qlik.Cloud).GetApp(t.Context(), "x")
		if e := failed(t, err); e.RetryAfter != want {
			t.Errorf("%q: %v, want %v", header, e.RetryAfter, want)
		}
	}
}

func TestServerTimeErrsEarly(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{0, time.Hour, -time.Hour} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
			reply(200, `["createApp"]`)(w, r)
		})
		c := client(t, s.URL, qlik.OpenAPI)
		now := time.Now()
		if !c.ServerTime(now).Equal(now) {
			t.Error("before the first answer the clocks are the same")
		}
		if _, err := c.GetAppsPrivileges(t.Context()); err != nil {
			t.Fatal(err)
		}
		if early := now.Add(ahead).Sub(c.ServerTime(now)); early < 0 || early > 3*time.Second {
			t.Errorf("%v ahead: early by %v", ahead, early)
		}
	}
}

func TestAddressOfTheTenantIsChecked(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "acme.eu.qlikcloud.com", "ftp://acme", "https://", "https://a@b", "https://a?x=1", "https://a#b", "http://[::1"} {
		if _, err := qlik.New(qlik.Config{URL: address, APIKey: "k"}); !errors.Is(err, qlik.ErrInvalid) {
			t.Errorf("%q: %v", address, err)
		}
	}
	for _, suffix := range []string{"", "/", "/api/v1", "/api/v1/"} {
		s := serve(t, reply(200, `[]`))
		if _, err := client(t, s.URL+suffix, qlik.OpenAPI).GetAppsPrivileges(t.Context()); err != nil {
			t.Error(err)
		}
		if r, _ := s.last(); r.URL.Path != "/api/v1/apps" {
			t.Errorf("%q leads to %s", suffix, r.URL.Path)
		}
	}
	for name, cfg := range map[string]qlik.Config{
		"nobody":  {URL: "https://x"},
		"both":    {URL: "https://x", APIKey: "k", OAuth: qlik.OAuth{ClientID: "i", ClientSecret: "s"}},
		"half":    {URL: "https://x", OAuth: qlik.OAuth{ClientID: "i"}},
		"dialect": {URL: "https://x", APIKey: "k", Dialect: "french"},
		"break":   {URL: "https://x", APIKey: "k\r\nX: y"},
	} {
		if _, err := qlik.New(cfg); !errors.Is(err, qlik.ErrInvalid) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
