package bridge

import (
	"testing"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
)

// TestAppThatWasPublishedMeanwhileIsReplaced: who looked for the published app before it
// was there, or while Qlik's catalogue did not list it yet, would publish it once more.
func TestAppThatWasPublishedMeanwhileIsReplaced(t *testing.T) {
	t.Parallel()
	none := func(r *Report) { r.Mode = PublishNew }
	for name, test := range map[string]struct {
		early   bool          // the second run looks before the first has published
		later   time.Duration // that so much later it may go on
		restart bool
		want    Kind
		mode    PublishMode
	}{
		"looked for before":                {true, 0, false, KindCall, PublishReplace},
		"looked for long before":           {true, time.Hour, false, KindFind, PublishUnknown},
		"looked for before a restart":      {true, time.Hour, true, KindFind, PublishUnknown},
		"not listed yet":                   {false, time.Second, false, KindCall, PublishReplace},
		"not listed any more":              {false, time.Hour, false, KindCall, PublishNew},
		"not listed yet after a restart":   {false, time.Second, true, KindCall, PublishReplace},
		"not listed ever, and a day later": {false, 25 * time.Hour, false, KindCall, PublishNew},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tl := newTimeline(t, Snapshot{})
			first := tl.trigger(planOf("one", "app", rules.Publish))
			tl.done(tl.want(KindFind, first), VerdictDone, none)
			call := tl.want(KindCall, first)
			look := func() {
				t.Helper()
				tl.trigger(planOf("two", "app", rules.Publish))
				tl.done(tl.until(KindFind), VerdictDone, none)
			}
			if test.early {
				look()
				tl.pause(Pause{Of: PauseRule, Name: "two"})
			}
			tl.done(call, VerdictDone, func(r *Report) { r.Result.AppID = "twin" })
			tl.state(first, RunSucceeded)
			held := tl.held()
			if tl.pass(test.later); test.early {
				if err := tl.s.Resume(tl.now, PauseRule, "two"); err != nil {
					t.Fatal(err)
				}
			}
			if test.restart {
				tl.s.Touched()
				if tl.s.Told(first.ID); test.early {
					held = tl.held()
				}
				tl.boot(held)
			}
			if !test.early {
				look()
			}
			command := tl.until(test.want)
			if command.Rule != "two" || command.Mode != test.mode || (command.Step.Args.Target == "twin") != (test.mode == PublishReplace) {
				t.Errorf("%s of rule %s in mode %q to %q", command.Kind, command.Rule, command.Mode, command.Step.Args.Target)
			}
			if command.Kind == KindFind {
				tl.done(command, VerdictDone, none) // it was deleted
				if again := tl.until(KindCall); again.Mode != PublishNew {
					t.Errorf("then publishes in mode %q", again.Mode)
				}
			}
		})
	}
}
