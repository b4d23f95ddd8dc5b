package bridge

import "slices"

// A RunState says where a run stands.
type RunState string

// The states of a run.
const (
	RunGathering RunState = "gathering" // waits for more causes
	RunReady     RunState = "ready"     // gathered; waits for lanes, quota and order
	RunRunning   RunState = "running"   // a step was called
	RunHeld      RunState = "held"      // a step's outcome cannot be known; a person or the deadline decides
	RunSucceeded RunState = "succeeded" // this and the next three end it
	RunFailed    RunState = "failed"
	RunCanceled  RunState = "canceled"
	RunExpired   RunState = "expired"
)

// Ended says whether the state is terminal.
func (s RunState) Ended() bool { return len(runMoves[s]) == 0 }

// A StepState says where a step stands.
type StepState string

// The states of a step.
const (
	StepWaiting   StepState = "waiting"   // not called, or to be called again
	StepCalling   StepState = "calling"   // a call may have reached Qlik
	StepSubmitted StepState = "submitted" // Qlik has taken it; its reload runs
	StepUnknown   StepState = "unknown"   // whether the call took effect cannot be found out
	StepSucceeded StepState = "succeeded"
	StepFailed    StepState = "failed"
	StepCanceled  StepState = "canceled"
)

// Ended says whether the state is terminal.
func (s StepState) Ended() bool { return len(stepMoves[s]) == 0 }

// runMoves is the state machine of runs: every move that may happen.
var runMoves = map[RunState][]RunState{ //nolint:gochecknoglobals // a table that nothing changes
	RunGathering: {RunReady, RunExpired, RunCanceled},
	RunReady:     {RunRunning, RunFailed, RunExpired, RunCanceled},
	RunRunning:   {RunSucceeded, RunFailed, RunCanceled, RunExpired, RunHeld},
	RunHeld:      {RunRunning, RunFailed, RunCanceled},
}

// stepMoves is the state machine of steps: every move that may happen.
var stepMoves = map[StepState][]StepState{ //nolint:gochecknoglobals // a table that nothing changes
	StepWaiting:   {StepCalling, StepFailed, StepCanceled},
	StepCalling:   {StepSubmitted, StepSucceeded, StepFailed, StepWaiting, StepUnknown},
	StepSubmitted: {StepSucceeded, StepFailed, StepCanceled, StepWaiting},
	StepUnknown:   {StepSucceeded, StepFailed, StepWaiting},
}

// mayMove says whether a table allows the move from one state to another.
func mayMove[S comparable](moves map[S][]S, from, to S) bool {
	return slices.Contains(moves[from], to)
}

// Known says whether the state is one of the states of a run.
func (s RunState) Known() bool {
	switch s {
	case RunGathering, RunReady, RunRunning, RunHeld, RunSucceeded, RunFailed, RunCanceled, RunExpired:
		return true
	}
	return false
}
