package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// asked is the answer to a request for a run.
type asked struct {
	ID, Run, State, Detail string
	Duplicate              bool
}

func (s *site) ask(query, body string, headers ...string) (int, asked) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, "http://"+s.up.HTTP+"/v1/runs"+query, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	return s.fetch(request, headers...)
}

func (s *site) fetch(request *http.Request, headers ...string) (int, asked) {
	s.t.Helper()
	request.Header.Set("Authorization", "Bearer "+testSecret)
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	var answer asked
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		s.t.Fatal(err)
	}
	return response.StatusCode, answer
}

func TestRunsAreAskedForWithoutARule(t *testing.T) {
	t.Parallel()
	s := newSite(t, salesRule+"apps: {sales: {id: \"{{Sales}}\"}}\n", "--reload-time", "300ms")
	const apps = "sales"
	body := `{"do":[{"reload":{"app":"` + apps + `"}}]}`
	status, first := s.ask("", body, "Idempotency-Key: k1")
	if status != http.StatusAccepted || first.Run == "" || first.Duplicate {
		t.Fatalf("%d %+v", status, first)
	}
	if status, again := s.ask("?wait=30s", body, "Idempotency-Key: k1"); status != http.StatusOK || again.State != "succeeded" || again.ID != first.Run {
		t.Errorf("the same key, waiting: %d %+v", status, again)
	}
	show := func(id string) (int, asked) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.up.HTTP+"/v1/runs/"+id, nil)
		if err != nil {
			t.Fatal(err)
		}
		return s.fetch(request)
	}
	if status, run := show(first.Run); status != http.StatusOK || run.State != "succeeded" {
		t.Errorf("shown: %d %+v", status, run)
	}
	if status, run := show("nothing"); status != http.StatusNotFound {
		t.Errorf("shown: %d %+v", status, run)
	}
	if status, waited := s.ask("?wait=1ms", body); status != http.StatusAccepted || waited.Run == first.Run {
		t.Errorf("a short wait: %d %+v", status, waited)
	}
	for body, want := range map[string]int{
		`{"do":[{"publish":{"app":"` + apps + `","space":"x"}}]}`: http.StatusForbidden,
		`{"do":["reload"]}`: http.StatusBadRequest,
		`{"do":[{"reload":{"app":"` + apps + `"}}],"tenant":"nowhere"}`: http.StatusBadRequest,
		`7`: http.StatusBadRequest,
	} {
		if status, answer := s.ask("", body); status != want || answer.Detail == "" {
			t.Errorf("%s: %d %+v", body, status, answer)
		}
	}
	if starts := len(s.calls("reloadApp")); starts < 1 || starts > 2 {
		t.Errorf("%d reloads were started, of two runs", starts)
	}
}
