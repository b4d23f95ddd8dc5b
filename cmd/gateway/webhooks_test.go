package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// webhooks runs `gateway webhooks ...` on the site's configuration and checks its
// exit code and what it prints.
func (s *site) webhooks(code int, holds string, args ...string) {
	s.t.Helper()
	var out bytes.Buffer
	got := execute(append([]string{"webhooks", "--config", s.ownConfig()}, args...), &out, &out)
	if got != code || !strings.Contains(out.String(), holds) {
		s.t.Errorf("gateway webhooks %s: exit code %d, want %d and %q in:\n%s", strings.Join(args, " "), got, code, holds, out.String())
	}
}

// ownConfig is the configuration without secrets of the environment, which only the
// processes have.
func (s *site) ownConfig() string {
	s.t.Helper()
	text, err := os.ReadFile(s.config)
	if err != nil {
		s.t.Fatal(err)
	}
	own := strings.NewReplacer("env:TEST_HOOK", testSecret, "env:TEST_ETL", testSecret).Replace(string(text))
	if err := os.WriteFile(s.config+".own", []byte(own), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return s.config + ".own"
}

func TestMissedEventsAreToldOnceTheWebhookIsRepaired(t *testing.T) {
	t.Parallel()
	s := newSite(t, refreshSales, "--dialect", "cloud", "--reload-time", "100ms")
	s.webhooks(exitSurprise, "no webhook named", "check")
	s.webhooks(exitFailed, "no webhook named", "repair")
	s.webhooks(exitDone, "registered", "register", "--url", "http://"+s.up.HTTP)
	s.webhooks(exitDone, "0 events delivered", "check", "--url", "http://"+s.up.HTTP)
	s.webhooks(exitDone, "/hooks/qlik", "ls")

	s.gateway.kill()
	failed := s.reloads(s.sample("Finance"), "hub") // its event reaches nobody
	s.eventually("the delivery failed", func() bool {
		var out bytes.Buffer
		return execute([]string{"webhooks", "--config", s.ownConfig(), "check"}, &out, &out) == exitSurprise
	})
	s.disable()
	silent := s.reloads(s.sample("Inventory"), "chronos") // Qlik does not even try
	s.eventually("it ends", func() bool { return s.ended(silent) })
	other := s.reloads(s.sample("Sales"), "chronos")
	s.eventually("it ends", func() bool { return s.ended(other) })
	s.webhooks(exitFailed, "it failed again", "repair")
	var out bytes.Buffer
	if execute([]string{"webhooks", "--config", s.ownConfig(), "repair"}, &out, &out); strings.Count(out.String(), "not reached") != 1 {
		t.Errorf("a gateway that is down is tried for each reload: %s", out.String())
	}
	s.start()
	outcomes := s.listen()
	s.disable()
	s.webhooks(exitSurprise, "disabled", "check")
	s.webhooks(exitSurprise, "register --url", "check", "--url", "http://"+s.up.HTTP)
	s.webhooks(exitDone, "changed", "register", "--url", "http://"+s.up.HTTP+"/hooks/qlik")
	s.webhooks(exitUsage, "address for senders", "register", "--url", "http://"+s.up.HTTP+"/elsewhere")
	s.webhooks(exitUsage, "address for senders", "check", "--url", "http://"+s.up.HTTP+"/elsewhere")
	s.disable()
	s.webhooks(exitDone, "1 setting changed, 1 event sent again by Qlik, 2 reloads told", "repair", "--since", "1h")
	told := map[string]int{}
	for timeout := time.After(patience); len(told) < 3; {
		select {
		case outcome := <-outcomes:
			told[outcome.ID]++
		case <-timeout:
			t.Fatalf("told: %v", told)
		}
	}
	if told["acme/reloads/"+failed] != 1 || told["acme/reloads/"+silent] != 1 || told["acme/reloads/"+other] != 1 {
		t.Errorf("told: %v", told)
	}
	s.webhooks(exitDone, `"problems":[]`, "check", "--json")
	s.webhooks(exitDone, "0 settings changed, 0 events sent again by Qlik", "repair", "--since", "1h")
}

// disable switches the only webhook off, as Qlik does when too much fails.
func (s *site) disable() {
	s.t.Helper()
	var list struct{ Data []struct{ ID string } }
	s.tenantCall(http.MethodGet, "/webhooks", "", &list)
	s.tenantCall(http.MethodPatch, "/webhooks/"+list.Data[0].ID, `[{"op":"replace","path":"/enabled","value":false}]`, nil)
}

// ended says whether a reload has.
func (s *site) ended(id string) bool {
	var reload struct{ Status string }
	s.tenantCall(http.MethodGet, "/reloads/"+id, "", &reload)
	return reload.Status == "SUCCEEDED"
}

// tenantCall calls the tenant's API.
func (s *site) tenantCall(method, path, body string, into any) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.tenant+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+testSecret)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if into != nil {
		if err := json.NewDecoder(response.Body).Decode(into); err != nil {
			s.t.Fatal(err)
		}
	}
}
