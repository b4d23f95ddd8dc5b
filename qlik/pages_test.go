package qlik_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/qlikgateway/gateway/qlik"
)

// paged answers with pages of one record each, linked by absolute or relative
// addresses.
func paged(t *testing.T, pages int, base string) *server {
	t.Helper()
	var s *server
	s = serve(t, func(w http.ResponseWriter, r *http.Request) {
		n := 0
		_, _ = fmt.Sscan(r.URL.Query().Get("next"), &n)
		next := ""
		if n+1 < pages {
			prefix := base
			if base == "self" {
				prefix = s.URL + "/api/v1/"
			}
			next = fmt.Sprintf(`,"next":{"href":"%sreloads?appId=x&next=%d"}`, prefix, n+1)
		}
		reply(200, fmt.Sprintf(`{"data":[{"id":"r%d"}],"links":{"self":{"href":"x"}%s}}`, n, next))(w, r)
	})
	return s
}

func TestIteratorWalksAllPages(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"self", "/api/v1/", ""} {
		s := paged(t, 4, base)
		var got []string
		for r, err := range client(t, s.URL, qlik.Cloud).Reloads(t.Context(), qlik.ReloadQuery{AppID: "x"}) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, r.ID)
		}
		if fmt.Sprint(got) != "[r0 r1 r2 r3]" || s.count() != 4 {
			t.Errorf("%q: got %v in %d calls", base, got, s.count())
		}
	}
	s := paged(t, 4, "self")
	for range client(t, s.URL, qlik.Cloud).Reloads(t.Context(), qlik.ReloadQuery{AppID: "x"}) {
		break
	}
	if s.count() != 1 {
		t.Errorf("%d calls for the first record", s.count())
	}
}

// relayed carries every request to one server, whatever its address.
type relayed struct{ to string }

func (r relayed) RoundTrip(request *http.Request) (*http.Response, error) {
	there := request.Clone(request.Context())
	there.URL.Scheme, there.URL.Host = "http", r.to
	return http.DefaultTransport.RoundTrip(there)
}

func TestIteratorFollowsTheTenantsHostHoweverItIsWritten(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		tenant, base string
		want         string
	}{
		{"https://Acme.EU.qlikcloud.com", "https://acme.eu.qlikcloud.com/api/v1/", "[r0 r1]"},
		{"https://acme.eu.qlikcloud.com:443", "https://acme.eu.qlikcloud.com/api/v1/", "[r0 r1]"},
		{"http://acme.example", "http://ACME.example:80/api/v1/", "[r0 r1]"},
		{"https://acme.example", "https://acme.example:8443/api/v1/", "[r0]"},
		{"https://acme.example", "https://acme.example.evil.example/api/v1/", "[r0]"},
		{"https://acme.example", "http://acme.example:443/api/v1/", "[r0]"},
	} {
		s := paged(t, 2, tt.base)
		c, err := qlik.New(qlik.Config{URL: tt.tenant, APIKey: "key-0123456789", Transport: relayed{s.Listener.Addr().String()}})
		if err != nil {
			t.Fatal(err)
		}
		got := []string{}
		for r, err := range c.Reloads(t.Context(), qlik.ReloadQuery{AppID: "x"}) {
			if err == nil {
				got = append(got, r.ID)
			}
		}
		if fmt.Sprint(got) != tt.want {
			t.Errorf("from %s to %s: got %v, want %s", tt.tenant, tt.base, got, tt.want)
		}
	}
}

func TestIteratorRefusesLinksThatLeadAway(t *testing.T) {
	t.Parallel()
	thief := serve(t, reply(200, `{"data":[{"id":"stolen"}]}`))
	for _, base := range []string{
		thief.URL + "/api/v1/", "//evil.example/", "https://user@evil.example/", "javascript:", "http://[", "\\\\evil.example\\",
	} {
		s := paged(t, 2, base)
		c := client(t, s.URL, qlik.Cloud)
		var got []string
		var last error
		for r, err := range c.Reloads(t.Context(), qlik.ReloadQuery{AppID: "x"}) {
			if last = err; err == nil {
				got = append(got, r.ID)
			}
		}
		if fmt.Sprint(got) != "[r0]" || last == nil {
			t.Errorf("%s: got %v, %v", base, got, last)
		}
	}
	if thief.count() != 0 {
		t.Error("another host was asked, with the token")
	}
}

func TestIteratorEndsWhenPagesLeadBack(t *testing.T) {
	t.Parallel()
	s := serve(t, reply(200, `{"data":[{"id":"r"}],"links":{"next":{"href":"/api/v1/spaces?next=1"}}}`))
	n, last := 0, error(nil)
	for _, err := range client(t, s.URL, qlik.Cloud).Spaces(t.Context(), qlik.SpaceQuery{}) {
		n++
		last = err
	}
	if e := failed(t, last); n > 4 || e.Op != "listSpaces" {
		t.Errorf("%d records, then %v", n, last)
	}
}

func TestIteratorGivesTheErrorOfItsPage(t *testing.T) {
	t.Parallel()
	s := serve(t, reply(503, `{}`))
	for _, err := range client(t, s.URL, qlik.Cloud).SpaceAssignments(t.Context(), "s") {
		var e *qlik.Error
		if !errors.As(err, &e) || e.Status != 503 {
			t.Errorf("got %v", err)
		}
	}
	if s.count() != 1 {
		t.Errorf("%d calls", s.count())
	}
}
