package bridge

import (
	"slices"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/qlik"
)

const (
	mostForeign = 2048           // reloads that wait to be asked about; then the oldest is given up
	foreignKept = 12 * time.Hour // one that has not ended so long after Qlik said so is given up
	mostMisses  = 20             // one as old is asked about so often in a row without an answer
)

// A Foreign is a reload that Qlik says is over and that no run of ours is known to
// have started. Qlik is asked before anybody is told.
type Foreign struct {
	Reload string    `json:"reload"`
	Cause  string    `json:"cause"` // id of Qlik's event
	Since  time.Time `json:"since"` // when the journal took it
	again  time.Time // when to ask
	misses int       // answers in a row that were none

	end   end  // how it ended, once Qlik has said so
	named bool // its app's name was asked for
}

// wants is what is to be asked before the end of the reload is told: how it stands,
// and then, once, what its app is called and what its log says.
func (f *Foreign) wants(s *Scheduler, now time.Time) Command {
	if f.end.reload == nil {
		return Command{Kind: KindLook, ReloadID: f.Reload}
	}
	step := rules.Step{Args: rules.Args{App: f.end.reload.AppID}}
	switch {
	case !f.named && s.nameless(f.end.reload.AppID, now):
		return Command{Kind: KindName, ReloadID: f.Reload, Step: step}
	case !f.end.done && badly(f.end.reload.Status) && s.limits.Log > 0:
		return Command{Kind: KindLog, ReloadID: f.Reload, Step: step}
	}
	return Command{}
}

// foreigners are a tenant's foreign reloads, asked about one at a time.
type foreigners struct {
	waiting []*Foreign // in the order in which they came
	next    time.Time  // when to ask about the next of them
	asking  bool
	unsaved bool
	told    *memory
}

func newForeigners(held []Foreign) *foreigners {
	f := &foreigners{told: newMemory(mostRemembered)}
	for _, one := range held {
		f.waiting = append(f.waiting, &one)
	}
	return f
}

func (f *foreigners) find(reload string) int {
	return slices.IndexFunc(f.waiting, func(one *Foreign) bool { return one.Reload == reload })
}

// Foreign takes in an event by which Qlik says that a reload is over which may not be
// ours, and returns the reload that is given up for it, if any. One event or several
// for the same reload are the same.
func (s *Scheduler) Foreign(now time.Time, cause Cause, reload string) (gaveUp string) {
	f := s.foreign
	_, ours := s.ours.noted(reload)
	if _, told := f.told.noted(reload); ours || told || len(reload) > longestID {
		return ""
	}
	f.next = now
	if i := f.find(reload); i >= 0 {
		f.waiting[i].again = now
		return ""
	}
	if f.unsaved = true; len(f.waiting) >= mostForeign {
		gaveUp = f.waiting[0].Reload
		f.waiting = f.waiting[1:]
	}
	f.waiting = append(f.waiting, &Foreign{Reload: reload, Cause: shortID(cause.ID), Since: cause.Time, again: now})
	return gaveUp
}

// Foreigners returns the foreign reloads that wait, and whether they changed since
// they were last asked for.
func (s *Scheduler) Foreigners() (waiting []Foreign, changed bool) {
	if changed = s.foreign.unsaved; !changed {
		return nil, false
	}
	s.foreign.unsaved = false
	for _, one := range s.foreign.waiting {
		waiting = append(waiting, *one)
	}
	return waiting, changed
}

// look asks about a foreign reload when nothing of our own is to be done.
func (s *Scheduler) look(now, again time.Time) (Command, time.Time) {
	f := s.foreign
	if f.asking || len(f.waiting) == 0 {
		return Command{}, again
	}
	if f.next.After(now) {
		return Command{}, earlier(again, f.next)
	}
	soonest := slices.MinFunc(f.waiting, func(a, b *Foreign) int { return a.again.Compare(b.again) })
	if f.next = soonest.again; f.next.After(now) {
		return Command{}, earlier(again, f.next)
	}
	command := soonest.wants(s, now)
	at, ok := s.quota[qlik.ClassRead].next(now)
	switch free := ok && !at.After(now); {
	case soonest.end.reload != nil && (!free || command.Kind == KindNone):
		s.tellForeign(soonest, now)
		return s.look(now, again)
	case !ok:
		return Command{}, again
	case !free:
		return Command{}, earlier(again, at)
	}
	f.asking = true
	return s.aside(command, now), now
}

