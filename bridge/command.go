package bridge

import (
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/qlik"
)

// A Kind says what a command asks the worker to do.
type Kind uint8

// The kinds of commands.
const (
	KindNone      Kind = iota
	KindResolve        // evaluate arguments that needed earlier results
	KindFind           // look for the published app that a publish replaces
	KindCall           // carry out the step
	KindPoll           // ask how a reload stands
	KindReconcile      // find out what became of a lost call
	KindCancel         // stop a reload
	KindProbe          // ask whether the tenant answers
	KindLook           // ask how a reload stands that no run waits for
	KindLog            // read the log of a reload that ended badly
	KindName           // ask what an app is called
)

// String returns the kind as logs and traces name it.
func (k Kind) String() string {
	return [...]string{"none", "resolve", "find", "call", "poll", "reconcile", "cancel", "probe", "look", "log", "name"}[k]
}

// A Command is one thing to do now. The scheduler has made every change that has
// to be written before it is done.
type Command struct {
	Kind     Kind
	Run      string
	Rule     string
	Trace    string                    // the run's traceparent, if it has one
	Index    int                       // of the step in the plan
	Step     rules.Step                // the action and its arguments
	Mode     PublishMode               // of a publish
	At       time.Time                 // when it was decided: a worker calls only shortly after
	Token    string                    // marks what this attempt makes, for reconcile
	ReloadID string                    // poll, cancel, look, log; of a name: the reload of others that it is for
	Since    time.Time                 // reconcile: nothing Qlik made before this can be ours, by its clock
	Cause    uint64                    // resolve: journal sequence of the newest cause
	Results  map[string]map[string]any // resolve: what earlier steps gave
	Parts    map[string]uint64         // resolve of a join: its events, by journal sequence
	Steps    []rules.Step              // resolve of a join: the step and those after it
}

// class returns the quota that the command's call draws on; ok is false when it
// makes none that is waited for.
func (c Command) class() (class qlik.Class, ok bool) {
	switch c.Kind {
	case KindResolve, KindProbe, KindNone:
		return "", false
	case KindCancel:
		return qlik.ClassReload, true
	case KindCall:
		switch c.Step.Action {
		case rules.Emit:
			return "", false
		case rules.Assert:
			return qlik.ClassRead, true
		case rules.Reload:
			return qlik.ClassReload, true
		}
		return qlik.ClassWrite, true
	case KindReconcile:
		if c.Step.Action == rules.Publish {
			return qlik.ClassWrite, true
		}
	}
	return qlik.ClassRead, true
}

// repeatable says whether the command's call may be made again when nobody knows
// whether it took effect: it converges, or changes nothing.
func (c Command) repeatable() bool {
	switch c.Step.Action {
	case rules.Assert, rules.Emit:
		return true
	case rules.Publish:
		return c.Mode == PublishReplace || c.Mode == PublishTry
	}
	return false
}

// A PublishMode says how a publish is carried out once that is known.
type PublishMode string

// The modes of a publish.
const (
	PublishUnknown PublishMode = ""
	PublishReplace PublishMode = "replace" // the published app is known
	PublishTry     PublishMode = "try"     // replace the twin in the space; publish anew when there is none
	PublishNew     PublishMode = "new"
)

// A Report is what became of a command.
type Report struct {
	Command  Command
	Verdict  Verdict
	Sent     bool          // a request may have reached Qlik
	Began    time.Time     // when the worker began, our clock
	QlikTime time.Time     // the same instant on Qlik's clock
	Identity string        // the Qlik user the calls were made as, when known
	Reload   *qlik.Reload  // call, poll: the reload's record
	Listed   []qlik.Reload // reconcile of a reload: the app's reloads
	Step     rules.Step    // resolve: with every argument known
	Steps    []rules.Step  // resolve of a join: with every argument that is known by now
	Mode     PublishMode   // find
	Result   Result        // what a copy, publish or their reconcile found; name: the app's
	Space    string        // name: the space that the app is in
	Excerpt  string        // log: its end
}

// A VerdictKind says what an answer means for the step.
type VerdictKind string

// The kinds of verdicts.
const (
	VerdictDone     VerdictKind = "done"
	VerdictAgain    VerdictKind = "again"     // later, not counted: nobody's fault, or ours
	VerdictRetry    VerdictKind = "retry"     // later, counted against the policy
	VerdictLost     VerdictKind = "lost"      // it may have taken effect: reconcile
	VerdictWaitApp  VerdictKind = "wait_app"  // the app has a pending reload
	VerdictWaitLong VerdictKind = "wait_long" // the app's daily allowance is used up
	VerdictFail     VerdictKind = "fail"
	VerdictHold     VerdictKind = "hold" // the tenant refuses us: hold all its work
)

// A Verdict is what one answer of Qlik, or its absence, means.
type Verdict struct {
	Kind   VerdictKind
	After  time.Duration // soonest next try; 0 leaves it to the policy
	Reason events.Reason
	Code   string // Qlik's error code
	Text   string // Qlik's words
}
