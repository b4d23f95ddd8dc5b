package rules

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// bodies are what a scanner may get wrong.
func bodies() []string {
	all := []string{
		``, `{}`, `[]`, ` {"a" : 1 } `, `{"a":1}x`, `{"a":1,}`, `{,}`, `{"a"}`, `{"a":}`, `{a:1}`, `[1,]`, `[1 2]`, `nul`, `null`, `truefalse`,
		`"`, `"\`, `"\u12"`, `"\u12G4"`, `"\u00e9\n\/\""`, `"\x"`, "\"\x1f\"", "\"\x7f\"", "\"tab\there\"", "\"\xff\"", `01`, `-`, `-0`, `-01`, `1.`, `.5`, `1.5e`, `1e+5`, `1E-5`,
		`1e999`, `--1`, `{"a":1,"a":{"b":2}}`, `{"\u0061":3}`, "{\"\xff\":3}", `{"é":"ü"}`, `{"a":"` + strings.Repeat("x", 61) + `\"","b":[{"c":[[]]}]}`,
		strings.Repeat("[", 100) + strings.Repeat("]", 100), strings.Repeat("[", 100), "\ufeff{}", "{}\x00",
		strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000), strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001),
		`{"a":` + strings.Repeat(`[{"b":`, 5000) + `1` + strings.Repeat("}]", 5000) + "}",
	}
	for n := range 20 { // the byte that ends a string, at each place of a word
		pad := strings.Repeat("x", n)
		all = append(all, `"`+pad+`"`, `"`+pad+`\\"`, `"`+pad+"\n\"", `{"`+pad+`": "`+pad+`é"}`)
	}
	return all
}

// agree holds the scanner against encoding/json.
func agree(t *testing.T, body string) {
	t.Helper()
	if got, want := Valid([]byte(body)), json.Valid([]byte(body)); got != want {
		t.Errorf("%.100q is JSON: %v, want %v", body, got, want)
	}
	var want map[string]json.RawMessage
	isObject := json.Unmarshal([]byte(body), &want) == nil && want != nil
	fields, ok := Fields([]byte(body))
	if ok != isObject {
		t.Fatalf("%.100q is an object: %v, want %v", body, ok, isObject)
	}
	got := map[string]json.RawMessage{}
	for _, field := range fields {
		got[field.Key] = field.Value
	}
	if ok && !reflect.DeepEqual(got, want) {
		t.Errorf("%.100q: %s, want %s", body, got, want)
	}
}

func TestScannerReadsWhatEncodingJSONReads(t *testing.T) {
	t.Parallel()
	for _, body := range bodies() {
		agree(t, body)
	}
}

func FuzzScanner(f *testing.F) {
	for _, body := range bodies() {
		f.Add(body)
	}
	f.Fuzz(agree)
}

// expressions look at data in every way there is.
func expressions() []string {
	return []string{
		`data.a == 1`, `data["a"] > 0`, `has(data.a)`, `!has(data.b)`, `data.a.b == 2`, `"a" in data`, `size(data) > 1`, `data == {"a": 1}`, `{"a": 1} == data`,
		`data.exists(k, k == "a")`, `data.all(k, data[k] == 1)`, `data.map(k, k).size() == 1`, `data.?a.orValue(7) == 1`, `data[?"b"].hasValue()`, `type(data) == map`,
		`data[1] == 2`, `data.a.startsWith("x")`, `[data, data][0] == data`, `optional.ofNonZeroValue(data).hasValue()`, `data.a.size() > 2`, `dyn(data) != null`,
	}
}

// sameAnswers holds rules that read a body as far as they look at it against rules
// that were given all of it.
func sameAnswers(t *testing.T, set *Set, contentType, body string) {
	t.Helper()
	whole := Event{GatewaySource: "dbt", Data: DecodeData(contentType, []byte(body))}
	read := Event{GatewaySource: "dbt", Data: ReadData(contentType, []byte(body))}
	if want, got := fmt.Sprint(set.Route(whole)), fmt.Sprint(set.Route(read)); want != got {
		t.Errorf("%.100q: %s, want %s", body, got, want)
	}
	want, wrong := json.Marshal(whole.Data)
	got, err := json.Marshal(read.Data)
	if string(got) != string(want) || (err == nil) != (wrong == nil) {
		t.Errorf("%.100q is %s, want %s", body, got, want)
	}
}

func everyExpression(tb testing.TB) *Set {
	tb.Helper()
	var text strings.Builder
	for i, when := range expressions() {
		fmt.Fprintf(&text, "- {name: r%d, on: dbt, app: sales, when: '%s', do: [reload]}\n", i, when)
	}
	return compiled(tb, text.String(), testNames())
}

func TestBodyReadAsFarAsRulesLookSaysTheSame(t *testing.T) {
	t.Parallel()
	set := everyExpression(t)
	for _, contentType := range []string{"", "application/json", "text/plain", ";;"} {
		for _, body := range append(bodies(), `{"a": 1}`, `{"a": "xyz", "b": null}`, `{"a": [1, 2.5, "x", null, true, 1e400]}`, `{"a": {"b": 2}}`) {
			sameAnswers(t, set, contentType, body)
		}
	}
}

func FuzzReadData(f *testing.F) {
	for _, body := range bodies() {
		f.Add("application/json", body)
	}
	set := everyExpression(f)
	f.Fuzz(func(t *testing.T, contentType, body string) { sameAnswers(t, set, contentType, body) })
}

func BenchmarkReadData(b *testing.B) {
	body := []byte(`{"app": "finance", "pad": "` + strings.Repeat("x", 2000) + `"}`)
	set := compiled(b, `[{name: r, on: dbt, when: 'data.app == "finance"', app: sales, do: [reload]}]`, testNames())
	b.ReportAllocs()
	for b.Loop() {
		if len(set.Route(Event{GatewaySource: "dbt", Data: ReadData("application/json", body)}).Matches) != 1 {
			b.Fatal("no match")
		}
	}
}
