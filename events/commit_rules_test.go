package events

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/nats-io/nats.go"
)

// crowded returns a committer of which a batch is under way, so that whoever comes waits.
func crowded() *committer {
	c := newCommitter(nil, true)
	c.batching = true
	return c
}

func depositOf(id string, size int) *deposit {
	return &deposit{id: id, msg: &nats.Msg{Data: make([]byte, size)}, done: make(chan struct{})}
}

func TestBatchTakesWhoWaitedLongestAndNoMoreThanItsBounds(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ waiting, size, first int }{
		"many small ones":         {1200, 10, batchTo},
		"some large ones":         {20, 1 << 20, batchBytes >> 20},
		"one larger than a batch": {3, batchBytes + 1, 1},
	} {
		c := crowded()
		var want, got []string
		for i := range tt.waiting {
			d := depositOf(fmt.Sprint(i), tt.size)
			want = append(want, d.id)
			if other, itself := c.enter(d); other != nil || itself {
				t.Fatalf("%s: %d does not wait", name, i)
			}
		}
		first := 0
		for batch := c.take(); len(batch) > 0; batch = c.take() {
			if first == 0 {
				first = len(batch)
			}
			for _, d := range batch {
				got = append(got, d.id)
			}
		}
		if first != tt.first || !slices.Equal(got, want) || c.batching {
			t.Errorf("%s: the first batch has %d, want %d; in order: %v", name, first, tt.first, slices.Equal(got, want))
		}
	}
}

func TestIDIsKnownOnceItsMessageIsSafeAndSharedBefore(t *testing.T) {
	t.Parallel()
	c := crowded()
	first := depositOf("a", 1)
	c.enter(first)
	if other, _ := c.enter(depositOf("a", 1)); other != first {
		t.Error("the second delivery does not share the fate of the first")
	}
	if _, known := c.stored("a"); known {
		t.Error("known before it was acknowledged")
	}
	first.err = errors.New("no answer")
	c.ended(first)
	if _, known := c.stored("a"); known {
		t.Error("known though it was not acknowledged")
	}
	again := depositOf("a", 1)
	if other, _ := c.enter(again); other != nil {
		t.Error("a delivery after a failure is not tried")
	}
	again.sequence = 7
	c.ended(again)
	if other, _ := c.enter(depositOf("a", 1)); other == nil || other.sequence != 7 || !other.repeated {
		t.Errorf("a duplicate of what is stored is %+v", other)
	}
}

func TestIDsRememberedAreBounded(t *testing.T) {
	t.Parallel()
	c := crowded()
	for i := range 5 * knownMost {
		c.ended(depositOf(fmt.Sprint(i), 0))
	}
	if n := len(c.known) + len(c.older); n > 2*knownMost || n < knownMost {
		t.Errorf("%d ids are remembered", n)
	}
	if _, known := c.stored(fmt.Sprint(5*knownMost - 1)); !known {
		t.Error("the newest id is forgotten")
	}
}
