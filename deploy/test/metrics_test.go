package deploy_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/prometheus/prometheus/promql/parser"
	core "k8s.io/api/core/v1"
)

// registered returns the metrics that the gateway's code registers, each with the
// text of its registration, in which its labels are.
func registered(t *testing.T) map[string]string {
	t.Helper()
	metrics := map[string]string{}
	whole := regexp.MustCompile(`(?s)Name:\s*"(qlik_gateway_[a-z_]+)".*?\}, \[\]string\{([^}]*)\}`)
	prefixed := regexp.MustCompile(`(?s)const prefix = "(qlik_gateway_[a-z_]+)"`)
	local := regexp.MustCompile(`(?s)Name:\s*prefix \+ "([a-z_]+)".*?\}, (?:\[\]string\{([^}]*)\}|by\))`)
	bare := regexp.MustCompile(`gauge\("([a-z_]+)", "[^"]*"\)`)
	function := regexp.MustCompile(`NewGaugeFunc\(prometheus\.GaugeOpts\{\s*Name:\s*"(qlik_gateway_[a-z_]+)"`)
	short := regexp.MustCompile(`(?:counter|histogram|gauge)\("([a-z_]+)", "[^"]*"((?:, "[a-z_]+")*)`)
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, match := range whole.FindAllSubmatch(text, -1) {
			metrics[string(match[1])] = string(match[2])
		}
		for _, match := range function.FindAllSubmatch(text, -1) {
			metrics[string(match[1])] = "" // no label
		}
		if prefix := prefixed.FindSubmatch(text); prefix != nil { // all of them have the label by
			by := regexp.MustCompile(`by := \[\]string\{([^}]*)\}`).FindSubmatch(text)
			for _, match := range append(local.FindAllSubmatch(text, -1), bare.FindAllSubmatch(text, -1)...) {
				labels := string(by[1])
				if len(match) > 2 {
					labels += ", " + string(match[2])
				}
				metrics[string(prefix[1])+string(match[1])] = labels
			}
		}
		if strings.Contains(string(text), `"qlik_gateway_" + name`) {
			for _, match := range short.FindAllSubmatch(text, -1) {
				metrics["qlik_gateway_"+string(match[1])] = string(match[2])
			}
		}
		return err
	})
	if err != nil || len(metrics) < 8 {
		t.Fatalf("found %d metrics in the code, %v", len(metrics), err)
	}
	return metrics
}

// TestAlertsAndDashboardAskForMetricsThatExist: a name that nobody registers makes an
// alert that never fires.
func TestAlertsAndDashboardAskForMetricsThatExist(t *testing.T) {
	t.Parallel()
	metrics := registered(t)
	asked := map[string]bool{}
	for place, query := range queries(t) {
		for _, match := range regexp.MustCompile(`(qlik_gateway_[a-z_]+)(?:\{([^}]*)\})?`).FindAllStringSubmatch(query, -1) {
			name := match[1]
			labels, known := metrics[name]
			for _, part := range []string{"_bucket", "_sum", "_count"} {
				if !known {
					labels, known = metrics[strings.TrimSuffix(name, part)]
				}
			}
			if !known {
				t.Errorf("%s asks for %s, which the gateway does not have", place, name)
			}
			asked[name] = true
			for _, label := range regexp.MustCompile(`(\w+)(?:=~|!~|!=|=)"`).FindAllStringSubmatch(match[2], -1) {
				if label[1] != "namespace" && label[1] != "job" && !strings.Contains(labels, `"`+label[1]+`"`) {
					t.Errorf("%s asks for label %s, which %s does not have: %s", place, label[1], name, labels)
				}
			}
			for _, label := range grouped(query) {
				if label != "le" && !strings.Contains(labels, `"`+label+`"`) {
					t.Errorf("%s groups by %s, which %s does not have: %s", place, label, name, labels)
				}
			}
		}
	}
	for name := range metrics {
		if !asked[name] && !asked[name+"_bucket"] {
			t.Errorf("neither an alert nor the dashboard shows %s", name)
		}
	}
}

// TestQueriesAreWrittenAsPrometheusReadsThem, and every one asks for something.
func TestQueriesAreWrittenAsPrometheusReadsThem(t *testing.T) {
	t.Parallel()
	reader := parser.NewParser(parser.Options{})
	for place, query := range queries(t) {
		for _, part := range strings.Split(query, "\x00") {
			if part = strings.TrimSpace(strings.NewReplacer("$__rate_interval", "5m", "$job", ".*", "$tenant", ".*").Replace(part)); part == "" {
				continue
			}
			expr, err := reader.ParseExpr(part)
			if err != nil {
				t.Errorf("%s: %v: %s", place, err, part)
				continue
			}
			if expr.Type() != parser.ValueTypeVector {
				t.Errorf("%s answers a %s: %s", place, expr.Type(), part)
			}
		}
	}
}

// TestWhatAnOperatorHasToHearOfHasAnAlert of its own.
func TestWhatAnOperatorHasToHearOfHasAnAlert(t *testing.T) {
	t.Parallel()
	found := queries(t)
	for alert, metric := range map[string]string{
		"CannotStore": "journal_unavailable", "BreakerOpen": "breaker_open_ratio", "SubscriptionDisabled": "subscription_enabled_ratio",
		"DeadLetters": "dead_letters_total", "QuotaExhausted": "budget.exhausted", "TenantHeld": "tenant_held_ratio", "NobodyWorks": "leading_ratio",
	} {
		if !strings.Contains(found["alert QlikGateway"+alert], metric) {
			t.Errorf("alert %s: %q", alert, found["alert QlikGateway"+alert])
		}
	}
}

// grouped returns the labels that a query groups by.
func grouped(query string) []string {
	var labels []string
	for _, match := range regexp.MustCompile(`by \(([^)]*)\)`).FindAllStringSubmatch(query, -1) {
		labels = append(labels, strings.Split(match[1], ", ")...)
	}
	return labels
}

// queries returns what alerts and dashboard ask Prometheus, by where they do.
func queries(t *testing.T) map[string]string {
	t.Helper()
	objects := render(t, filepath.Join(chart, "ci", "clients-values.yaml"))
	found := map[string]string{}
	var rules monitoring.PrometheusRule
	decode(t, one(t, objects, "PrometheusRule", ""), &rules)
	for _, group := range rules.Spec.Groups {
		for _, rule := range group.Rules {
			found["alert "+rule.Alert] = rule.Expr.StrVal
		}
	}
	var board core.ConfigMap
	decode(t, one(t, objects, "ConfigMap", "-dashboard"), &board)
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(board.Data["qlik-gateway.json"]), &dashboard); err != nil {
		t.Fatal(err)
	}
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			found["panel "+panel.Title] += "\x00" + target.Expr
		}
	}
	if len(found) < 15 {
		t.Fatalf("found %d queries", len(found))
	}
	return found
}
