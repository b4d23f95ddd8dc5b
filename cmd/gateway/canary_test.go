package main

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/qlikgateway/gateway/qlik/sim"
	"github.com/qlikgateway/gateway/schemas"
)

// canaries are what stands in the configuration for each of its secrets, by where the
// schema has it; $acme, $echo and $told are addresses, $sales is an app.
const canaryConfig = `
http: {addr: "127.0.0.1:0", readers: [{name: wall, secret: "{{reader/secret}}"}]}
console:
  addr: "127.0.0.1:0"
  tokens: [{name: ada, role: operator, secret: "{{consoleToken/secret}}"}]
broker:
  data_dir: "$data"
  listen: "127.0.0.1:0"
  users: [{name: etl, secret: "{{user/secret}}", publish: ["etl.>"], subscribe: ["qlik.events.>"]}]
tenants:
  acme: {url: "$acme", dialect: openapi, api_key: "{{tenant/api_key}}"}
  echo: {url: "$echo", dialect: cloud, oauth: {client_id: me, client_secret: "{{tenant/oauth/client_secret}}"}}
sources:
  plain: {verify: bearer, secret: "{{source/secret}}", callback: {hosts: [127.0.0.1], allow: [127.0.0.1], secret: "{{source/callback/secret}}"}}
  hmac: {verify: {hmac: {header: X-Signature, encoding: hex, secret: "{{verify/hmac/secret}}"}}}
  standard: {verify: {standard-webhooks: {secret: "{{verify/standard-webhooks/secret}}"}}}
  bearer: {verify: {bearer: {secret: "{{verify/bearer/secret}}"}}}
  header: {verify: {header: {name: X-Key, secret: "{{verify/header/secret}}"}}}
  query: {verify: {query: {name: key, secret: "{{verify/query/secret}}"}}}
  basic: {verify: {basic: {user: etl, secret: "{{verify/basic/secret}}"}}}
rules:
  - {name: reload, tenant: acme, on: [plain, hmac, standard, bearer, header, query, basic], when: "true", gather: none, do: [{reload: {app: "$sales"}}]}
  - {name: refused, tenant: echo, on: plain, when: "true", gather: none, retry: {attempts: 1}, do: [{reload: {app: "$sales"}}]}
subscriptions:
  - {name: told, url: "{{subscription/url}}", secret: "{{subscription/secret}}", validate: false, allow: [127.0.0.1]}
`

// canary is the secret at a place of the configuration.
func canary(place string) string {
	return "Canary" + strings.NewReplacer("/", "", "_", "", "-", "").Replace(place) + "Zq7Yx"
}

