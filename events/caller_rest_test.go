package events

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// TestHostsThatRestAreForgotten: where a source may have any host of a domain called,
// there is no end of names that do not answer.
func TestHostsThatRestAreForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		caller := NewCaller(CallerConfig{})
		for i := range 1000 {
			caller.rest(fmt.Sprintf("%d.example.com", i), answer{reason: ReasonTransport})
			time.Sleep(hostRests / 10) //nolint:forbidigo // of the bubble: takes no time
		}
		if n := len(caller.resting); n > 11 {
			t.Errorf("%d hosts are remembered, want those that rest", n)
		}
		if caller.rests("999.example.com") <= 0 || caller.rests("1.example.com") > 0 {
			t.Error("the last host does not rest, or one of long ago does")
		}
	})
}
