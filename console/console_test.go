package console_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/console"
	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/events/broker"
)

// A desk is a console on a real broker, with runs but without a dispatcher.
type desk struct {
	t      testing.TB
	broker *broker.Broker
	server *httptest.Server
	log    *strings.Builder
	dead   *events.DeadLetters
}

const definitions = `[{"name": "refresh", "on": "etl", "app": "8f4f7f6e-1111-4222-8333-444455556666", "when": "data.rows > 0", "do": ["reload"]}]`

func ruleNames() rules.Names {
	return rules.Names{Tenants: []string{"acme"}, Sources: []string{"etl", "lab"}}
}

func newDesk(t testing.TB, edit ...func(*console.Config)) *desk {
	t.Helper()
	d := &desk{t: t, log: &strings.Builder{}}
	var err error
	d.broker, err = broker.Open(t.Context(), broker.Config{DataDir: t.TempDir()}, zerolog.Nop())
	d.must(err)
	t.Cleanup(func() { d.must(d.broker.Close(context.Background())) })
	js, names := d.broker.JetStream(), d.broker.Names()
	ledger, err := bridge.OpenLedger(t.Context(), js, names.Ledger)
	d.must(err)
	var defs []rules.Definition
	d.must(json.Unmarshal([]byte(definitions), &defs))
	set, problems := rules.Compile(defs, ruleNames())
	if set == nil {
		t.Fatal(problems)
	}
	setup := &console.Setup{
		Revision: 7, Rules: defs, Set: set, Subscriptions: []string{"alerts"}, Apps: map[string]string{"8f4f7f6e-1111-4222-8333-444455556666": "sales"},
		Tenants: []console.Tenant{{Name: "acme", URL: "https://acme.example", Dialect: "cloud"}},
		Sources: []console.Source{{Name: "etl", Proof: "nothing", Path: "/hooks/etl", Setup: []string{"Send CloudEvents to it."}}, {Name: "lab", NATS: "lab.done"}},
	}
	cfg := console.Config{
		Ledger: ledger, Desk: bridge.NewDesk(d.broker.Conn(), "gateway.orders"), Stream: js, Out: names.Out,
		Journal: events.NewJournal(js, events.JournalConfig{In: names.In, Unmatched: names.Unmatched, InSubject: names.InSubject, UnmatchedSubject: names.UnmatchedSubject}),
		Setup:   func() *console.Setup { return setup },
		Holder:  func(context.Context, string) (string, error) { return "replica-1/7", nil },
		Metrics: prometheus.NewRegistry(), Ready: func(context.Context) error { return errors.New("not today") },
		Version: "test", Dial: console.NewDial(zerolog.InfoLevel), Log: zerolog.New(zerolog.SyncWriter(d.log)),
	}
	cfg.ReloadLog = func(context.Context, string, string, string) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader("Error: field not found")), nil
	}
	cfg.Publisher = events.NewPublisher(js, events.PublisherConfig{Subject: names.OutSubject})
	cfg.Told, err = events.OpenSubscriptions(t.Context(), js, names.Ledger, names.Out)
	d.must(err)
	d.dead = events.NewDeadLetters(js, names.Dead, names.DeadSubject)
	revisions := bridge.NewRevisions(ledger)
	document, err := json.Marshal(rules.Record{Names: ruleNames(), Rules: defs})
	d.must(err)
	_, err = revisions.Use(t.Context(), document, set)
	d.must(err)
	cfg.Replayer = bridge.Replayer{Journal: cfg.Journal, Dead: d.dead, Ledger: ledger, Revisions: revisions}
	for _, e := range edit {
		e(&cfg)
	}
	c := console.New(cfg)
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = c.Run(ctx) })
	d.server = httptest.NewServer(c)
	t.Cleanup(func() { stop(); running.Wait(); d.server.Close() })
	return d
}

func (d *desk) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// put writes run records as a dispatcher would, and returns the id of the last.
func (d *desk) put(from, n int, state bridge.RunState, step bridge.StepState) string {
	d.t.Helper()
	js := d.broker.JetStream()
	kind := "active"
	if state.Ended() {
		kind = "ended"
	}
	opened := time.Now().Add(-time.Hour).UTC()
	var id string
	var last jetstream.PubAckFuture
	for i := from; i < from+n; i++ {
		at := opened.Add(time.Duration(i) * 30 * time.Millisecond)
		run := bridge.Run{
			Schema: 1, ID: bridge.RunID(time.Unix(1_700_000_000, 0), uint64(i+1), "acme", "refresh"), Tenant: "acme", Rule: "refresh", State: state, Opened: at, Newest: at,
			Plan: &rules.Plan{Tenant: "acme", Rule: "refresh", Steps: []rules.Step{{Name: "reload", Action: rules.Reload, Args: rules.Args{App: "8f4f7f6e-1111-4222-8333-444455556666"}}}},
			Steps: []bridge.StepRecord{{
				State: step, Tried: 1, Attempts: []bridge.Attempt{{CalledAt: at.Add(time.Second), AnsweredAt: at.Add(2 * time.Second), Sent: true}},
				Result: bridge.Result{ReloadID: fmt.Sprint("reload-", i), Status: "RELOADING"},
			}},
		}
		if state.Ended() {
			run.Ended, run.Steps[0].Ended = at.Add(time.Minute), at.Add(time.Minute)
		}
		run.Causes.Add(uint64(i+1), fmt.Sprint("event-", i))
		text, err := json.Marshal(run)
		d.must(err)
		id = run.ID
		last, err = js.PublishAsync("$KV."+d.broker.Names().Ledger+"."+kind+".acme."+id, text, jetstream.WithStallWait(time.Minute))
		d.must(err)
	}
	<-js.PublishAsyncComplete()
	select {
	case err := <-last.Err():
		d.t.Fatal(err)
	case <-last.Ok():
	}
	return id
}

