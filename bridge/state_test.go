package bridge

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// TestStateMachineIsTheOneInTheDocument compares docs/state-machine.md with the tables.
func TestStateMachineIsTheOneInTheDocument(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/state-machine.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "## Runs")
	runs, steps, ok := strings.Cut(rest, "## Steps")
	if !ok {
		t.Fatal("docs/state-machine.md has no section Steps")
	}
	steps, _, _ = strings.Cut(steps, "\n## ")
	compareMoves(t, runs, runMoves)
	compareMoves(t, steps, stepMoves)
}

func compareMoves[S ~string](t *testing.T, section string, moves map[S][]S) {
	t.Helper()
	documented := map[S][]S{}
	for line := range strings.Lines(section) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 || strings.Contains(line, "---") || strings.Contains(line, "may become") {
			continue
		}
		var next []S
		for _, state := range strings.Fields(cells[2]) {
			next = append(next, S(state))
		}
		documented[S(strings.TrimSpace(cells[1]))] = next
	}
	for state, next := range documented {
		want := slices.Sorted(slices.Values(moves[state]))
		if got := slices.Sorted(slices.Values(next)); !slices.Equal(got, want) {
			t.Errorf("%s may become %v in the document and %v in the code", state, got, want)
		}
		for _, to := range next {
			if _, ok := documented[to]; !ok {
				t.Errorf("the document does not explain %s", to)
			}
		}
	}
	for state := range moves {
		if _, ok := documented[state]; !ok {
			t.Errorf("the document lacks %s", state)
		}
	}
}
