package bridge_test

import (
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
