package main

import (
	"slices"
	"testing"
)

func TestMemoryIsGivenBackOnlyAtRestAndNotForEver(t *testing.T) {
	t.Parallel()
	var r rester
	var allocated uint64
	look := func(more uint64) bool {
		allocated += more
		return r.due(allocated)
	}
	var got []bool
	for _, more := range []uint64{1 << 30, 1 << 30, 1 << 20, 1 << 20, 1 << 20, 1 << 20, 0, 1 << 24, 0} {
		got = append(got, look(more))
	}
	if want := []bool{false, false, true, true, true, false, false, false, true}; !slices.Equal(got, want) {
		t.Errorf("it collected %v, want %v", got, want)
	}
}
