package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/qlikgateway/gateway/bridge/rules"
)

func TestDoctorSaysWhatIsNotWellAndWhatToDo(t *testing.T) {
	t.Parallel()
	s := newSite(t, `
  - {name: known, on: jobs, app: sales, do: [reload]}
  - {name: published, on: jobs, app: sales, do: [publish], always: [{copy: {app: sales, name: x, space: aspaceofnobody}}]}
  - {name: unknown, on: jobs, app: "2f1c6e0a-1111-4222-8333-444455556666", do: [reload]}
apps: {sales: {id: "{{Sales}}", publish: {space: nosuchspace}}}
`)
	console := "http://" + s.up.Console
	doctor := func(code int, holds string) {
		t.Helper()
		s.want(code, holds, "doctor", "--config", s.ownConfig(), "--server", console)
	}
	doctor(exitFailed, "takes events; its console is "+console)
	for _, server := range []string{s.up.Console, console + "/"} {
		if _, out, _ := command("doctor", "--config", s.ownConfig(), "--server", server); !strings.Contains(out, "takes events; its console is "+console) {
			t.Error(out)
		}
	}
	doctor(exitFailed, "answers, and takes the credentials")
	doctor(exitFailed, "name an app that is there")
	s.reconfigure("2f1c6e0a-1111-4222-8333-444455556666", s.sample("Finance"))
	doctor(exitFailed, "space nosuchspace")
	doctor(exitFailed, "space aspaceofnobody")
	s.reconfigure("publish: {space: nosuchspace}", "min_interval: 1s")
	s.reconfigure("do: [publish], always: [{copy: {app: sales, name: x, space: aspaceofnobody}}]", "do: [reload]")
	doctor(exitDone, "no gateway answers")
	code, out := s.cli("doctor", "--config", s.ownConfig(), "--server", console, "--json")
	var found struct {
		OK       bool
		Findings []finding
	}
	if err := json.Unmarshal([]byte(out), &found); err != nil || code != exitDone || !found.OK || len(found.Findings) < 6 {
		t.Errorf("exit code %d, %v: %s", code, err, out)
	}
	if strings.Contains(out, testSecret) {
		t.Error("a secret is shown")
	}
	s.reconfigure(`api_key: "`, `api_key: "not-`)
	doctor(exitFailed, "make a new one")
	s.reconfigure("rules:", "ruels:")
	doctor(exitFailed, "gateway check")
}

func TestDoctorLooksAtTheWebhookOfQlikCloud(t *testing.T) {
	t.Parallel()
	s := newSite(t, refreshSales, "--dialect", "cloud")
	doctor := func(code int, holds string) {
		t.Helper()
		s.want(code, holds, "doctor", "--config", s.ownConfig(), "--server", "http://"+s.up.Console)
	}
	doctor(exitDone, "is not registered at Qlik")
	s.webhooks(exitDone, "registered", "register", "--url", "http://"+s.up.HTTP)
	doctor(exitDone, "its address answers; 0 events delivered within a day")
	s.gateway.kill()
	doctor(exitDone, "cannot be reached from here")
}

func TestDoctorReachesAnExternalBroker(t *testing.T) {
	t.Parallel()
	nats := startNATS(t, t.TempDir(), -1)
	s := newSiteOn(t, " {url: \""+nats.ClientURL()+"\"}", refreshSales)
	s.want(exitDone, "NATS", "doctor", "--config", s.ownConfig(), "--server", "http://"+s.up.Console)
	nats.Shutdown()
	nats.WaitForShutdown()
	s.want(exitFailed, "JetStream has to be on", "doctor", "--config", s.ownConfig(), "--server", "http://"+s.up.Console)
}

// TestDoctorNamesTheScopeThatIsMissing puts a door before the tenant that answers 403
// where Qlik does for an OAuth client without the scope.
func TestDoctorNamesTheScopeThatIsMissing(t *testing.T) {
	t.Parallel()
	s := newSite(t, `
  - {name: promote, on: jobs, app: "{{Sales}}", do: [reload, {publish: {space: "{{Company}}"}}]}
`, "--dialect", "cloud")
	tenant, err := url.Parse(s.tenant)
	if err != nil {
		t.Fatal(err)
	}
	through := httputil.NewSingleHostReverseProxy(tenant)
	for path, hint := range map[string]string{"/spaces/": "scope spaces", "/apps/" + s.sample("Sales"): "scope apps", "/users/me": "scope user_default"} {
		door := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, path) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusForbidden)
				_, _ = io.WriteString(w, `{"errors":[{"code":"HTTP-403","title":"Forbidden"}]}`)
				return
			}
			through.ServeHTTP(w, r)
		}))
		var d doctor
		d.path, d.server = s.through(door.URL), "http://"+s.up.Console
		d.examine(t.Context())
		door.Close()
		if !slices.ContainsFunc(d.findings, func(f finding) bool { return f.Grade != gradeOK && strings.Contains(f.Hint, hint) }) {
			t.Errorf("403 at %s: no finding has %q: %+v", path, hint, d.findings)
		}
	}
}

func TestScopesAreThoseOfTheActionsThatRulesAskFor(t *testing.T) {
	t.Parallel()
	definitions := []rules.Definition{
		{Name: "a", Do: []rules.StepDefinition{{Action: "reload"}, {Action: "emit"}}},
		{Name: "b", Tenant: "other", Do: []rules.StepDefinition{{Action: "publish"}}},
	}
	if got := scopesOf(definitions, "acme", true); len(got) != 2 || !slices.Equal(got[scopeApps], []string{"reload"}) {
		t.Errorf("%v", got)
	}
	if got := scopesOf(definitions, "other", false); !slices.Equal(got[scopeSpaces], []string{"publish"}) {
		t.Errorf("%v", got)
	}
}

// through is the configuration with another address of the tenant.
func (s *site) through(address string) string {
	s.t.Helper()
	text := strings.ReplaceAll(string(read(s.t, s.ownConfig())), s.tenant, address)
	path := s.config + ".through"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}
