package qlik_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode"

	"github.com/qlikgateway/gateway/qlik"
)

// answering makes a client whose tenant always gives the same answer.
func answering(t testing.TB, status int, body string) *qlik.Client {
	t.Helper()
	c, err := qlik.New(qlik.Config{URL: "https://x.test", Dialect: qlik.Cloud, APIKey: "k", Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func FuzzErrorBody(f *testing.F) {
	for _, seed := range []string{
		`{"errors":[{"code":"RELOADS-007","title":"Too Many Requests","detail":"d","status":"429","meta":{"a":[1]}}],"traceId":"t"}`,
		`{"errors":[{"code":7,"status":429}]}`, `{"code":"AssignmentConflict","title":"x"}`, `[]`, `null`, `"x"`, `{"errors":[null]}`, "\xff{", ``,
	} {
		f.Add(429, seed)
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 300 || status > 999 {
			status = 500
		}
		_, err := answering(t, status, body).GetApp(t.Context(), "x")
		e := failed(t, err)
		if e.Status != status || !e.Sent || len(e.Error()) > 6000 || strings.ContainsFunc(e.Error(), unicode.IsControl) && !strings.ContainsFunc(body, unicode.IsControl) {
			t.Errorf("%d %q: %v", status, body, e)
		}
		_ = e.Reason()
	})
}

func FuzzApp(f *testing.F) {
	for _, seed := range []string{
		`{"id":"x","name":"n","publishTime":"2020-11-03T17:00:11.865Z","custom":{"a":1},"links":{"self":{"href":"h"}}}`,
		`{"attributes":{"id":"x","publishTime":""},"privileges":["read"],"create":[{"resource":"sheet","canCreate":true}]}`,
		`{"id":"x","attributes":[]}`, `{"attributes":{}}`, `{"attributes":null,"id":"x"}`, `{"id":1}`, `[]`, ``,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		app, err := answering(t, 200, body).GetApp(t.Context(), "x")
		if err != nil {
			if e := failed(t, err); e.Status != 0 || !e.Sent {
				t.Errorf("%q: %v", body, e)
			}
			return
		}
		if app.ID == "" {
			t.Errorf("%q: an app without an id", body)
		}
		again, err := json.Marshal(app)
		if err != nil {
			return // a year that JSON does not write
		}
		same, err := answering(t, 200, string(again)).GetApp(t.Context(), "x")
		if err != nil || same.ID != app.ID || same.Name != app.Name || !same.PublishTime.Equal(app.PublishTime) {
			t.Errorf("%q becomes %s and then %+v, %v", body, again, same, err)
		}
	})
}

func FuzzReload(f *testing.F) {
	for _, seed := range []string{
		`{"id":"r","status":"SUCCEEDED","startTime":"2020-11-03T17:00:00Z","endTime":"2020-11-03T17:00:02Z","engineTime":"2020-11-03T17:00:02Z"}`,
		`{"id":"r","status":"NEW","duration":"P1DT2H3M4.5S","engineTime":12,"errorCode":7}`, `{"id":"r","duration":"PT1E309S"}`, `{"id":"r","duration":"PTNaNS"}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		r, err := answering(t, 200, body).GetReload(t.Context(), "r")
		if err == nil && (r.ID == "" || r.Duration < 0) {
			t.Errorf("%q: %+v", body, r)
		}
	})
}

func FuzzPage(f *testing.F) {
	f.Add(`{"data":[{"id":"r"}],"links":{"next":{"href":"/api/v1/reloads?next=x"}}}`)
	f.Add(`{"data":[],"links":{"next":{"href":"//evil.example"}}}`)
	f.Add(`{"data":null}`)
	f.Fuzz(func(t *testing.T, body string) {
		n := 0
		for _, err := range answering(t, 200, body).Reloads(t.Context(), qlik.ReloadQuery{AppID: "x"}) {
			if n++; n > 10_000 {
				t.Fatalf("%q does not end: %v", body, err)
			}
		}
	})
}
