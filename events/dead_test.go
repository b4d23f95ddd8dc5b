package events_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/events/broker"
)

// lettersOn returns a broker's dead letters.
func lettersOn(b *broker.Broker) *events.DeadLetters {
	return events.NewDeadLetters(b.JetStream(), b.Names().Dead, b.Names().DeadSubject)
}

// bury makes a dead letter of a new event.
func bury(t *testing.T, j *events.Journal, dead *events.DeadLetters, id string, why events.Burial) {
	t.Helper()
	appendTo(t, j, arrival(id), target("acme", "r"))
	last, err := j.Last(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	entry, err := j.Entry(t.Context(), last)
	if err != nil {
		t.Fatal(err)
	}
	if err := dead.Put(t.Context(), entry, why); err != nil {
		t.Fatal(err)
	}
}

func TestDeadLetterKeepsTheEventAndSaysWhy(t *testing.T) {
	t.Parallel()
	b := open(t, broker.Config{})
	j, dead := journalOn(b), lettersOn(b)
	why := events.Burial{Rule: "r", Reason: events.ReasonBadArgument, Hop: "dispatcher", Hint: "line 1\nü", Attempts: 3}
	bury(t, j, dead, "e-1", why)
	letter, err := dead.Get(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if letter.Burial != why || letter.Sequence != 1 || time.Since(letter.Time) > time.Minute {
		t.Errorf("letter %+v", letter)
	}
	original, err := j.Entry(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	kept := letter.Entry
	if kept.Err != nil || kept.Tenant != "acme" || kept.Source != "dbt" || kept.Sequence != 1 || kept.Revision != original.Revision ||
		kept.Event.String() != original.Event.String() || string(kept.Body) != string(original.Body) || kept.Facts != original.Facts {
		t.Errorf("kept %+v\nwas %+v", kept, original)
	}
}

// TestWhateverTheJournalTakesFitsTheDeadLetters tries sizes of headers and bodies about the
// largest that the journal takes: what fitted the one and not the other would be tried for ever.
func TestWhateverTheJournalTakesFitsTheDeadLetters(t *testing.T) {
	t.Parallel()
	b := open(t, broker.Config{})
	j, dead := journalOn(b), lettersOn(b)
	why := events.Burial{Rule: strings.Repeat("r", 63), Reason: events.ReasonUndecodable, Hop: "dispatcher", Hint: strings.Repeat("ü", 1000), Attempts: 1000}
	for name, grow := range map[string]func(a *events.Arrival, less int){
		"headers": func(a *events.Arrival, less int) { a.Facts.Job = strings.Repeat("j", 64<<10-less) },
		"body":    func(a *events.Arrival, less int) { a.Event.DataEncoded = make([]byte, 1<<20-less) },
	} {
		taken, refused := 0, 0
		for less := -1024; less < 8<<10; less += 512 {
			a := arrival(fmt.Sprint(name, less))
			grow(&a, less)
			receipt, err := j.Append(t.Context(), a, []events.Target{target("acme", "r")}, 1)
			if errors.Is(err, events.ErrTooLarge) {
				refused++
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			taken++
			entry, err := j.Entry(t.Context(), receipt.Sequences[0])
			if err != nil {
				t.Fatal(err)
			}
			if err := dead.Put(t.Context(), entry, why); err != nil {
				t.Errorf("%s, %d bytes less than the broker takes: %v", name, less, err)
			}
		}
		if taken < 5 || refused < 5 {
			t.Errorf("%s: %d were taken and %d refused", name, taken, refused)
		}
	}
}

func TestDeadLettersAreListedNewestFirstAcrossGaps(t *testing.T) {
	t.Parallel()
	b := open(t, broker.Config{})
	j, dead := journalOn(b), lettersOn(b)
	list := func(before uint64, limit int) string {
		t.Helper()
		letters, err := dead.List(t.Context(), before, limit)
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		for _, letter := range letters {
			fmt.Fprintf(&got, "%d=%s ", letter.Sequence, letter.Entry.Event.ID())
		}
		return got.String()
	}
	if got := list(0, 10); got != "" {
		t.Errorf("of none: %s", got)
	}
	for i := 1; i <= 30; i++ {
		bury(t, j, dead, fmt.Sprint("e", i), events.Burial{Reason: events.ReasonUndecodable})
	}
	for i := uint64(5); i <= 28; i++ {
		if letter, err := dead.Drop(t.Context(), i); err != nil || letter.Sequence != i {
			t.Fatalf("drop %d: %+v, %v", i, letter, err)
		}
	}
	for _, test := range []struct {
		before uint64
		limit  int
		want   string
	}{
		{0, 2, "30=e30 29=e29 "},
		{0, 4, "30=e30 29=e29 4=e4 3=e3 "},
		{29, 3, "4=e4 3=e3 2=e2 "},
		{4, 100, "3=e3 2=e2 1=e1 "},
		{1, 100, ""},
		{1 << 40, 1, "30=e30 "},
	} {
		if got := list(test.before, test.limit); got != test.want {
			t.Errorf("before %d, at most %d: %s, want %s", test.before, test.limit, got, test.want)
		}
	}
	for _, sequence := range []uint64{0, 5, 31} {
		if _, err := dead.Get(t.Context(), sequence); !errors.Is(err, events.ErrNoDeadLetter) {
			t.Errorf("get %d: %v, want ErrNoDeadLetter", sequence, err)
		}
		if _, err := dead.Drop(t.Context(), sequence); !errors.Is(err, events.ErrNoDeadLetter) {
			t.Errorf("drop %d: %v, want ErrNoDeadLetter", sequence, err)
		}
	}
}