// looked takes in what Qlik says of a foreign reload. One that is ours after all, or
// that Qlik does not know, was told of in error, or by a liar: it is dropped.
func (s *Scheduler) looked(now time.Time, report Report) {
	f := s.foreign
	f.asking = false
	if report.Verdict.Kind == VerdictHold {
		s.Hold(now, report.Verdict)
	}
	i := f.find(report.Command.ReloadID)
	if i < 0 {
		return
	}
	one, verdict := f.waiting[i], report.Verdict
	old := now.Sub(one.Since) > foreignKept
	switch {
	case report.Command.Kind == KindName:
		one.named = true
	case report.Command.Kind == KindLog:
		one.end.done, one.end.excerpt = true, report.Excerpt
	case verdict.Kind == VerdictFail, verdict.Kind != VerdictDone && old && one.misses >= mostMisses:
		f.drop(one)
		return
	case verdict.Kind != VerdictDone:
		one.misses++
		one.again = now.Add(max(backoff(one.misses, waitShort, waitCap, s.jitter()), verdict.After))
		return
	case s.ownReload(report), !report.Reload.Status.Ended() && old:
		f.drop(one)
		return
	case !report.Reload.Status.Ended():
		one.misses = 0
		one.again = now.Add(nextPoll(now.Sub(one.Since), nil, s.limits.Poll))
		return
	default:
		one.end.reload = report.Reload
	}
	if one.wants(s, now).Kind == KindNone {
		s.tellForeign(one, now)
	}
}

// drop forgets one that is told, or never will be.
func (f *foreigners) drop(one *Foreign) {
	i := slices.Index(f.waiting, one)
	f.waiting, f.unsaved = slices.Delete(f.waiting, i, i+1), true
}

// ownReload says whether the gateway started a reload: one that a run is known to
// have started, or any that our user started through the API, since the record of
// which those were is not kept for ever.
func (s *Scheduler) ownReload(report Report) bool {
	reload := report.Reload
	_, ours := s.ours.noted(reload.ID)
	return ours || reload.Type == qlik.TypeExternal && (report.Identity == "" || reload.UserID == report.Identity)
}

// tellForeign puts how a foreign reload ended into the tenant's outbox. Its id is the
// same however often that is found out.
func (s *Scheduler) tellForeign(one *Foreign, now time.Time) {
	reload := one.end.reload
	s.foreign.told.note(one.Reload, now)
	s.foreign.drop(one)
	how := map[qlik.ReloadStatus]struct {
		kind   string
		reason events.Reason
	}{
		qlik.ReloadSucceeded:     {events.TypeForeignReloadSucceeded, ""},
		qlik.ReloadFailed:        {events.TypeForeignReloadFailed, events.ReasonReloadFailed},
		qlik.ReloadCanceled:      {events.TypeForeignReloadCanceled, events.ReasonReloadCanceled},
		qlik.ReloadExceededLimit: {events.TypeForeignReloadExceededLimit, events.ReasonReloadExceededLimit},
	}[reload.Status]
	s.tell(events.Head{
		ID: s.names.Tenant + "/reloads/" + reload.ID, Type: how.kind, Subject: "apps/" + reload.AppID, Key: reload.AppID,
		Time: now, CausationID: one.Cause,
	}, events.ForeignReloadData{
		Tenant: s.names.Tenant, Origin: reload.Type, App: s.app(reload.AppID, ""), Space: s.spaceOf(reload.AppID), ReloadID: reload.ID, Status: string(reload.Status),
		Partial: reload.Partial, Reason: how.reason, Error: said(reload.ErrorMessage), ErrorCode: reload.ErrorCode,
		Created: reload.CreationTime, Started: reload.StartTime, Ended: reload.EndTime, Duration: reload.Duration.Seconds(), LogExcerpt: one.end.excerpt,
	})
}

// foreignReload admits an event that says a reload of somebody else may be over.
func (t *term) foreignReload(cause Cause, reload string) {
	gaveUp := t.scheduler.Foreign(time.Now(), cause, reload)
	t.log.Info().Str("hop", "admitted").Str("event_id", cause.ID).Str("rule", rules.ForeignRule).Str("reload_id", reload).Msg("Qlik says a reload is over")
	if gaveUp != "" {
		t.log.Warn().Str("hop", "admitted").Str("reload_id", gaveUp).Msg("too many reloads of others wait to be asked about; this one is not told")
	}
}
