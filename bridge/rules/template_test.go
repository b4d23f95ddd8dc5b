package rules

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

func TestTemplatesAreCutAtTheirExpressions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                        "[]",
		"plain $ {x} $x":          "[{plain $ {x} $x false}]",
		"${a}":                    "[{a true}]",
		"x${a}y${ b }":            "[{x false} {a true} {y false} { b  true}]",
		"$${a}":                   "[{${a} false}]",
		"$$${a}":                  "[{$${a} false}]",
		`${{"k": {"x": 1}}["k"]}`: `[{{"k": {"x": 1}}["k"] true}]`,
		`${"}" + '}'}`:            `[{"}" + '}' true}]`,
		`${"\"}"}`:                `[{"\"}" true}]`,
		`${r"\"}`:                 `[{r"\" true}]`,
		`${"""a"}"""}`:            `[{"""a"}""" true}]`,
		"${":                      "error: ${ without a closing } at column 1",
		"x ${a":                   "error: ${ without a closing } at column 3",
		`${"}`:                    "error: ${ without a closing } at column 1",
		"${ }":                    "error: nothing between ${ and } at column 1",
	} {
		segments, err := parseTemplate(text)
		got := fmt.Sprint(segments)
		if err != nil {
			got = "error: " + err.Error()
		}
		if got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}

func FuzzParseTemplate(f *testing.F) {
	for _, seed := range []string{"", "$${", "${a}", `${"}"}x`, "${{}}", "x${r'\\'}", "${'''}'''}", "$$${a}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		segments, err := parseTemplate(text)
		if err != nil {
			return
		}
		var again strings.Builder
		for _, segment := range segments {
			if segment.cel {
				again.WriteString("${" + segment.text + "}")
				continue
			}
			again.WriteString(strings.ReplaceAll(segment.text, "${", "$${"))
		}
		if again.String() != text {
			t.Errorf("%q came back as %q", text, again.String())
		}
	})
}

func FuzzCompile(f *testing.F) {
	for _, seed := range []string{`outcome == "succeeded"`, "${run_id}", "steps.copy.app_id", "[[[[", "a.b.c", `"\u`, "data[?'x']", "has(steps.copy.x)"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		def := Definition{
			Name: "r", On: On{Sources: []string{"dbt"}}, When: text, App: text, Gather: GatherDefinition{Key: text}, Deadline: text,
			Do: []StepDefinition{{Action: "copy"}, {Action: "reload", Args: map[string]any{"variables": map[string]any{"A": text}}}},
		}
		set, problems := Compile([]Definition{def}, testNames())
		if (set == nil) != (len(problems) > 0) {
			t.Errorf("set %v with problems %v", set, problems)
		}
	})
}

func TestBodiesAreReadWithWholeNumbersAsIntegers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ contentType, body, want string }{
		{"application/json", `{"a": 1, "b": [1.5, -0, 1e3, 12345678901234567890], "c": null}`, "map[a:1 b:[1.5 0 1000 1.2345678901234567e+19] c:<nil>]"},
		{"application/json", `9223372036854775807`, "9223372036854775807"},
		{"application/cloudevents+json; charset=utf-8", `"x"`, "x"},
		{"", `true`, "true"},
		{"text/plain", ` [1]`, "[1]"},
		{"text/plain", `1`, "<nil>"},
		{"application/x-www-form-urlencoded", `a=1`, "<nil>"},
		{"application/json", `{"a": 1} x`, "<nil>"},
		{"application/json", `{"a": `, "<nil>"},
		{"application/json", ``, "<nil>"},
		{"application/json", `1e999`, "1e999"},
		{";;", `{}`, "map[]"},
	} {
		if got := fmt.Sprint(DecodeData(test.contentType, []byte(test.body))); got != test.want {
			t.Errorf("%s %s: got %s, want %s", test.contentType, test.body, got, test.want)
		}
	}
}

func FuzzDecodeData(f *testing.F) {
	f.Add("application/json", `{"a": [1, 2.5, "x", null, true, 1e400]}`)
	f.Add("text/plain", "1")
	f.Fuzz(func(t *testing.T, contentType, body string) {
		set := compiled(t, `[{name: r, on: dbt, app: sales, when: 'data.a == 1 || size(data) > 2', do: [{reload: {variables: {A: "${data}"}}}]}]`, testNames())
		event := Event{GatewaySource: "dbt", Data: DecodeData(contentType, []byte(body))}
		set.Route(event)
		if plan, err := set.Plan("r", event); err == nil && len(plan.Steps) != 1 {
			t.Errorf("plan %+v", plan)
		}
	})
}

func TestNumbersThatAreNoneHaveNoText(t *testing.T) {
	t.Parallel()
	for _, value := range []float64{math.NaN(), math.Inf(1)} {
		if text, err := asText(value); err == nil {
			t.Errorf("%v is %q", value, text)
		}
	}
}
