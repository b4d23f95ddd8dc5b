package bridge

import (
	"fmt"
	"time"

	"github.com/qlikgateway/gateway/qlik"
)

// Cancel stops a run for good. One with nothing under way ends at once; a reload
// is canceled at Qlik first, and a call whose answer was lost is found out about,
// for no longer than Limits.Cancel. Its errors wrap ErrRefused.
func (s *Scheduler) Cancel(now time.Time, id string) error {
	t := s.tasks[id]
	switch {
	case t == nil || t.run().State.Ended():
		return fmt.Errorf("%w: run %s is not open", ErrRefused, id)
	case t.run().Stopping != "":
		return fmt.Errorf("%w: run %s is being stopped already", ErrRefused, id)
	}
	s.windDown(t, RunCanceled, now)
	s.consider(t, now)
	return nil
}

// canceled takes in the answer to a wish to stop a reload. One that Qlik did not
// take is made again, no more often than the record can tell the quota of.
func (s *Scheduler) canceled(t *task, verdict Verdict, now time.Time) {
	t.pursuit().pollAt = now.Add(s.limits.Poll)
	switch verdict.Kind {
	case VerdictDone, VerdictFail:
		t.pursuit().stopped = true
	default:
		t.pursuit().cancelAt = now.Add(max(s.limits.Grace+s.limits.Quota[qlik.ClassReload].Per, verdict.After))
	}
}
