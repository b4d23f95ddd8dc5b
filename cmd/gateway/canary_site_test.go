package main

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/qlikgateway/gateway/qlik/sim"
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
