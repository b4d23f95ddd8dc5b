package bridge

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestWindowIsExact draws random calls and holds that a window never allows more
// than its rate in any span, and always allows one as soon as there is room.
func TestWindowIsExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rate := Rate{Calls: rapid.IntRange(1, 6).Draw(t, "calls"), Per: time.Minute}
		w := &window{rate: rate, limit: 100}
		now := time.Unix(1_000_000, 0)
		var answered []time.Time
		for range 60 {
			now = now.Add(time.Duration(rapid.IntRange(0, 30).Draw(t, "pass")) * time.Second)
			at, ok := w.next(now)
			inside := 0
			for _, answer := range answered {
				if now.Before(answer.Add(rate.Per)) {
					inside++
				}
			}
			allowed := ok && !at.After(now)
			if allowed != (inside+w.flying < rate.Calls) {
				t.Fatalf("allowed %v with %d answered inside the window, %d under way and a rate of %d", allowed, inside, w.flying, rate.Calls)
			}
			if allowed {
				w.sent()
			}
			if w.flying > 0 && rapid.Bool().Draw(t, "answer") {
				w.answered(now, true, false)
				answered = append(answered, now)
			}
		}
	})
}

func TestWindowCountsATimeInTheFutureAsNow(t *testing.T) {
	t.Parallel()
	w := &window{rate: Rate{Calls: 1, Per: time.Minute}, limit: 1}
	now := time.Unix(1_000_000, 0)
	w.add(now.Add(24 * time.Hour)) // the clock stepped back by a day
	at, ok := w.next(now)
	if !ok || at.Sub(now) > time.Minute {
		t.Errorf("next call at %s, want within a minute", at.Sub(now))
	}
}

func TestCallNeverSentGivesItsSlotBack(t *testing.T) {
	t.Parallel()
	w := &window{rate: Rate{Calls: 1, Per: time.Minute}, limit: 1}
	now := time.Unix(1_000_000, 0)
	w.sent()
	w.answered(now, false, false)
	if at, ok := w.next(now); !ok || at.After(now) {
		t.Errorf("next call at %v, %v; want now", at, ok)
	}
}
