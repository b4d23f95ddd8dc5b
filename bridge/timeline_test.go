package bridge

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/qlik"
)

// A timeline drives one scheduler by hand, in virtual time.
type timeline struct {
	t      *testing.T
	now    time.Time
	limits Limits
	s      *Scheduler
	last   uint64 // journal sequence
	apps   map[string]AppRecord
}

func newTimeline(t *testing.T, held Snapshot) *timeline {
	t.Helper()
	tl := &timeline{t: t, now: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), limits: DefaultLimits(), apps: map[string]AppRecord{}}
	tl.limits.Log, tl.limits.Names = 0, 0 // but where a test is about them
	tl.boot(held)
	return tl
}

// boot makes a scheduler of what the ledger holds, with the journal read.
func (tl *timeline) boot(held Snapshot) {
	names := Names{Tenant: "acme", URL: "https://acme.example", Journal: time.Unix(1_700_000_000, 0), Epoch: 1}
	senses := Senses{Jitter: func() float64 { return 0.5 }, Clock: func(t time.Time) time.Time { return t }}
	tl.s = NewScheduler(names, tl.limits, senses, tl.now, held)
	tl.s.CaughtUp(tl.now)
}

// restart crashes the scheduler and makes another of every run's record.
func (tl *timeline) restart() {
	tl.t.Helper()
	tl.boot(tl.held())
}

// held is what the ledger holds, the newest run first.
func (tl *timeline) held() Snapshot {
	tl.t.Helper()
	held := Snapshot{Cursor: tl.s.Cursor(), Blocks: slices.Clone(tl.s.blocks), Pauses: tl.s.Pauses()}
	for _, app := range slices.Sorted(maps.Keys(tl.apps)) {
		held.Apps = append(held.Apps, tl.apps[app])
	}
	for _, task := range tl.s.tasks {
		data, err := json.Marshal(task.run())
		if err != nil {
			tl.t.Fatal(err)
		}
		var run Run
		if err := json.Unmarshal(data, &run); err != nil {
			tl.t.Fatal(err)
		}
		held.Active = append(held.Active, &run)
	}
	slices.SortFunc(held.Active, func(a, b *Run) int { return strings.Compare(b.ID, a.ID) })
	return held
}

// trigger admits an event and returns its run.
func (tl *timeline) trigger(plan rules.Plan) *Run {
	tl.t.Helper()
	tl.last++
	tl.s.Pass(tl.last)
	id, _ := tl.s.Admit(tl.now, Cause{Sequence: tl.last, ID: "e", Time: tl.now}, plan)
	return tl.s.tasks[id].run()
}

func (tl *timeline) pass(d time.Duration) { tl.now = tl.now.Add(d) }

// want returns the next command, which must be of a kind and for a run.
func (tl *timeline) want(kind Kind, run *Run) Command {
	tl.t.Helper()
	command, again := tl.s.Next(tl.now)
	if command.Kind != kind || run != nil && command.Run != run.ID {
		tl.t.Fatalf("next is %q of rule %s (again at %s), want %q", command.Kind, command.Rule, again, kind)
	}
	return command
}

// idle holds that nothing may be done now, and returns when to ask again.
func (tl *timeline) idle() time.Time {
	tl.t.Helper()
	command, again := tl.s.Next(tl.now)
	if command.Kind != KindNone {
		tl.t.Fatalf("next is %s of run %s, want nothing", command.Kind, command.Run)
	}
	return again
}

// until lets time pass until a command of a kind may be carried out.
func (tl *timeline) until(kind Kind) Command {
	tl.t.Helper()
	for range 1000 {
		command, again := tl.s.Next(tl.now)
		if command.Kind == kind {
			return command
		}
		if command.Kind != KindNone || again.IsZero() {
			tl.t.Fatalf("next is %q (again at %s), want %s", command.Kind, again, kind)
		}
		tl.now = again
	}
	tl.t.Fatalf("%s never comes", kind)
	return Command{}
}

// done answers a command.
func (tl *timeline) done(command Command, kind VerdictKind, edit ...func(*Report)) {
	report := Report{Command: command, Sent: true, Began: tl.now, QlikTime: tl.now, Verdict: Verdict{Kind: kind}}
	for _, f := range edit {
		f(&report)
	}
	tl.s.Done(tl.now, report)
}

// reloadIs makes an answer tell of a reload.
func reloadIs(id string, status qlik.ReloadStatus) func(*Report) {
	return func(r *Report) { r.Reload = &qlik.Reload{ID: id, Status: status} }
}

// because gives an answer its reason.
func because(reason events.Reason) func(*Report) {
	return func(r *Report) { r.Verdict.Reason = reason }
}

func (tl *timeline) state(run *Run, want RunState) {
	tl.t.Helper()
	if run.State != want {
		tl.t.Fatalf("run is %s (%s), want %s", run.State, run.Reason, want)
	}
}

// planOf returns a plan with one step per action, all of one app.
func planOf(rule, app string, actions ...rules.Action) rules.Plan {
	plan := rules.Plan{
		Tenant: "acme", Rule: rule, Key: rule + " " + app, Priority: 1, Deadline: 2 * time.Hour,
		Retry: rules.Retry{Attempts: 8, Base: time.Second, Cap: time.Minute},
	}
	names := []string{"one", "two", "three", "four", "five", "six"}
	for i, action := range actions {
		step := rules.Step{Name: names[i], Action: action, Args: rules.Args{App: app}}
		switch action {
		case rules.Reload:
		case rules.Emit:
			step.Args = rules.Args{Type: "com.example.told"}
		default:
			step.Args.Space = "space"
		}
		plan.Steps = append(plan.Steps, step)
	}
	return plan
}
