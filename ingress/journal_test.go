package ingress_test

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/events/broker"
	"github.com/qlikgateway/gateway/ingress"
)

// A vault is a real journal on an embedded broker.
type vault struct {
	*broker.Broker
	journal *events.Journal
}

func vaulted(t *testing.T) (*door, *vault) {
	t.Helper()
	b, err := broker.Open(t.Context(), broker.Config{
		DataDir: t.TempDir(), Listen: "127.0.0.1:0",
		Users: []broker.User{{Name: "etl", Secret: token, Publish: []string{"etl.>"}}},
	}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close(context.Background()) })
	names := b.Names()
	journal := events.NewJournal(b.JetStream(), events.JournalConfig{
		In: names.In, Unmatched: names.Unmatched, InSubject: names.InSubject, UnmatchedSubject: names.UnmatchedSubject,
	})
	d := opened(t, func(c *ingress.Config) { c.Append = journal.Append })
	return d, &vault{Broker: b, journal: journal}
}

// holds returns how many messages a stream has.
func (v *vault) holds(t *testing.T, stream string) uint64 {
	t.Helper()
	s, err := v.JetStream().Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo().State.Msgs
}

func (v *vault) want(t *testing.T, in, unmatched uint64) {
	t.Helper()
	names := v.Names()
	if gotIn, gotUnmatched := v.holds(t, names.In), v.holds(t, names.Unmatched); gotIn != in || gotUnmatched != unmatched {
		t.Errorf("the journal holds %d events and %d that no rule matched, want %d and %d", gotIn, gotUnmatched, in, unmatched)
	}
}

func TestAnsweredEventsAreOnTheJournalAsTheyCame(t *testing.T) {
	t.Parallel()
	d, v := vaulted(t)
	body := fixture(t, "fivetran-successful.json")
	if r := d.signed(t, "fivetran", body); r.status != http.StatusAccepted || r.Duplicate {
		t.Fatal(r.raw)
	}
	structured := "{ \"specversion\" : \"1.0.2\",\"id\":\"1\",\"source\":\"/a\",\n\"type\":\"t\",\"extensions\":{\"a\":[]},\"data\":{\"done\":true}}"
	if r := d.post(t, "/events", structured, "Content-Type: application/cloudevents+json", authorized); r.status != http.StatusAccepted {
		t.Fatal(r.raw)
	}
	if r := d.post(t, "/events", `{"done": true}`, append(binary(), authorized, "Ce-Note: %E2%82%AC 5")...); r.status != http.StatusAccepted {
		t.Fatal(r.raw)
	}
	if r := d.post(t, "/hooks/lab", "nothing known"); r.status != http.StatusAccepted {
		t.Fatal(r.raw)
	}
	v.want(t, 4, 1) // the first is for two tenants
	for sequence, want := range map[uint64]struct {
		tenant, source, body string
		rules                []string
	}{
		1: {"acme", "fivetran", string(body), []string{"refresh"}},
		2: {"umbra", "fivetran", string(body), []string{"publish"}},
		3: {"acme", "events", structured, []string{"done"}},
		4: {"acme", "events", `{"done": true}`, []string{"done"}},
	} {
		e, err := v.journal.Entry(t.Context(), sequence)
		if err != nil || e.Err != nil {
			t.Fatal(err, e.Err)
		}
		if e.Tenant != want.tenant || e.Source != want.source || string(e.Body) != want.body || !reflect.DeepEqual(e.Rules, want.rules) || e.Revision != 1 {
			t.Errorf("event %d is %+v", sequence, e)
		}
	}
	e, err := v.journal.Entry(t.Context(), 4)
	if err != nil {
		t.Fatal(err)
	}
	if e.Event.Extensions()["note"] != "€ 5" || fmt.Sprint(decoded(e)) != "map[done:true]" {
		t.Errorf("event 4 is read as %s", e.Event)
	}
}

func TestTenDeliveriesAtOnceAreStoredOnce(t *testing.T) {
	t.Parallel()
	d, v := vaulted(t)
	body := fixture(t, "dbt-completed.json")
	var wg sync.WaitGroup
	replies := make([]reply, 10)
	for i := range replies {
		wg.Go(func() { replies[i] = d.signed(t, "dbt", body) })
	}
	wg.Wait()
	news := 0
	for _, r := range replies {
		if r.status != http.StatusAccepted || r.ID != replies[0].ID {
			t.Errorf("answered %d %s", r.status, r.raw)
		}
		if !r.Duplicate {
			news++
		}
	}
	if news != 1 {
		t.Errorf("%d of 10 deliveries were new", news)
	}
	v.want(t, 1, 0)
}

func TestRefusedDeliveriesLeaveNothingOnTheJournal(t *testing.T) {
	t.Parallel()
	d, v := vaulted(t)
	batch := `[{"specversion":"1.0","id":"1","source":"/a","type":"t"},{"specversion":"1.0","id":"","source":"/a","type":"t"}]`
	for _, r := range []reply{
		d.post(t, "/hooks/dbt", string(fixture(t, "dbt-completed.json")), "Authorization: "+strings.Repeat("0", 64)),
		d.post(t, "/hooks/dbt", string(fixture(t, "dbt-completed.json"))),
		d.post(t, "/hooks/nobody", "{}"),
		d.post(t, "/hooks/lab", "{", "Content-Type: application/json"),
		d.post(t, "/hooks/lab", strings.Repeat(" ", 600<<10)),
		d.post(t, "/events", batch, "Content-Type: application/cloudevents-batch+json", authorized),
		d.post(t, "/events", `{"specversion":"0.3"}`, "Content-Type: application/cloudevents+json", authorized),
	} {
		if r.status < 400 || r.status >= 500 {
			t.Errorf("answered %d %s", r.status, r.raw)
		}
	}
	v.want(t, 0, 0)
}

