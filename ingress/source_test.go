package ingress_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/qlikgateway/gateway/ingress"
)

// mistaken are sources with every mistake that there is.
func mistaken() []ingress.Source {
	anybody := ingress.Verifier{None: true}
	long := []string{"a-secret-that-is-long-enough"}
	subject := func(s, queue string) *ingress.Subject { return &ingress.Subject{Subject: s, Queue: queue} }
	return []ingress.Source{
		{Name: "Dbt", Verify: anybody},
		{Name: "", Verify: anybody},
		{Name: "gateway", Verify: anybody},
		{Name: "twice", Verify: anybody}, {Name: "twice", Verify: anybody},
		{Name: "nothing"},
		{Name: "unknown", Preset: "dbt", Secrets: long},
		{Name: "nosecret", Preset: "dbt-cloud"},
		{Name: "empty", Preset: "fivetran", Secrets: []string{""}},
		{Name: "nowhere", Verify: ingress.Verifier{HMAC: &ingress.HMAC{}}, Secrets: long},
		{Name: "needless", Verify: anybody, Secrets: long},
		{Name: "useless", NATS: subject("a.b", ""), Secrets: long},
		{Name: "short", Preset: "dbt-cloud", Secrets: []string{"short"}},
		{Name: "spaces", NATS: subject("a b", "")},
		{Name: "dots", NATS: subject("a..b", "")},
		{Name: "tail", NATS: subject("a.>.b", "")},
		{Name: "everything", NATS: subject(">", "")},
		{Name: "own", NATS: subject("gateway.in.acme.etl", "")},
		{Name: "outcomes", NATS: subject("qlik.events.acme.>", "")},
		{Name: "anything", NATS: subject("*.done", "")},
		{Name: "inbox", NATS: subject("_INBOX.*", "")},
		{Name: "system", NATS: subject("$SYS.>", "")},
		{Name: "one", NATS: subject("x.*", "q")}, {Name: "other", NATS: subject("x.y", "q")},
		{Name: "apart", NATS: subject("x.y", "")}, {Name: "beside", NATS: subject("x.y.z", "q")},
	}
}

func TestCompileReportsEveryMistakeWithItsPlace(t *testing.T) {
	t.Parallel()
	compiled, problems := ingress.Compile(mistaken())
	if compiled != nil {
		t.Error("sources with mistakes compile")
	}
	var got []string
	for _, p := range problems {
		mark := ""
		if p.Warning {
			mark = " (warning)"
		}
		got = append(got, strings.Join(p.Path, ".")+mark)
		if p.Text == "" {
			t.Errorf("%v says nothing", p.Path)
		}
	}
	want := []string{
		"sources.Dbt", "sources.Dbt.verify (warning)", "sources.", "sources..verify (warning)", "sources.gateway", "sources.gateway.verify (warning)",
		"sources.twice.verify (warning)", "sources.twice", "sources.twice.verify (warning)", "sources.nothing", "sources.unknown.preset",
		"sources.nosecret", "sources.empty", "sources.nowhere.verify", "sources.needless.verify (warning)", "sources.needless.secret",
		"sources.useless.secret", "sources.short.secret (warning)", "sources.spaces.nats.subject", "sources.dots.nats.subject", "sources.tail.nats.subject",
		"sources.everything.nats.subject", "sources.own.nats.subject", "sources.outcomes.nats.subject", "sources.anything.nats.subject", "sources.inbox.nats.subject",
		"sources.system.nats.subject", "sources.other.nats.queue",
	}
	for _, w := range want {
		if !slices.Contains(got, w) {
			t.Errorf("no problem at %s", w)
		}
	}
	for i, g := range got {
		if !slices.Contains(want, g) {
			t.Errorf("unexpected problem at %s: %s", g, problems[i].Text)
		}
	}
}

func TestSourcesWithoutMistakesCompile(t *testing.T) {
	t.Parallel()
	compiled, problems := ingress.Compile(append(sources(),
		ingress.Source{Name: "mixed", Preset: "dbt-cloud", NATS: &ingress.Subject{Subject: "dbt.>"}},
		ingress.Source{Name: "wide", NATS: &ingress.Subject{Subject: "loads.*.>"}},
	))
	if compiled == nil || len(problems) != 1 || !problems[0].Warning {
		t.Errorf("problems: %v", problems)
	}
}
