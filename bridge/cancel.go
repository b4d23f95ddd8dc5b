package bridge

import (
	"fmt"
	"time"
)

// Cancel stops a run for good. One with nothing under way ends at once; a reload
// is canceled at Qlik first, and a call whose answer was lost is found out about,
// for no longer than Limits.Cancel. Its errors wrap ErrRefused.
func (s *Scheduler) Cancel(now time.Time, id string) error {
	t := s.tasks[id]
	switch {
	case t == nil || t.run.State.Ended():
		return fmt.Errorf("%w: run %s is not open", ErrRefused, id)
	case t.run.Stopping != "":
		return fmt.Errorf("%w: run %s is being stopped already", ErrRefused, id)
	}
	s.windDown(t, RunCanceled, now)
	s.consider(t, now)
	return nil
}