func TestUsersOfTheEmbeddedServerSendEvents(t *testing.T) {
	t.Parallel()
	d, v := vaulted(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Listen(ctx, v.Edge()) }()
	conn, err := nats.Connect(v.ClientURL(), nats.UserInfo("etl", token))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var answer *nats.Msg
	until(t, func() bool { // until the gateway listens
		answer, err = conn.Request("etl.sales.done", []byte(`{"rows":3}`), 10*time.Second)
		return err != nats.ErrNoResponders
	})
	if err != nil || !strings.Contains(string(answer.Data), `"matches":["loaded"]`) {
		t.Fatalf("answered %v, %v", answer, err)
	}
	v.want(t, 1, 0)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestSendersAreToldWhenTheJournalIsDown(t *testing.T) {
	t.Parallel()
	d, v := vaulted(t)
	if err := v.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := d.post(t, "/hooks/lab", "{}")
	r.refused(t, 503, "send it again")
	if r.header.Get("Retry-After") == "" {
		t.Error("a refusal does not say when to come back")
	}
}

func decoded(e events.Entry) any {
	view := e.View()
	return view.Decoded()
}

// TestWhatIsAnsweredAcceptedCanBeReadFromTheJournal: else a 202 ends as a dead letter.
func TestWhatIsAnsweredAcceptedCanBeReadFromTheJournal(t *testing.T) {
	t.Parallel()
	d, v := vaulted(t)
	definitions := append(sources(), ingress.Source{Name: "jobs2", Preset: "generic", Secrets: []string{token}})
	d.Set(live(t, definitions, 2))
	event := func(attributes ...string) []string {
		all := map[string]string{"Ce-Specversion": "1.0", "Ce-Id": fmt.Sprintf("%.100s", attributes), "Ce-Source": "/a", "Ce-Type": "t"}
		for _, attribute := range attributes {
			name, value, _ := strings.Cut(attribute, ": ")
			all[name] = value
		}
		headers := []string{authorized}
		for name, value := range all {
			headers = append(headers, name+": "+value)
		}
		return headers
	}
	accepted := 0
	for _, tt := range []struct {
		path, body string
		headers    []string
	}{
		{"/events", "{}", event("Ce-Source: /" + strings.Repeat("é", 1000))},
		{"/events", "{}", event("Ce-Source: /" + strings.Repeat("%20", 1000))},
		{"/events", "{}", event("Ce-Dataschema: /" + strings.Repeat("é", 1000))},
		{"/events", "{}", event("Ce-Time: 9999-12-31T23:59:59-01:00")},
		{"/events", "{}", event("Ce-Time: 0000-01-01T00:00:00+01:00")},
		{"/events", "{}", event("Ce-Time: 2026-01-01t00:00:00z")},
		{"/events", "{}", event("Ce-Id: a%00b")},
		{"/events", "{}", event("Ce-Id: %20a%20")},
		{"/events", "{}", event("Ce-Id: +a+%2B")},
		{"/events", "{}", event("Ce-Source: %2520 a", "Ce-Subject: %25")},
		{"/events", "{}", event("Ce-Source: //[::1")},
		{"/events", "{}", event("Ce-Subject: " + strings.Repeat("é", 1024))},
		{"/events", "{}", event("Ce-Note: " + strings.Repeat("%E2%82%AC", 600))},
		{"/events", "{}", event("Ce-Datacontenttype: text/plain;charset=\"a b\"")},
		{"/events", "{}", event("Content-Type: text/plain; charset=\"a ü\"")},
		{"/hooks/jobs2", `{"time":"9999-12-31T23:59:59-01:00","job":"a"}`, []string{authorized}},
		{"/hooks/jobs2", `{"time":"0000-01-01T00:00:00+01:00","job":"a"}`, []string{authorized}},
		{"/hooks/jobs2", `{"type":"a b","job":"é\u0000"}`, []string{authorized}},
		{"/hooks/jobs2", `{"type":" ","job":" "}`, []string{authorized}},
	} {
		r := d.post(t, tt.path, tt.body, tt.headers...)
		if r.status != http.StatusAccepted {
			if r.status != http.StatusBadRequest {
				t.Errorf("%.100v %.50s: %d %s", tt.headers, tt.body, r.status, r.raw)
			}
			continue
		}
		if !r.Duplicate {
			accepted++
		}
	}
	read := 0
	err := v.journal.History(t.Context(), time.Now().Add(-time.Hour), time.Now().Add(time.Hour), func(e events.Entry) error {
		if read++; e.Err != nil {
			t.Errorf("%.100v: %v", e.Header, e.Err)
		}
		return nil
	})
	if err != nil || read != accepted || accepted < 8 {
		t.Errorf("%d were accepted and %d read, %v", accepted, read, err)
	}
}
