package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// deliver sends what is proven rightly, not at all and wrongly to every source.
func (s *canarySite) deliver() {
	front := "http://" + s.up.HTTP
	for _, source := range []string{"plain", "hmac", "standard", "bearer", "header", "query", "basic"} {
		s.say("send", "--config", s.config, "--source", source, "--generate", "--url", front)
		s.say("send", "--config", s.config, "--source", source, "--generate", "--url", front, "--sign=false")
		for _, place := range s.places {
			if !strings.HasSuffix(place, "secret") {
				continue
			}
			// The right secret in the wrong place, and a wrong one in the right place.
			header := http.Header{"X-Key": {canary("wrong")}, "X-Signature": {canary(place)}, "Authorization": {"Basic " + canary(place)}, "Traceparent": {canary(place)}}
			s.ask(http.MethodPost, front+"/hooks/"+source+"?token="+canary(place)+"&key="+canary("wrong"), `{"a": 1}`, header)
		}
	}
	called := filepath.Join(s.folder, "called.json")
	if err := os.WriteFile(called, []byte(`{"callback": "`+s.told+`/back"}`), 0o600); err != nil {
		s.site.t.Fatal(err)
	}
	s.say("send", "--config", s.config, "--source", "plain", "--file", called, "--url", front)
	s.ask(http.MethodGet, front+"/v1/events?since=1h", "", http.Header{"Authorization": {"Bearer " + canary("wrong")}})
}

// browse opens every page and asks every question of the API.
func (s *canarySite) browse(console string, bearer http.Header, run string) {
	var document struct {
		Paths map[string]map[string]any
	}
	s.decode([]byte(s.ask(http.MethodGet, console+"/openapi.json", "", bearer)), &document)
	paths := []string{"/", "/runs", "/runs/{id}", "/events", "/rules", "/sources", "/tenants", "/dead", "/login", "/metrics", "/healthz", "/readyz",
		"/debug/pprof/", "/debug/pprof/cmdline", "/debug/pprof/goroutine?debug=2", "/debug/pprof/heap?debug=1"}
	for path, methods := range document.Paths {
		if methods["get"] != nil && !strings.HasSuffix(path, "/stream") {
			paths = append(paths, path)
		}
	}
	for _, path := range paths {
		path = strings.NewReplacer("{id}", run, "{seq}", "1", "{name}", "told").Replace(path)
		s.ask(http.MethodGet, console+path, "", bearer)
		s.ask(http.MethodGet, console+path, "", http.Header{"Authorization": {"Bearer " + canary("wrong")}})
	}
	for _, path := range []string{"/api/v1/events/stream", "/live/events"} {
		s.overhear(console+path, bearer)
	}
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Origin": {console}}
	for _, token := range []string{canary("consoleToken/secret"), canary("wrong")} {
		s.ask(http.MethodPost, console+"/login", "token="+token, form)
	}
	for _, path := range []string{"/api/v1/runs/" + run + "/cancel", "/api/v1/rules/try", "/api/v1/log", "/api/v1/subscriptions/told/enable"} {
		s.ask(http.MethodPost, console+path, `{"source": "plain", "level": "trace", "data": {}}`, bearer.Clone())
	}
}

// overhear searches the beginning of a stream of what was told.
func (s *canarySite) overhear(url string, header http.Header) {
	request, err := http.NewRequestWithContext(s.site.t.Context(), http.MethodGet, url, nil)
	if err != nil {
		s.site.t.Fatal(err)
	}
	request.Header = header.Clone()
	request.Header.Set("Last-Event-ID", "1")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.site.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	beginning := make([]byte, 4<<10)
	if _, err := io.ReadFull(response.Body, beginning); err != nil {
		s.site.t.Error(err)
	}
	s.look("stream", string(beginning))
}

// command runs what operators run.
func (s *canarySite) command(run string) {
	body, token := filepath.Join(s.folder, "body.json"), filepath.Join(s.folder, "token")
	for path, text := range map[string]string{body: `{"a": 1}`, token: canary("consoleToken/secret")} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			s.site.t.Fatal(err)
		}
	}
	s.say("doctor", "--config", s.config) // one tenant refuses everything
	for _, args := range [][]string{{"check"}, {"check", "--json"}, {"explain", "--source", "plain", body}, {"explain", "--json", "--source", "query", body}} {
		s.done(append(args, "--config", s.config)...)
	}
	backup := filepath.Join(s.folder, "backup.tar")
	for _, args := range [][]string{
		{"runs", "ls"}, {"runs", "show", run}, {"rules", "ls"}, {"rules", "try", "--source", "plain", "--data", body}, {"sources", "ls"}, {"tenants", "ls"},
		{"subscriptions", "ls"}, {"subscriptions", "replay", "told", "--since", "1h"}, {"dead", "ls"}, {"events", "tail", "--once"}, {"events", "tail", "--once", "--last", "500"},
		{"pause", "rule", "reload"}, {"pause", "ls"}, {"breaker", "ls"}, {"replay", "--from", "1h", "--dry-run"}, {"backup", backup},
	} {
		there := []string{"--server", "http://" + s.up.Console, "--token-file"}
		s.done(slices.Concat(args, there, []string{token})...)
		s.done(slices.Concat(args, []string{"--json"}, there, []string{token})...)
		s.say(slices.Concat(args, there, []string{body})...) // no token of ours
		s.say(slices.Concat(args, []string{"--server", "http://ann:" + canary("wrong") + "@127.0.0.1:1"})...)
	}
	s.say("runs", "log", run, "--server", "http://"+s.up.Console, "--token-file", token) // it started no reload
	s.done("resume", "rule", "reload", "--server", "http://"+s.up.Console, "--token-file", token)
	s.say("runs", "start", "--reload", "sales", "--url", "http://"+s.up.HTTP, "--secret-file", token)
	s.done("restore", backup, "--config", s.elsewhere())
	s.say("presets")
	s.say("version")
}

// elsewhere is the same configuration, on a store of its own.
func (s *canarySite) elsewhere() string {
	path := filepath.Join(s.folder, "elsewhere.yaml")
	text := strings.ReplaceAll(string(read(s.site.t, s.config)), filepath.Join(s.folder, "data"), filepath.Join(s.folder, "restored"))
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.site.t.Fatal(err)
	}
	return path
}

// mistake makes the mistakes that people make around secrets.
func (s *canarySite) mistake() {
	right := string(read(s.site.t, s.config))
	wrong := filepath.Join(s.folder, "wrong.yaml")
	for _, change := range [][2]string{
		{"secret: ", "secert: "}, {"api_key: ", "apikey: "}, {"whsec_", "whsec_%"},
		{`"}`, `"`}, {"http://", "ftp://"}, {"http://", "http://%zz"}, {"secret: ", "secret: !!int "}, {"secret: ", "secret: [[a], "}, {"client_secret: ", "secret: "},
	} {
		if err := os.WriteFile(wrong, []byte(strings.ReplaceAll(right, change[0], change[1])), 0o600); err != nil {
			s.site.t.Fatal(err)
		}
		for _, word := range []string{"check", "doctor", "run"} {
			s.say(word, "--config", wrong)
		}
	}
}
