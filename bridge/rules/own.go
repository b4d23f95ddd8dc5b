package rules

import (
	"slices"
	"strings"
)

// OwnSource names the gateway's own outcomes under `on`, so that the end of one
// rule's run can begin another's. Nobody sends under it.
const OwnSource = "gateway"

// TypePrefix begins the type of every outcome of the gateway's own.
const TypePrefix = "io.qlikgateway.v1."

// OutcomeOf returns what the type of one of the gateway's outcomes says of the work
// it tells of: succeeded, failed or other.
func OutcomeOf(kind string) string {
	switch kind[strings.LastIndexByte(kind, '.')+1:] {
	case "succeeded":
		return OutcomeSucceeded
	case "failed", "canceled", "expired", "exceeded_limit":
		return OutcomeFailed
	}
	return OutcomeOther
}

// OutcomeTypes returns the types of all outcomes that a run with steps of these
// actions may have, but for the types that an emit gives.
func OutcomeTypes(actions ...Action) []string {
	ends := map[Action][]string{Emit: {"failed"}, Reload: {"queued", "started", "succeeded", "failed", "canceled", "exceeded_limit"}}
	types := []string{}
	for _, end := range []string{"succeeded", "failed", "canceled", "expired", "held"} {
		types = append(types, TypePrefix+"run."+end)
	}
	for _, action := range actions {
		told := ends[action]
		if told == nil {
			told = []string{"succeeded", "failed"}
		}
		for _, end := range told {
			types = append(types, TypePrefix+string(action)+"."+end)
		}
	}
	return types
}

// ListensToOwn says whether any rule looks at the gateway's own outcomes.
func (s *Set) ListensToOwn() bool { return s.bySource[OwnSource] != nil }

// sources are the names that may stand under `on`.
func (c *compiler) sources() []string { return append(slices.Clone(c.names.Sources), OwnSource) }

// checkOwn reports a rule or part that would take every outcome there is.
func (c *compiler) checkOwn(sources []string, when string, path ...string) {
	if slices.Contains(sources, OwnSource) && when == "" {
		c.reportAt(path, `when is missing; without it every outcome of every rule would match, as in when: type == "%srun.succeeded" && rule == "refresh"`, TypePrefix)
	}
}
