package sim

import (
	"encoding/json"
	"strings"
	"testing"
)

// reloadRules are what listReloads lets a filter speak of.
func reloadRules() filterRules { return filterRules{attributes: []string{"status", "partial", "type"}} }

func TestFilterChoosesByComparisonsAndTheirLogic(t *testing.T) {
	t.Parallel()
	record := map[string]string{"status": "FAILED", "partial": "false", "type": "chronos"}
	for text, want := range map[string]bool{
		`status eq "FAILED"`:                      true,
		`STATUS EQ "failed"`:                      true,
		`status eq "SUCCEEDED"`:                   false,
		`partial eq false`:                        true,
		`partial eq "true" or type eq "chronos"`:  true,
		`partial eq "true" and type eq "chronos"`: false,
		`(status eq "FAILED" or status eq "EXCEEDED_LIMIT") and partial eq "false" and type eq "chronos"`: true,
		`status eq "FAILED" or status eq "X" and type eq "hub"`:                                           true,
		`(status eq "FAILED" or status eq "X") and type eq "hub"`:                                         false,
		"  ( ( status\teq\n\"FAILED\" ) ) ":                                                               true,
		`status eq "\u0046AILED"`:                                                                         true,
	} {
		f, err := readFilter(text, reloadRules())
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := f(func(name string) string { return record[name] }); got != want {
			t.Errorf("%s: %t", text, got)
		}
	}
}

func TestFilterThatMakesNoSenseIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", " ", "status", "status eq", `status ne "FAILED"`, `status eq FAILED`, `status eq "FAILED`, `colour eq "red"`, `(status eq "FAILED"`,
		`status eq "FAILED")`, `status eq "FAILED" and`, `and status eq "FAILED"`, `status eq "FAILED" type eq "hub"`, `not (status eq "FAILED")`,
		`status eq "\x"`, strings.Repeat("(", 100) + `status eq "FAILED"` + strings.Repeat(")", 100), "status eq \"\xff\"",
	} {
		if _, err := readFilter(text, reloadRules()); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

func FuzzFilter(f *testing.F) {
	for _, seed := range []string{
		`status eq "FAILED"`, `(status eq "a" or type eq "b") and partial eq false`, `((((`, `status eq "\"" or`, `status ne "x"`, "\x00", `eq eq eq`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		wanted, err := readFilter(text, reloadRules())
		if err != nil {
			return
		}
		value := func(string) string { return "FAILED" }
		got := wanted(value)
		wrapped, err := readFilter("("+text+")", reloadRules())
		if err == nil && wrapped(value) != got {
			t.Errorf("%q means something else in parentheses", text)
		}
	})
}

func FuzzPatch(f *testing.F) {
	for _, seed := range []string{
		`[{"op":"replace","path":"/name","value":"x"}]`, `[{"op":"remove","path":"/description"},{"op":"add","path":"/ownerId","value":"u"}]`,
		`[{"op":"replace","path":"/type","value":"x"}]`, `[null]`, `{}`, `[{"op":"replace","path":"/name","value":null}]`, `[{"op":"replace","path":"/name"}]`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		change, err := readPatch([]byte(body), false)
		if err != nil {
			return
		}
		var operations []struct{ Path string }
		if json.Unmarshal([]byte(body), &operations) != nil {
			t.Fatalf("%q was accepted", body)
		}
		touched := map[string]bool{}
		for _, o := range operations {
			touched[o.Path] = true
		}
		if (change.Name != nil) != touched["/name"] || (change.OwnerID != nil) != touched["/ownerId"] || (change.Description != nil) != touched["/description"] {
			t.Errorf("%q changes %+v", body, change)
		}
	})
}

func FuzzScript(f *testing.F) {
	words := newWords()
	for _, seed := range []string{salesScript, financeScript, brokenScript, slowScript, emptyScript, "Sleep 999999999;", "LOAD", "x: LOAD * INLINE [", "a:LOAD a as b,[c d] RESIDENT x;"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c := readScript(words, text)
		d := data{}.after(c, false, 0)
		d = d.after(c, true, 0)
		for _, table := range d.tables {
			if table.name == "" || table.rows < 0 || table.bytes() < 0 && table.rows < 1e9 {
				t.Errorf("%q makes the table %+v", text, table)
			}
		}
		if _, err := json.Marshal(d.document()); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	})
}

func FuzzAppFile(f *testing.F) {
	whole, err := pack(&app{name: "n", scripts: []script{{text: salesScript}}, data: data{tables: []dataTable{{"T", []string{"F"}, 3}}}}, false)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-9])
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, content []byte) {
		file, err := unpack(content)
		if err != nil {
			return
		}
		if again, err := pack(&app{name: file.Name, scripts: []script{{text: file.Script}}}, true); err != nil || len(again) == 0 {
			t.Errorf("%q can not be packed again: %v", content, err)
		}
	})
}
