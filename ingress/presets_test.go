package ingress

import (
	"bytes"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
)

const (
	sampleID     = "0f4703f7-6315-4e22-8d7a-3bfb18b2fed2"
	sampleNumber = "289782451"
)

func sampleTime() time.Time { return time.Date(2026, 11, 2, 5, 29, 35, 0, time.UTC) }

// whsec is a secret that every verifier takes.
const whsec = "whsec_c2VjcmV0IG9mIHRoZSB0ZXN0"

// presetSource is a source with a preset, compiled.
func presetSource(t testing.TB, name string) *source {
	t.Helper()
	definition := Source{Name: "x", Preset: name, Secrets: []string{whsec}}
	switch name {
	case "aws-sns":
		definition.Secrets, definition.Verify = nil, Verifier{SNS: &SNS{Topics: []string{snsTopic}}}
	case "google-pubsub":
		definition.Secrets, definition.Verify = nil, Verifier{JWT: &JWT{Audience: "a", Claims: map[string][]string{"email": {"push@example.com"}}}}
	}
	sources, problems := Compile([]Source{definition})
	if sources == nil || len(problems) > 0 {
		t.Fatalf("%s: %v", name, problems)
	}
	return sources.byName["x"]
}

// understood is what a preset's sample has to become.
type understood struct {
	id, kind, source, subject string
	job, jobID, runID         string
	outcomes                  bool // it has some
}

func understoodSamples() map[string]understood {
	return map[string]understood{
		"dbt-cloud": {"wev_" + sampleID, "com.getdbt.job.run.completed", "/dbt-cloud/4021/167", "70403", "sales nightly", "70403", sampleNumber, true},
		"fivetran": {sampleID + "/sync_end/SUCCESSFUL", "com.fivetran.sync_end", "/fivetran/warm_harbour/calm_river", "calm_river",
			"crm_pg", "calm_river", sampleID, true},
		"airbyte": {sampleNumber + "/true", "com.airbyte.sync.completed", "/airbyte/7d0f-workspace/64d9-connection", "64d9-connection",
			"crm to warehouse", "64d9-connection", sampleNumber, true},
		"databricks": {"5550001/" + sampleNumber + "/jobs.on_success", "com.databricks.jobs.on_success", "/databricks/5550001/901", "901", "sales load", "901", sampleNumber, true},
		"airflow": {"sales_nightly/scheduled__2026-11-02T05:29:35.000Z/succeeded", "org.apache.airflow.dag_run.completed", "/airflow/sales_nightly", "sales_nightly",
			"sales_nightly", "sales_nightly", "scheduled__2026-11-02T05:29:35.000Z", true},
		"openlineage": {sampleID + "/COMPLETE", "io.openlineage.run.COMPLETE", "/openlineage/warehouse/sales.load", "sales.load",
			"sales.load", "warehouse/sales.load", sampleID, true},
		"azure-data-factory": {"SalesLoad/" + sampleID + "/succeeded", "com.microsoft.datafactory.pipeline.completed", "/azure-data-factory/adf-sales/SalesLoad", "SalesLoad",
			"SalesLoad", "SalesLoad", sampleID, true},
		"azure-event-grid": {sampleID, "Microsoft.Storage.BlobCreated",
			"/azure-event-grid/%2Fsubscriptions%2F1%2FresourceGroups%2Fdata%2Fproviders%2FMicrosoft.Storage%2FstorageAccounts%2Fsales",
			"/blobServices/default/containers/loads/blobs/orders.parquet", "", "", "", false},
		"aws-sns": {sampleID, "com.amazonaws.sns.Notification", "/aws-sns/arn:aws:sns:eu-west-1:123456789012:loads", "sales loaded", snsTopic, snsTopic, sampleID, false},
		"aws-eventbridge": {sampleID, "com.amazonaws.events.Glue Job State Change", "/aws-eventbridge/123456789012/eu-west-1/aws.glue",
			"arn:aws:glue:eu-west-1:123456789012:job/sales", "Glue Job State Change", "", sampleID, true},
		"google-pubsub": {sampleNumber, "google.cloud.pubsub.topic.v1.messagePublished", "/google-pubsub/projects%2Fsales%2Fsubscriptions%2Fgateway", "",
			"", "projects/sales/subscriptions/gateway", sampleNumber, false},
		"github":            {sampleID, "com.github.workflow_run.completed", "/github/example%2Fmodels", ".github/workflows/sales.yml", "sales nightly", "2823", sampleNumber, true},
		"gitlab":            {sampleID, "com.gitlab.pipeline.success", "/gitlab/example%2Fmodels", "main", "example/models", "31", sampleNumber, true},
		"standard-webhooks": {"", "sync.completed", "/sources/x", "", "", "", "", false},
		"cloudevents":       {sampleID, "com.example.sales.loaded", "/example/loads", "", "", "", "", false},
		"generic": {"sales-nightly/" + sampleNumber + "/succeeded", TypeWebhook, "/sources/x", "sales-nightly",
			"sales nightly", "sales-nightly", sampleNumber, true},
		"qlik-cloud": {sampleID, "com.qlik.v1.reload.finished", "com.qlik/reloads", "", "",
			"002ff8c5-3c11-4464-a22b-68fb5e7ee500", "6a849f7f18ec290e6ceb0200", true},
		"qlik-talend": {sampleID, "com.qlik.v1.di-projects.di-tasks.completed", "com.qlik/data-app-design", "", "Sales storage", "storage-lbx4", sampleID, true},
	}
}

