package bridge

import (
	"testing"

	"github.com/qlikgateway/gateway/bridge/rules"
)

// A mutation breaks one thing on purpose, at the edge between the scheduler and the
// world around it.
type mutation int

const (
	honest           mutation = iota
	losesRuns                 // I1: a run is not written though the cursor is
	callsBlindly              // I2: a call found under way is made again
	forgetsLanes              // I3: lanes are lost with a crash
	forgetsCalls              // I4: calls do not count after a crash
	forgetsReads              // I4: what was set aside does not count after a crash
	forgetsStarts             // I4: an app's starts do not count after a crash
	tellsLate                 // I5: the outbox is cleared before it is told
	forgetsToWake             // I6: a run sleeps for ever
	forgetsTries              // I6: the policy begins anew after a crash
	ignoresBreaker            // I7: the gate stays open
	believesFailures          // I9: a reload that failed counts as done
	forgivesFailures          // I9: a step that failed counts as done after a crash
	noFence                   // a displaced dispatcher may write
	callsLate                 // a worker calls however late
	forgetsPauses             // pauses are lost with a crash
	doubtsSuccesses           // I2: a reload that succeeded counts as failed, and is started again
	forgetsTwins              // I2: what was published meanwhile is published once more
	believesDenials           // young: an app that Qlik does not know yet is not there
	believesLists             // I2: what Qlik does not list yet was never made
	forgetsBackup             // I2: what a backup holds open is called as if it were new
)

// corrupt breaks what a take-over loads.
func (m mutation) corrupt(held *Snapshot) {
	switch m {
	case forgetsCalls:
		held.Recent = nil
	case forgetsPauses:
		held.Pauses = nil
	}
	if m == forgetsStarts {
		held.Apps = nil
	}
	if m == forgetsReads {
		held.Blocks = nil
	}
	for _, run := range held.Active {
		if m == forgivesFailures {
			forgive(run)
		}
		for i := range run.Steps {
			step := &run.Steps[i]
			switch {
			case m == callsBlindly && step.State == StepCalling:
				step.State = StepWaiting
			case m == forgetsLanes:
				run.Lanes = nil
			case m == forgetsTries:
				step.Counted = 0
			case m == forgetsCalls:
				for n := range step.Attempts {
					step.Attempts[n].Sent = false
				}
			}
		}
	}
}

// forgive lets a run go on behind a step in turn that failed.
func forgive(run *Run) {
	for i := range run.Steps[:len(run.Steps)-1] {
		if run.Fate.State != "" && run.Plan.Steps[i+1].Turn == rules.InTurn && run.Steps[i].State == StepFailed {
			run.Fate, run.Steps[i].State = Fate{}, StepSucceeded
			return
		}
	}
}

// TestEveryBrokenPromiseIsCaught breaks one thing at a time and holds that the
// histories show it, by the right invariant.
func TestEveryBrokenPromiseIsCaught(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		broken mutation
		want   []string
	}{
		"a run is not written":              {losesRuns, []string{"I1"}},
		"a lost call is repeated blindly":   {callsBlindly, []string{"I2"}},
		"lanes are lost":                    {forgetsLanes, []string{"I3"}},
		"calls are forgotten":               {forgetsCalls, []string{"I4"}},
		"starts are forgotten":              {forgetsStarts, []string{"I4"}},
		"reads are forgotten":               {forgetsReads, []string{"I4"}},
		"the outbox is cleared too soon":    {tellsLate, []string{"I5"}},
		"a run is not woken":                {forgetsToWake, []string{"I6"}},
		"the breaker is ignored":            {ignoresBreaker, []string{"I7"}},
		"a good reload counts as failed":    {doubtsSuccesses, []string{"I2"}},
		"what was published is forgotten":   {forgetsTwins, []string{"I2"}},
		"a late list is believed":           {believesLists, []string{"I2"}},
		"a new app's denial is believed":    {believesDenials, []string{"young"}},
		"a failed reload counts as done":    {believesFailures, []string{"I9"}},
		"a failed step counts as done":      {forgivesFailures, []string{"I9"}},
		"there is no fence":                 {noFence, []string{"I1", "I2", "I3", "I5"}},
		"a backup is taken for the present": {forgetsBackup, []string{"I2"}},
		"a worker calls however late":       {callsLate, []string{"I2", "I3", "I4"}},
		"pauses are lost":                   {forgetsPauses, []string{"pause", "I7"}},
		"the policy forgets what was tried": {forgetsTries, []string{"I6"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, failures := tryHistories(1, 20_000, test.broken)
			for _, f := range failures {
				for _, want := range test.want {
					if f.invariant == want {
						t.Logf("history %d shows it: %s", f.seed, f.text)
						return
					}
				}
			}
			t.Errorf("no history shows it by %v; failures: %v", test.want, failures)
		})
	}
}
