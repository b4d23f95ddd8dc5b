package bridge

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/qlik"
)

// A judged is an error and what it has to mean: for a call that may be repeated, and
// for one that may not.
type judged struct {
	err        error
	repeatable VerdictKind
	once       VerdictKind
	reason     events.Reason
}

// answered are the errors of every status and code; unanswered those of calls
// without an answer.
func answered() []judged {
	var all []judged
	for status := 300; status < 600; status++ {
		want := judged{&qlik.Error{Op: "op", Status: status, Sent: true}, VerdictFail, VerdictFail, events.ReasonBadRequest}
		switch {
		case status == 401:
			want.repeatable, want.once, want.reason = VerdictHold, VerdictHold, events.ReasonUnauthorized
		case status == 403:
			want.reason = events.ReasonForbidden
		case status == 404, status == 410:
			want.reason = events.ReasonNotFound
		case status == 409, status == 412:
			want.reason = events.ReasonConflict
		case status == 429:
			want.repeatable, want.once, want.reason = VerdictAgain, VerdictAgain, events.ReasonRateLimited
		case status >= 500:
			want.repeatable, want.once, want.reason = VerdictRetry, VerdictLost, events.ReasonServerError
		}
		all = append(all, want)
	}
	return append(all,
		judged{&qlik.Error{Status: 429, Code: qlik.CodePending, Sent: true}, VerdictWaitApp, VerdictWaitApp, events.ReasonPending},
		judged{&qlik.Error{Status: 403, Code: qlik.CodeFrequency, Sent: true}, VerdictWaitLong, VerdictWaitLong, events.ReasonFrequencyQuota},
	)
}

func unanswereds() []judged {
	sent := func(cause error) error { return fmt.Errorf("call: %w", &qlik.Error{Err: cause, Sent: true}) }
	return []judged{
		{nil, VerdictDone, VerdictDone, ""},
		{sent(context.DeadlineExceeded), VerdictRetry, VerdictLost, events.ReasonTimeout},
		{sent(os.ErrDeadlineExceeded), VerdictRetry, VerdictLost, events.ReasonTimeout},
		{sent(net.ErrClosed), VerdictRetry, VerdictLost, events.ReasonTransport},
		{sent(context.Canceled), VerdictAgain, VerdictLost, events.ReasonShutdown},
		{&qlik.Error{Err: net.ErrClosed}, VerdictRetry, VerdictRetry, events.ReasonTransport}, // never sent
		{&qlik.Error{Err: context.Canceled}, VerdictAgain, VerdictAgain, events.ReasonShutdown},
		{&qlik.Error{Err: qlik.ErrInvalid}, VerdictFail, VerdictFail, events.ReasonBadArgument},
		{&qlik.Error{Err: qlik.ErrNotInDialect}, VerdictFail, VerdictFail, events.ReasonBadArgument},
		{fmt.Errorf("call: %w", qlik.ErrOpen), VerdictAgain, VerdictAgain, events.ReasonBreakerOpen},
		{errStalled, VerdictAgain, VerdictAgain, events.ReasonStalled},
		{errUnmet, VerdictAgain, VerdictAgain, events.ReasonStalled},
		{fmt.Errorf("sales: %w", rules.ErrUntrue), VerdictFail, VerdictFail, events.ReasonAssertionFailed},
		{errors.New("nobody foresaw this"), VerdictRetry, VerdictLost, events.ReasonTransport},
	}
}

func TestEveryAnswerHasItsVerdictAndEveryRowIsTaken(t *testing.T) {
	t.Parallel()
	taken, kinds := map[qlik.Reason]bool{}, map[VerdictKind]bool{}
	for _, want := range append(answered(), unanswereds()...) {
		var failure *qlik.Error
		if errors.As(want.err, &failure) {
			taken[failure.Reason()] = true
		}
		for _, idempotent := range []bool{true, false} {
			kind := want.once
			if idempotent {
				kind = want.repeatable
			}
			got := Judge(want.err, idempotent)
			if got.Kind != kind || got.Reason != want.reason {
				t.Errorf("%v, idempotent %t: %s, %s; want %s, %s", want.err, idempotent, got.Kind, got.Reason, kind, want.reason)
			}
			kinds[got.Kind] = true
		}
	}
	for reason := range rulings() {
		if !taken[reason] {
			t.Errorf("no answer takes the row %s of the verdict table", reason)
		}
	}
	for _, kind := range []VerdictKind{VerdictDone, VerdictAgain, VerdictRetry, VerdictLost, VerdictWaitApp, VerdictWaitLong, VerdictFail, VerdictHold} {
		if !kinds[kind] {
			t.Errorf("no answer has the verdict %s", kind)
		}
	}
}

// TestVerdictTableIsTheOneInTheDocument compares docs/state-machine.md with the table.
func TestVerdictTableIsTheOneInTheDocument(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/state-machine.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(text), "## What an answer means")
	if !ok {
		t.Fatal("docs/state-machine.md has no verdicts")
	}
	documented := map[string]string{}
	for line := range strings.Lines(section) {
		if cells := strings.Split(strings.TrimSpace(line), " | "); len(cells) == 5 {
			documented[strings.TrimPrefix(cells[0], "| ")] = strings.Join([]string{cells[1], cells[2], strings.TrimSuffix(cells[3], " |")}, " | ")
		}
	}
	for reason, row := range rulings() {
		want := fmt.Sprintf("%s | %s | %s", row.repeatable, row.once, row.reason)
		if documented[string(reason)] != want {
			t.Errorf("%s is %q in the document and %q in the code", reason, documented[string(reason)], want)
		}
		delete(documented, string(reason))
	}
	delete(documented, "failure")
	if len(documented) > 0 {
		t.Errorf("the document has rows that the code has not: %v", documented)
	}
}
