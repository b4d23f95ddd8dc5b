package rules

import (
	"bytes"
	"encoding/json"
	"strconv"
	"testing"
)

// sameTree holds a tree against what encoding/json makes of the same text.
func sameTree(t *testing.T, tree *Tree, want any) {
	t.Helper()
	switch want := want.(type) {
	case map[string]any:
		for key, inner := range want {
			sameTree(t, tree.At(key), inner)
		}
		if !tree.Narrow(bytes.Count(tree.Raw(), []byte(":"))) || len(want) > 1 && tree.Narrow(len(want)-1) {
			t.Errorf("%.100q: an object is as narrow as it is not", tree.Raw())
		}
		if tree.At("no such key") != nil || tree.Items() != nil {
			t.Errorf("%.100q: an object has what it has not", tree.Raw())
		}
	case []any:
		for i, inner := range want {
			sameTree(t, tree.At(strconv.Itoa(i)), inner)
		}
		if tree.Narrow(100) || tree.At(strconv.Itoa(len(want))) != nil || tree.At("x") != nil || len(tree.Items()) != len(want) {
			t.Errorf("%.100q: an array has what it has not", tree.Raw())
		}
	default:
		var got any
		if err := json.Unmarshal(tree.Raw(), &got); err != nil || got != want {
			t.Errorf("%.100q is %v (%v), want %v", tree.Raw(), got, err, want)
		}
		if tree.At("0") != nil || tree.At("") != nil {
			t.Errorf("%.100q: a scalar has fields", tree.Raw())
		}
	}
}

func grown(t *testing.T, body string) {
	t.Helper()
	var want any
	err := json.Unmarshal([]byte(body), &want)
	tree, ok := ReadTree([]byte(body))
	if ok != json.Valid([]byte(body)) {
		t.Fatalf("%.100q is read: %v", body, ok)
	}
	if err == nil {
		sameTree(t, tree, want)
	}
}

func TestTreeHoldsWhatEncodingJSONReads(t *testing.T) {
	t.Parallel()
	for _, body := range bodies() {
		grown(t, body)
	}
	var none *Tree
	if none.At("a").At("b").Raw() != nil || none.Items() != nil {
		t.Error("nothing has something in it")
	}
}

func FuzzTree(f *testing.F) {
	for _, body := range bodies() {
		f.Add(body)
	}
	f.Fuzz(grown)
}
