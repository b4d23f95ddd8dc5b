package bridge_test

import (
	"strings"
	"testing"

	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/qlik/sim"
)

func TestArgumentThatNoRecordCanHoldIsADeadLetter(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{}, `[{"name": "tell", "on": "etl", "do": [
		{"emit": {"type": "com.example.failed", "data": {"share": "${double(data.failed) / double(data.total)}"}}}]}]`)
	r.dispatch()
	r.send(`{"failed": 0, "total": 0}`)
	r.send(`{"failed": 1, "total": 0}`)
	r.send(`{"failed": 1, "total": 4}`)
	r.until("run.succeeded")
	r.wantTypes("com.example.failed", "run.succeeded")
	for _, sequence := range []uint64{1, 2} {
		if letter := r.letter(sequence); letter.Reason != events.ReasonBadArgument {
			t.Errorf("dead letter %+v", letter)
		}
	}
}

// TestEmittedEventCanBeReadWhateverItIsAbout: subscriptions, chains and feeds read no
// CloudEvent with a control character in an attribute.
func TestEmittedEventCanBeReadWhateverItIsAbout(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{}, `[{"name": "tell", "on": "etl", "gather": "none", "do": [{"emit": {"type": "com.example.told", "subject": "${data.about}"}}]}]`)
	r.dispatch()
	unreadable := []string{`line\nbreak`, `bell\u0007`, `\u0085`, `\ufffd`}
	for _, text := range unreadable {
		r.send(`{"about": "` + text + `"}`)
	}
	r.send(`{"about": "r\u00e9sum\u00e9 of all"}`)
	r.until("run.succeeded")
	for r.seen[len(r.seen)-2].Subject() != "résumé of all" {
		r.until("run.succeeded")
	}
	for _, outcome := range r.seen {
		text, err := outcome.MarshalJSON()
		r.must(err)
		if _, err := events.DecodeStructured(text); err != nil {
			t.Errorf("%s about %q: %v", outcome.Type(), outcome.Subject(), err)
		}
	}
	for i := range unreadable {
		if letter := r.letter(uint64(i + 1)); letter.Reason != events.ReasonBadArgument || !strings.Contains(letter.Hint, "control character") {
			t.Errorf("dead letter %+v", letter)
		}
	}
}