// secretsOf lists where the schema of the configuration has secrets. A subscription's
// address is one as well: chats have no other.
func secretsOf(t *testing.T) []string {
	t.Helper()
	var schema map[string]any
	if err := json.Unmarshal(schemas.Config(), &schema); err != nil {
		t.Fatal(err)
	}
	found := []string{"subscription/url"}
	var walk func(node any, place string)
	walk = func(node any, place string) {
		part, ok := node.(map[string]any)
		if !ok {
			return
		}
		if reference, _ := part["$ref"].(string); reference == "#/$defs/secret" || reference == "#/$defs/secrets" {
			found = append(found, place)
		}
		properties, _ := part["properties"].(map[string]any)
		for name, property := range properties {
			walk(property, strings.TrimPrefix(place+"/"+name, "/"))
		}
		for _, key := range []string{"items", "additionalProperties"} {
			walk(part[key], place)
		}
		for _, key := range []string{"oneOf", "anyOf", "allOf"} {
			several, _ := part[key].([]any)
			for _, one := range several {
				walk(one, place)
			}
		}
	}
	walk(schema, "")
	for name, definition := range schema["$defs"].(map[string]any) {
		if name != "secrets" { // those are each a secret
			walk(definition, name)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// A watch searches what comes out for secrets.
type watch struct {
	t       *testing.T
	needles map[string]string // what a secret may look like -> its place
	mu      sync.Mutex
	bytes   map[string]int
}

func newWatch(t *testing.T, places []string) *watch {
	w := &watch{t: t, needles: map[string]string{}, bytes: map[string]int{}}
	for _, place := range places {
		secret := canary(place)
		w.needles[secret], w.needles[hex.EncodeToString([]byte(secret))] = place, place
		for offset := range 3 {
			encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", offset) + secret))
			w.needles[encoded[4:len(encoded)-4]] = place
		}
	}
	return w
}

// look searches a text that came out somewhere.
func (w *watch) look(where, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bytes[strings.Fields(where)[0]] += len(text)
	if place, at := w.find(text); place != "" {
		w.t.Errorf("%s shows the secret %s: ...%s...", where, place, text[max(0, at-120):min(len(text), at+120)])
	}
}

// find returns whose secret a text shows and where; "" when it shows none.
func (w *watch) find(text string) (place string, at int) {
	for needle, place := range w.needles {
		if at := strings.Index(text, needle); at >= 0 {
			return place, at
		}
	}
	return "", 0
}

// TestSecretThatComesOutIsCaught shows secrets on purpose, as each output would, and
// holds that the judge of I10 finds them.
func TestSecretThatComesOutIsCaught(t *testing.T) {
	t.Parallel()
	places := secretsOf(t)
	w := newWatch(t, places)
	for _, place := range places {
		for how, shown := range map[string]string{
			"a log line":       fmt.Sprintf(`{"level":"info","url":"http://h/?key=%s"}`, canary(place)),
			"an error":         fmt.Sprintf("get token: 401 for %q", canary(place)),
			"basic proof":      "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("etl:"+canary(place))),
			"a dump":           fmt.Sprintf("%x", canary(place)),
			"a struct printed": fmt.Sprintf("%+v", struct{ Secret string }{canary(place)}),
		} {
			if found, _ := w.find(shown); found != place {
				t.Errorf("%s that shows the secret %s: found %q", how, place, found)
			}
		}
	}
	if found, _ := w.find(`{"level":"info","source":"plain"}`); found != "" {
		t.Errorf("found %s where there is none", found)
	}
}

// A canarySite is a gateway all of whose secrets are canaries.
type canarySite struct {
	*site
	*watch
	folder string
	told   string // address of what is called back
	places []string
}

// echo is a tenant that answers every call with all that it was told. That it knows
// nobody lets the calls be made.
func echo(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if strings.HasSuffix(r.URL.Path, "/oauth/token") {
		_, _ = io.WriteString(w, `{"access_token": "`+canary("token")+`", "token_type": "bearer", "expires_in": 3600}`)
		return
	}
	told, _ := httputil.DumpRequest(r, true)
	status := http.StatusBadRequest
	if r.Method == http.MethodGet {
		status = http.StatusNotFound
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": []map[string]string{{"code": "E-1", "title": string(told), "detail": r.Header.Get("Authorization")}}})
}

func newCanarySite(t *testing.T) *canarySite {
	t.Helper()
	places := secretsOf(t)
	w := newWatch(t, append(places, "token", "wrong"))
	folder := t.TempDir()
	s := &canarySite{site: &site{t: t, config: filepath.Join(folder, "gateway.yaml")}, watch: w, folder: folder, places: places}
	tenant := start(t, "sim", "--json", "--seed", "1", "--reload-time", "50ms", "--api-key", canary("tenant/api_key"))
	var known struct {
		URL     string
		Samples []sim.Sample
	}
	s.decode([]byte(tenant.line(`"url"`)), &known)
	echoing := httptest.NewServer(http.HandlerFunc(echo))
	t.Cleanup(echoing.Close)
	told := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, r *http.Request) {
		r.RequestURI = "/" // the address is what was given to it
		delivery, _ := httputil.DumpRequest(r, true)
		w.look("delivery", string(delivery))
		if len(delivery)%3 == 0 {
			answer.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(told.Close)
	s.told = told.URL
	text := canaryConfig
	for _, place := range places {
		if !strings.Contains(text, "{{"+place+"}}") {
			t.Errorf("the schema has a secret at %s for which this test has no canary", place)
		}
		value := canary(place)
		switch place {
		case "subscription/url":
			value = told.URL + "/" + value
		case "subscription/secret", "source/callback/secret", "verify/standard-webhooks/secret":
			value = "whsec_" + base64.StdEncoding.EncodeToString([]byte(value))
		}
		text = strings.ReplaceAll(text, "{{"+place+"}}", value)
	}
	text = strings.NewReplacer("$acme", known.URL, "$echo", echoing.URL, "$data", filepath.Join(folder, "data"), "$sales", known.Samples[slices.IndexFunc(known.Samples, func(one sim.Sample) bool { return one.Name == "Sales" })].ID).Replace(text)
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// serve starts the gateway and searches all it logs.
func (s *canarySite) serve() {
	collector := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, r *http.Request) {
		told, _ := httputil.DumpRequest(r, true)
		s.look("trace", string(told))
	}))
	s.site.t.Cleanup(collector.Close)
	s.gateway = startIn(s.site.t, []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + collector.URL, "OTEL_BSP_SCHEDULE_DELAY=100"}, "run", "--config", s.config, "--log-level", "trace")
	up := make(chan string, 1)
	go func() {
		for {
			select {
			case line := <-s.gateway.lines:
				s.look("log", line)
				if strings.Contains(line, `"gateway is up"`) {
					up <- line
				}
			case <-s.gateway.done:
				return
			}
		}
	}()
	select {
	case line := <-up:
		s.decode([]byte(line), &s.up)
	case <-s.gateway.done:
		_, out, errOut := command("check", "--config", s.config)
		s.site.t.Fatalf("the gateway does not come up: %s%s", out, errOut)
	}
}

// ask sends a request and searches the answer, its headers too.
func (s *canarySite) ask(method, url, body string, header http.Header) string {
	s.site.t.Helper()
	request, err := http.NewRequestWithContext(s.site.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		s.site.t.Fatal(err)
	}
	request.Header = header
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		s.site.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		s.site.t.Fatal(err)
	}
	var head strings.Builder
	_ = response.Header.Write(&head)
	s.look("answer of "+method+" "+request.URL.Path, response.Status+head.String()+string(answer))
	return string(answer)
}

// say runs a command and searches what it prints.
func (s *canarySite) say(args ...string) {
	s.saying(args)
}

// done is for those commands that have to work: one that does not shows little.
func (s *canarySite) done(args ...string) {
	s.site.t.Helper()
	if code, out := s.saying(args); code != exitDone {
		s.site.t.Errorf("gateway %s: exit code %d: %s", strings.Join(args, " "), code, out)
	}
}

func (s *canarySite) saying(args []string) (int, string) {
	code, out, errOut := command(args...)
	s.look("command "+strings.Join(args[:min(2, len(args))], " "), out+errOut)
	return code, out + errOut
}

func TestNoSecretComesOutAnywhere(t *testing.T) {
	t.Parallel()
	s := newCanarySite(t)
	s.serve()
	conn, err := nats.Connect(s.up.NATS, nats.UserInfo("etl", canary("user/secret")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	if _, err := conn.Subscribe("qlik.events.>", func(msg *nats.Msg) { s.look("event", string(msg.Data)+fmt.Sprint(msg.Header)) }); err != nil {
		t.Fatal(err)
	}
	if _, err := nats.Connect(s.up.NATS, nats.UserInfo("etl", canary("wrong"))); err == nil {
		t.Error("a wrong password was taken")
	}
	s.deliver()
	bearer := http.Header{"Authorization": {"Bearer " + canary("consoleToken/secret")}}
	console := "http://" + s.up.Console
	var runs struct {
		Data []struct{ ID, State, Rule string }
	}
	s.eventually("runs that ended, well and badly", func() bool {
		s.decode([]byte(s.ask(http.MethodGet, console+"/api/v1/runs", "", bearer)), &runs)
		states := map[string]bool{}
		for _, run := range runs.Data {
			states[run.State] = true
		}
		return states["succeeded"] && (states["failed"] || states["held"]) && len(runs.Data) >= 8
	})
	s.browse(console, bearer, runs.Data[0].ID)
	s.command(runs.Data[0].ID)
	s.mistake()
	s.gateway.kill()
	err = filepath.WalkDir(filepath.Join(s.folder, "data"), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			s.look("store "+path, string(read(t, path)))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	t.Logf("searched, in bytes: %v", s.bytes)
	for _, what := range []string{"log", "delivery", "event", "answer", "stream", "command", "store", "trace"} {
		if s.bytes[what] == 0 {
			t.Errorf("nothing was searched of: %s", what)
		}
	}
}

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