// An answer is what the console answered.
type answer struct {
	*http.Response
	body string
}

func (d *desk) ask(method, path, body string, headers ...string) answer {
	d.t.Helper()
	request, err := http.NewRequestWithContext(d.t.Context(), method, d.server.URL+path, strings.NewReader(body))
	d.must(err)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	if host := request.Header.Get("Host"); host != "" {
		request.Host = host
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	d.must(err)
	text, err := io.ReadAll(response.Body)
	d.must(errors.Join(err, response.Body.Close()))
	return answer{response, string(text)}
}

// until asks again until the page has a text.
func (d *desk) until(path, text string) answer {
	d.t.Helper()
	for d.t.Context().Err() == nil {
		if page := d.ask(http.MethodGet, path, ""); strings.Contains(page.body, text) {
			return page
		}
	}
	d.t.Fatalf("%s never said %q", path, text)
	return answer{}
}

func TestEveryPageIsServedUnderTheStrictPolicy(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id := d.put(0, 1, bridge.RunSucceeded, bridge.StepSucceeded)
	held := d.put(1, 1, bridge.RunHeld, bridge.StepUnknown)
	running := d.put(2, 1, bridge.RunRunning, bridge.StepSubmitted)
	d.until("/runs", running)
	for path, text := range map[string]string{
		"/": "Newest runs", "/runs": id, "/runs?state=held": held, "/runs?rule=none": "No run is like that", "/runs/" + id: "What happened",
		"/runs/" + held: "none works for the tenant now", "/runs/" + running: "Cancel this run", "/events": "Nothing was told yet", "/rules": "data.rows &gt; 0", "/sources": "Send CloudEvents to it.",
		"/tenants": "replica-1/7", "/login": "Token", "/runs?live=off": "Go on updating",
	} {
		page := d.ask(http.MethodGet, path, "")
		if page.StatusCode != http.StatusOK || !strings.Contains(page.body, text) {
			t.Errorf("%s: %s, without %q", path, page.Status, text)
		}
		policy := page.Header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: policy %q", path, policy)
		}
		if strings.Contains(page.body, " style=") || strings.Contains(page.body, "<style") || strings.Contains(page.body, " onclick") {
			t.Errorf("%s has something inline", path)
		}
	}
	if page := d.ask(http.MethodGet, "/runs/none", ""); page.StatusCode != http.StatusNotFound || !strings.Contains(page.body, "No run has this id") {
		t.Errorf("%s %s", page.Status, page.body)
	}
	fragment := d.ask(http.MethodGet, "/runs", "", "HX-Request", "true")
	if strings.Contains(fragment.body, "<html") || !strings.Contains(fragment.body, id) {
		t.Error("the part of the page that changes is not served by itself")
	}
}

func TestRulesAreTriedWithoutEffect(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for data, text := range map[string]string{
		`{"rows": 3}`: "matches", `{"rows": 0}`: "did not match", `{}`: "does not match", `{`: "expected JSON",
	} {
		form := url.Values{"source": {"etl"}, "data": {data}}
		page := d.ask(http.MethodPost, "/rules", form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
		if !strings.Contains(page.body, text) {
			t.Errorf("%s: no %q in the answer", data, text)
		}
	}
	other := d.ask(http.MethodPost, "/rules", "source=etl", "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "cross-site")
	if other.StatusCode != http.StatusForbidden {
		t.Errorf("a form of another site: %s", other.Status)
	}
}

func TestWhatSomebodyWritesIsNeverMarkup(t *testing.T) {
	t.Parallel()
	const hostile = `"><script>x</script>`
	d := newDesk(t)
	form := url.Values{"source": {"etl"}, "type": {hostile}, "job": {hostile}, "data": {`{"x": "</textarea><script>"}`}}
	tried := d.ask(http.MethodPost, "/rules", form.Encode(), "Content-Type", "application/x-www-form-urlencoded").body
	login := d.ask(http.MethodGet, "/login?to="+url.QueryEscape("/"+hostile), "").body
	for name, page := range map[string]string{"rules": tried, "login": login} {
		if !strings.Contains(page, "&#34;&gt;&lt;script&gt;") || strings.Contains(page, "<script>") {
			t.Errorf("%s: %s", name, page)
		}
	}
}

func TestDeadLettersAreReplayedAfterALook(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	if page := d.ask(http.MethodGet, "/dead", ""); !strings.Contains(page.body, "No dead letters") {
		t.Error("no word about there being none")
	}
	d.bury()
	if page := d.ask(http.MethodGet, "/dead", ""); !strings.Contains(page.body, "com.example.done") || !strings.Contains(page.body, "mend the rule") {
		t.Errorf("the letter is not shown: %s", page.body)
	}
	post := func(form string) string {
		return d.ask(http.MethodPost, "/dead", form, "Content-Type", "application/x-www-form-urlencoded").body
	}
	if page := post("letter=1"); !strings.Contains(page, "takes it") || !strings.Contains(page, "Replay 1 dead letter") {
		t.Errorf("no preview: %s", page)
	}
	if page := post("letter=1&do=replay"); !strings.Contains(page, "<b>replayed</b>") {
		t.Errorf("not replayed: %s", page)
	}
	if page := post("letter=99&do=replay"); !strings.Contains(page, "no such dead letter") {
		t.Errorf("a letter that is not there: %s", page)
	}
	if page := post(""); !strings.Contains(page, "Choose at least one") {
		t.Error("nothing was chosen, and nothing was said")
	}
}
