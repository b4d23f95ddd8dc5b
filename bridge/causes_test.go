package bridge

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestCausesAreExact holds that every sequence is kept, once and in order, across
// the ledger's encoding.
func TestCausesAreExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var causes Causes
		var want []uint64
		var sequence uint64
		for i := range rapid.IntRange(0, 400).Draw(t, "n") {
			sequence += uint64(rapid.IntRange(0, 5000).Draw(t, "gap"))
			if causes.Add(sequence, fmt.Sprint("e", i)) {
				want = append(want, sequence)
			}
		}
		data, err := json.Marshal(causes)
		if err != nil {
			t.Fatal(err)
		}
		var back Causes
		if err := json.Unmarshal(data, &back); err != nil {
			t.Fatal(err)
		}
		if got := back.Sequences(); !slices.Equal(got, want) || back.Count != len(want) {
			t.Fatalf("got %d causes %v, want %v", back.Count, got, want)
		}
		for i := 1; i < len(want); i++ {
			if want[i] <= want[i-1] {
				t.Fatalf("sequence %d follows %d", want[i], want[i-1])
			}
		}
	})
}
