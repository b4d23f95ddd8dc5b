package ingress

import (
	"net/http"
	"strings"
	"testing"

	"github.com/qlikgateway/gateway/bridge/rules"
)

const (
	qlikData = `"data":{"id":"6a849f7f18ec290e6ceb025d","appId":"002ff8c5","succeeded":true}`
	qlikOld  = `"cloudEventsVersion":"0.1","eventId":"e1","eventTime":"2026-11-02T07:06:22Z","eventType":"com.qlik.v1.reload.finished",` +
		`"eventTypeVersion":"1.0.0","contentType":"application/json","extensions":{"tenantId":"t1","topLevelResourceId":"002ff8c5","authClaims":"{\"name\":\"Ann\"}"}`
	qlikNew = `"specversion":"1.0.2","id":"e1","time":"2026-11-02T07:06:22Z","type":"com.qlik.v1.reload.finished","datacontenttype":"application/json",` +
		`"tenantid":"t1","toplevelresourceid":"002ff8c5","authclaims":"{\"name\":\"Ann\"}","originip":"10.1.2.3","sessionid":"s1"`
)

func TestQliksEnvelopesAreOneEventWithoutWhoDidIt(t *testing.T) {
	t.Parallel()
	for name, envelope := range map[string]string{"legacy": qlikOld, "hybrid": qlikOld + "," + qlikNew, "current": qlikNew} {
		body := `{"source":"com.qlik/reloads",` + envelope + "," + qlikData + "}"
		a := readSample(t, presetSource(t, "qlik-cloud"), http.Header{}, []byte(body))
		if want := (rules.Facts{Outcome: "succeeded", JobID: "002ff8c5", RunID: "6a849f7f18ec290e6ceb025d"}); a.Facts != want {
			t.Errorf("%s: facts %+v, want %+v", name, a.Facts, want)
		}
		e := a.Event
		if e.ID() != "e1" || e.Type() != "com.qlik.v1.reload.finished" || e.Extensions()["tenantid"] != "t1" || e.Extensions()["toplevelresourceid"] != "002ff8c5" ||
			e.Time().IsZero() || a.DedupeID != "e1" {
			t.Errorf("%s: %s", name, e)
		}
		for _, kept := range []string{"Ann", "10.1.2.3", "s1", "claims"} {
			if strings.Contains(string(a.Raw), kept) {
				t.Errorf("%s: %q is kept: %s", name, kept, a.Raw)
			}
		}
	}
}

func TestEnginesEventNamesItsAppInTheEnvelope(t *testing.T) {
	t.Parallel()
	body := `{"source":"com.qlik/engine","cloudEventsVersion":"0.1","eventId":"e2","eventType":"com.qlik.v1.app.reload.finished","extensions":{"topLevelResourceId":"app-1"},` +
		`"data":{"name":"Sales","status":"error","reloadId":"6a849f7f18ec290e6ceb025d"}}`
	a := readSample(t, presetSource(t, "qlik-cloud"), http.Header{}, []byte(body))
	if want := (rules.Facts{Outcome: "failed", Job: "Sales", JobID: "app-1", RunID: "6a849f7f18ec290e6ceb025d"}); a.Facts != want {
		t.Errorf("facts %+v, want %+v", a.Facts, want)
	}
}

func TestOnlyAReloadsEndIsPushed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		tenant, kind, id string
		want             bool
	}{
		{"acme", TypeReloadFinished, "6a849f7f18ec290e6ceb025d", true},
		{"", TypeReloadFinished, "6a849f7f18ec290e6ceb025d", false},
		{"acme", "com.qlik.v1.app.created", "6a849f7f18ec290e6ceb025d", false},
		{"acme", TypeReloadFinished, "../../users", false},
		{"acme", TypeReloadFinished, "", false},
	} {
		s := presetSource(t, "qlik-cloud")
		s.tenant = tt.tenant
		body := `{"specversion":"1.0","id":"e","source":"com.qlik/reloads","type":"` + tt.kind + `","data":{"id":"` + tt.id + `"}}`
		if id, ok := s.finished(readSample(t, s, http.Header{}, []byte(body))); ok != tt.want || ok && id != tt.id {
			t.Errorf("%+v: %q %v", tt, id, ok)
		}
	}
}
