package events

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestQueueKeepsTheOrderOfEachKeyAndLosesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		q, now := newQueue(), time.Unix(1_000_000, 0)
		var next uint64
		var ended []uint64 // delivered or gone
		newest := map[string]uint64{}
		var flying []*lane
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				next++
				q.add(rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "key"), next)
			},
			"take": func(t *rapid.T) {
				wake, some := q.wake()
				l := q.take(now)
				if due := some && !wake.After(now); due != (l != nil) {
					t.Fatalf("wake says %v %t at %v, take gives %v", wake, some, now, l)
				}
				if l == nil {
					return
				}
				if slices.Contains(flying, l) || l.waiting[0] <= newest[l.key] {
					t.Fatalf("%d of %s is taken, out of order or twice", l.waiting[0], l.key)
				}
				flying = append(flying, l)
			},
			"end": func(t *rapid.T) {
				if len(flying) == 0 {
					return
				}
				i := rapid.IntRange(0, len(flying)-1).Draw(t, "which")
				l := flying[i]
				flying = slices.Delete(flying, i, i+1)
				if wait := rapid.IntRange(0, 3).Draw(t, "again"); wait > 0 {
					q.again(l, now.Add(time.Duration(wait)*time.Second))
					return
				}
				newest[l.key] = l.waiting[0]
				ended = append(ended, l.waiting[0])
				q.done(l, 1)
			},
			"expire": func(t *rapid.T) {
				ended = append(ended, q.below(rapid.Uint64Range(0, next+1).Draw(t, "first"))...)
			},
			"hurry": func(*rapid.T) { q.hurry() },
			"wait":  func(*rapid.T) { now = now.Add(time.Second) },
			"": func(t *rapid.T) {
				all := append(q.sequences(), ended...)
				slices.Sort(all)
				if uint64(len(all)) != next || len(slices.Compact(all)) != int(next) || q.size != len(q.sequences()) {
					t.Fatalf("of %d came %d: %v; size %d", next, len(all), all, q.size)
				}
			},
		})
	})
}
