package deploy_test

import (
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	core "k8s.io/api/core/v1"
	extensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	published "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
	security "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"
)

// TestRoutesAreWhatTheGatewayAPIPublishes: the API server would hold an HTTPRoute against
// the model that the Gateway API publishes, with its rules in CEL; a Go type has neither.
func TestRoutesAreWhatTheGatewayAPIPublishes(t *testing.T) {
	t.Parallel()
	judge := modelOf(t, "sigs.k8s.io/gateway-api", "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml", "v1")
	route := one(t, render(t, filepath.Join(chart, "ci", "everything-values.yaml")), "HTTPRoute", "")
	if errs := judge(route.json); len(errs) > 0 {
		t.Errorf("%v in\n%s", errs, route.json)
	}
	for old, wrong := range map[string]string{`"PathPrefix"`: `"Prefix"`, `"value":"/hooks"`: `"value":"hooks"`, `"port":8080`: `"port":0`} {
		text := strings.Replace(string(route.json), old, wrong, 1)
		if errs := judge([]byte(text)); text == string(route.json) || len(errs) == 0 {
			t.Errorf("%s in the place of %s is no mistake: %s", wrong, old, text)
		}
	}
}

// modelOf returns what judges objects by a published CustomResourceDefinition.
func modelOf(t *testing.T, module, path, version string) func(object []byte) field.ErrorList {
	t.Helper()
	folder, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(folder)), path))
	if err != nil {
		t.Fatal(err)
	}
	var crd published.CustomResourceDefinition
	if err := yaml.Unmarshal(text, &crd); err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(crd.Spec.Versions, func(v published.CustomResourceDefinitionVersion) bool { return v.Name == version })
	var props extensions.JSONSchemaProps
	if err := published.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(crd.Spec.Versions[i].Schema.OpenAPIV3Schema, &props, nil); err != nil {
		t.Fatal(err)
	}
	shape, _, err := validation.NewSchemaValidator(&props)
	if err != nil {
		t.Fatal(err)
	}
	structural, err := schema.NewStructural(&props)
	if err != nil {
		t.Fatal(err)
	}
	rules := cel.NewValidator(structural, true, 1e9)
	return func(text []byte) field.ErrorList {
		var object map[string]any
		if err := json.Unmarshal(text, &object); err != nil {
			t.Fatal(err)
		}
		defaulting.Default(object, structural)
		errs := validation.ValidateCustomResource(nil, object, shape)
		if len(errs) > 0 {
			return errs
		}
		errs, _ = rules.Validate(t.Context(), nil, structural, object, nil, 1e9)
		return errs
	}
}

// TestRulesAreWhatPrometheusLoads: the operator refuses a PrometheusRule that Prometheus
// would, such as for a template in an annotation that cannot be read.
func TestRulesAreWhatPrometheusLoads(t *testing.T) {
	t.Parallel()
	for _, values := range valuesFiles(t) {
		for _, o := range render(t, values) {
			if o.Kind != "PrometheusRule" {
				continue
			}
			var rules monitoring.PrometheusRule
			decode(t, o, &rules)
			text, err := yaml.Marshal(rules.Spec)
			if err != nil {
				t.Fatal(err)
			}
			if _, errs := rulefmt.Parse(text, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler)); len(errs) > 0 {
				t.Errorf("%s: %v", values, errs)
			}
		}
	}
}

// admitted holds a pod against Kubernetes' own Pod Security Standard "restricted", less
// the containers that only the values bring.
func admitted(t *testing.T, pod core.PodSpec) {
	t.Helper()
	ours := pod.DeepCopy()
	ours.InitContainers = nil
	ours.Containers = slices.DeleteFunc(ours.Containers, func(c core.Container) bool { return c.Name == "sidecar" })
	standard, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	level := security.LevelVersion{Level: security.LevelRestricted, Version: security.LatestVersion()}
	for _, result := range standard.EvaluatePod(level, &meta.ObjectMeta{}, ours) {
		if !result.Allowed {
			t.Errorf("%s: %s", result.ForbiddenReason, result.ForbiddenDetail)
		}
	}
}
