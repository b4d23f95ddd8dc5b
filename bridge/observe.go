package bridge

import (
	"time"

	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/qlik"
)

// observe takes in how Qlik says a reload stands.
func (s *Scheduler) observe(t *task, i int, reload *qlik.Reload, now time.Time) {
	step := &t.run().Steps[i]
	result := &step.Result
	began := result.Began.IsZero() && (reload.Status == qlik.ReloadReloading || !reload.StartTime.IsZero())
	result.Created = reload.CreationTime
	if !reload.StartTime.IsZero() {
		result.Began = reload.StartTime
	}
	if began {
		if result.Began.IsZero() {
			result.Began = now
		}
		result.Status = string(qlik.ReloadReloading) // also when its end is seen at once, which is told by itself
		s.tellReload(t, i, events.TypeReloadStarted, now)
		s.touch(t)
	}
	result.Status, result.Finished = string(reload.Status), reload.EndTime
	result.Code, result.Message = reload.ErrorCode, said(reload.ErrorMessage)
	if badly(reload.Status) && s.awaitLog(t, reload, now) {
		return
	}
	verdict := Verdict{Kind: VerdictFail, Code: reload.ErrorCode, Text: result.Message}
	switch reload.Status {
	case qlik.ReloadSucceeded:
		s.succeed(t, i, *result, now)
	case qlik.ReloadFailed:
		verdict.Reason = events.ReasonReloadFailed
		s.endedBadly(t, i, reload.Status, verdict, now)
	case qlik.ReloadExceededLimit:
		verdict.Reason = events.ReasonReloadExceededLimit
		s.endedBadly(t, i, reload.Status, verdict, now)
	case qlik.ReloadCanceled:
		s.stop(t, i, now)
	}
}

// An end is how a reload ended badly, while the end of its log is read for those who
// are told. Nothing of it is on record: after a crash Qlik is asked again.
type end struct {
	reload  *qlik.Reload
	by      time.Time // then it is told without
	done    bool      // it was read, or could not be
	excerpt string
}

// badly says whether a reload ended so that its log says why.
func badly(status qlik.ReloadStatus) bool {
	return status == qlik.ReloadFailed || status == qlik.ReloadExceededLimit
}

// readable says whether the quota may allow a read within Limits.Log.
func (s *Scheduler) readable(now time.Time) bool {
	at, ok := s.quota[qlik.ClassRead].next(now)
	return s.limits.Log > 0 && !s.gate.closed && (!ok || !at.After(now.Add(s.limits.Log)))
}

// awaitLog says whether a bad end is to be told only after its log was read, for no
// longer than Limits.Log.
func (s *Scheduler) awaitLog(t *task, reload *qlik.Reload, now time.Time) bool {
	if t.end == nil && t.run().Stopping == "" && s.readable(now) {
		t.end = &end{reload: reload, by: now.Add(s.limits.Log)}
	}
	return t.end != nil && !t.end.done
}

// conclude ends a step whose reload ended badly, with its log or without.
func (s *Scheduler) conclude(t *task, excerpt string, now time.Time) {
	if t.end == nil || t.end.done {
		return
	}
	t.end.done, t.end.excerpt = true, excerpt
	if i := t.run().current(); i >= 0 && t.run().Steps[i].State == StepSubmitted {
		s.withdraw(t)
		s.observe(t, i, t.end.reload, now)
	}
}

// before returns the earlier of a time and the one by which a bad end is told.
func (e *end) before(at time.Time) time.Time {
	if e == nil || e.done {
		return at
	}
	return earlier(at, e.by)
}

// late says whether a bad end has waited for its log as long as it may.
func (e *end) late(now time.Time) bool { return e != nil && !e.done && !e.by.After(now) }

// excerptOf is the end of the log of the step's reload, if it was read.
func (t *task) excerptOf(reload string) string {
	if t.end == nil || t.end.reload.ID != reload {
		return ""
	}
	return t.end.excerpt
}
