package main

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/qlikgateway/gateway/console"
)

// floods returns a log that keeps repeats out, as `gateway run` has it.
func floods(t *testing.T, out *strings.Builder, level zerolog.Level) zerolog.Logger {
	t.Helper()
	plain := zerolog.New(zerolog.SyncWriter(out))
	sampler := newRepeats(plain)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); sampler.run(ctx) }()
	t.Cleanup(func() { stop(); <-done })
	return plain.Hook(console.NewDial(level), sampler)
}

func TestFloodOfOneLineIsAFewAndACount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		log := floods(t, &out, zerolog.InfoLevel)
		for i := range 500 {
			log.Error().Int("n", i).Msg("the journal does not answer")
			log.Info().Int("n", i).Str("hop", "audit").Msg("an operator changed something")
		}
		log.Error().Msg("once")
		time.Sleep(2 * repeatWithin) //nolint:forbidigo // of the bubble: takes no time
		synctest.Wait()
		for text, n := range map[string]int{
			`"message":"the journal does not answer"`: repeatFirst, `"message":"an operator changed something"`: 500, `"message":"once"`: 1,
			`"more":` + strconv.Itoa(500-repeatFirst): 1, `"line":"the journal does not answer"`: 1,
		} {
			if got := strings.Count(out.String(), text); got != n {
				t.Errorf("%s is there %d times, expected %d", text, got, n)
			}
		}
		log.Error().Msg("the journal does not answer")
		if strings.Count(out.String(), `"message":"the journal does not answer"`) != repeatFirst+1 {
			t.Error("a line after the flood is left out")
		}
	})
}

func TestFloodThatIsNotLoggedIsNotCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		log := floods(t, &out, zerolog.ErrorLevel)
		for range 500 {
			log.Warn().Msg("quiet")
		}
		time.Sleep(2 * repeatWithin) //nolint:forbidigo // of the bubble: takes no time
		synctest.Wait()
		if out.Len() > 0 {
			t.Errorf("%s", out.String())
		}
	})
}