// readSample reads a delivery as a preset's source does.
func readSample(t *testing.T, s *source, h http.Header, body []byte) events.Arrival {
	t.Helper()
	arrivals, err := s.read(message{header: h, body: body, arrived: time.Unix(1, 0)})
	if err != nil || len(arrivals) != 1 {
		t.Fatalf("%s: %d events, %v", s.preset, len(arrivals), err)
	}
	return arrivals[0]
}

func TestEveryPresetReadsItsSender(t *testing.T) {
	t.Parallel()
	want := understoodSamples()
	for _, p := range Presets() {
		w, ok := want[p.Name]
		if !ok {
			t.Errorf("%s: nothing says how it is read", p.Name)
			continue
		}
		s := presetSource(t, p.Name)
		for _, outcome := range []string{rules.OutcomeSucceeded, rules.OutcomeFailed} {
			h, body, err := p.sample(outcome, sampleID, sampleNumber, sampleTime())
			if err != nil {
				t.Fatal(err)
			}
			a := readSample(t, s, h, body)
			facts := rules.Facts{Job: w.job, JobID: w.jobID, RunID: w.runID}
			if w.outcomes {
				facts.Outcome = outcome
			}
			if a.Facts != facts {
				t.Errorf("%s: facts %+v, want %+v", p.Name, a.Facts, facts)
			}
			if outcome == rules.OutcomeFailed {
				continue
			}
			e := a.Event
			if e.Type() != w.kind || e.Source() != w.source || e.Subject() != w.subject || w.id != "" && (e.ID() != w.id || a.DedupeID != w.id) {
				t.Errorf("%s: id %s, type %s, source %s, subject %s", p.Name, e.ID(), e.Type(), e.Source(), e.Subject())
			}
			if p.Name != "databricks" && p.Name != "gitlab" && !e.Time().Equal(sampleTime()) {
				t.Errorf("%s: time %s", p.Name, e.Time())
			}
			stored := e.Data()
			if a.Raw != nil {
				stored = a.Raw
			}
			if p.Name == "azure-event-grid" {
				body = bytes.Trim(body, "[]")
			}
			if !bytes.Equal(stored, body) {
				t.Errorf("%s: what is stored is not what was sent: %s", p.Name, stored)
			}
		}
	}
}

// Ids come as numbers from one version of a sender and as strings from another.
func TestNumbersAndStringsAreTheSameID(t *testing.T) {
	t.Parallel()
	quoted, bare := regexp.MustCompile(`"([0-9]+)"([,}\]])`), regexp.MustCompile(`:([0-9]+)([,}\]])`)
	for _, p := range Presets() {
		if p.Events == EventsOnly {
			continue
		}
		s := presetSource(t, p.Name)
		h, body, err := p.sample(rules.OutcomeSucceeded, sampleID, sampleNumber, sampleTime())
		if err != nil {
			t.Fatal(err)
		}
		first := readSample(t, s, h, body)
		for name, other := range map[string][]byte{
			"numbers": quoted.ReplaceAll(body, []byte("$1$2")), "strings": bare.ReplaceAll(body, []byte(`:"$1"$2`)),
			"points": quoted.ReplaceAll(body, []byte("$1.0$2")), "exponents": bare.ReplaceAll(body, []byte(":${1}e0$2")),
		} {
			a := readSample(t, s, h, other)
			if a.Facts != first.Facts || a.Event.Type() != first.Event.Type() || a.DedupeID != first.DedupeID && p.Name != "standard-webhooks" {
				t.Errorf("%s as %s: %+v %s, want %+v %s", p.Name, name, a.Facts, a.DedupeID, first.Facts, first.DedupeID)
			}
		}
	}
	for text, want := range map[string]string{"7": "7", "7.0": "7", "7e2": "700", "7.5": "7.5", "1e999": "1e999", "9007199254740993": "9007199254740993", "0.1e1": "1"} {
		if got := number(text); got != want {
			t.Errorf("%s is written %s", text, got)
		}
	}
}

