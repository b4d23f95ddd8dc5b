package bridge

import (
	"context"
	"errors"
	"time"
)

// silence is how long a take-over waits for a word of the broker before it asks anew.
// To what was asked of a server of the cluster that has just gone no answer comes,
// ever, and a consumer made on it never says anything; asked anew, the broker finds
// another.
const silence = 3 * time.Second

var errSilent = errors.New("the broker says nothing")

// insist does a thing that asks the broker, and begins it anew each time that nothing
// is heard for a time. It gives do a context that ends then, and what to call whenever
// something is heard. Any other error of do is returned, and that of ctx when it ends.
func insist[T any](ctx context.Context, silence time.Duration, do func(ctx context.Context, heard func()) (T, error)) (T, error) {
	for {
		trying, cancel := context.WithCancelCause(ctx)
		timer := time.AfterFunc(silence, func() { cancel(errSilent) })
		result, err := do(trying, func() { timer.Reset(silence) })
		timer.Stop()
		silent := errors.Is(context.Cause(trying), errSilent)
		cancel(nil)
		if err == nil || !silent {
			return result, err
		}
		if ctx.Err() != nil {
			return result, errors.Join(err, errSilent)
		}
	}
}