// Only who holds the secret is proven, for every preset that has one; Amazon's and
// Google's proofs have tests of their own.
func TestEveryPresetsProofIsRightOrWrong(t *testing.T) {
	t.Parallel()
	for _, p := range Presets() {
		s := presetSource(t, p.Name)
		h, body, err := p.sample(rules.OutcomeSucceeded, sampleID, sampleNumber, sampleTime())
		if err != nil {
			t.Fatal(err)
		}
		now := sampleTime()
		e := &evidence{header: h, query: url.Values{}, body: body, now: now, outside: newOutside(nil)}
		if s.proof.sign(e) != nil {
			if !strings.Contains("aws-sns google-pubsub", p.Name) {
				t.Errorf("%s: its sender cannot be imitated", p.Name)
			}
			continue
		}
		right := func() *evidence {
			return &evidence{header: e.header.Clone(), query: url.Values(http.Header(e.query).Clone()), body: bytes.Clone(body), now: now, outside: e.outside}
		}
		if err := s.proof.prove(t.Context(), right()); err != nil {
			t.Errorf("%s: right: %v", p.Name, err)
		}
		other, err := presetProof(p.Name, "whsec_b3RoZXIgc2VjcmV0IG9mIHRoZSB0ZXN0")
		if err != nil || other.prove(t.Context(), right()) == nil {
			t.Errorf("%s: proven with another secret, %v", p.Name, err)
		}
		if s.proof.prove(t.Context(), &evidence{header: http.Header{}, query: url.Values{}, body: body, now: now}) == nil {
			t.Errorf("%s: proven with nothing", p.Name)
		}
		signs := p.Verify.HMAC != nil || p.Verify.Webhooks != nil || p.Name == "gitlab"
		for at := range body {
			flipped := right()
			flipped.body[at] ^= 1
			if signs && s.proof.prove(t.Context(), flipped) == nil {
				t.Fatalf("%s: proven with byte %d flipped", p.Name, at)
			}
		}
		stale := right()
		stale.now = now.Add(time.Hour)
		if timed := p.Verify.Webhooks != nil || p.Name == "gitlab"; (s.proof.prove(t.Context(), stale) == nil) == timed {
			t.Errorf("%s: an hour later", p.Name)
		}
	}
}

func presetProof(name, secret string) (proof, error) {
	p, _ := LookupPreset(name)
	return p.Verify.proof([]string{secret})
}

func TestEveryPresetIsComplete(t *testing.T) {
	t.Parallel()
	for _, p := range Presets() {
		found, ok := LookupPreset(p.Name)
		if !ok || found.Name != p.Name || p.Title == "" || len(p.Setup) != 3 || !strings.Contains(p.Config, "preset: "+p.Name) {
			t.Errorf("preset %q is incomplete", p.Name)
		}
		setup := strings.Join(p.Setup, " ")
		if p.Name != "airflow" && p.Name != "openlineage" && !strings.Contains(setup, "{url}") {
			t.Errorf("preset %s does not say where to send to", p.Name)
		}
	}
	files, err := os.ReadDir("samples")
	if err != nil || len(files) != len(Presets()) {
		t.Errorf("%d samples for %d presets, %v", len(files), len(Presets()), err)
	}
}

func TestVerdictsThatAreNotKnownAreOther(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ preset, body, want string }{
		{"dbt-cloud", `{"eventType":"job.run.started","data":{"runStatusCode":3}}`, "other"},
		{"dbt-cloud", `{"eventType":"job.run.completed","data":{"runStatusCode":"10"}}`, "succeeded"},
		{"fivetran", `{"event":"sync_end","data":{"status":"successful"}}`, "succeeded"},
		{"fivetran", `{"event":"sync_start"}`, "other"},
		{"databricks", `{"event_type":"jobs.on_start"}`, "other"},
		{"github", `{"action":"requested","workflow_run":{"conclusion":null}}`, "other"},
		{"gitlab", `{"object_kind":"pipeline","object_attributes":{"status":"running"}}`, "other"},
		{"qlik-talend", `{"specversion":"1.0","id":"1","source":"/a","type":"com.qlik.v1.di-projects.di-tasks.stopped"}`, "other"},
		{"generic", `{"job":"x"}`, ""},
		{"generic", `{"job":"x","status":"running"}`, "other"},
		{"generic", `not JSON`, ""},
		{"generic", `[1]`, ""},
		{"openlineage", `{"eventType":"ABORT","job":{},"run":{}}`, "failed"},
	} {
		a := readSample(t, presetSource(t, tt.preset), http.Header{}, []byte(tt.body))
		if a.Facts.Outcome != tt.want {
			t.Errorf("%s %s: %q, want %q", tt.preset, tt.body, a.Facts.Outcome, tt.want)
		}
	}
}
