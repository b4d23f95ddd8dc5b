package rules

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
)

// A link says that an outcome of one rule's runs begins a run of another.
type link struct {
	from, to int    // indexes of rules
	kind     string // type of the outcome
	sure     bool   // whatever else the outcome says
}

// loops reports rules that begin each other for ever, as far as that can be seen
// without an outcome: by its type, its rule and its tenant. A `when` that asks for
// more may end the loop or not, and is only warned of.
func (c *compiler) loops(set []*rule) {
	links := []link{}
	for to, listener := range set {
		for _, when := range listener.ownWhens() {
			links = append(links, c.linksTo(set, to, when, listener.join != nil)...)
		}
	}
	reported := map[int]bool{}
	for _, sure := range []bool{true, false} {
		usable := slices.DeleteFunc(slices.Clone(links), func(l link) bool { return sure && !l.sure })
		for i := range set {
			loop := loopFrom(i, usable)
			if len(loop) == 0 || slices.ContainsFunc(loop, func(l link) bool { return reported[l.to] }) {
				continue
			}
			for _, l := range loop {
				reported[l.to] = true
			}
			c.reportLoop(set, loop, sure)
		}
	}
}

// ownWhens are the conditions under which the gateway's own outcomes are an event
// of the rule.
func (r *rule) ownWhens() []*expression {
	if r.join == nil {
		if r.own && r.when != nil {
			return []*expression{r.when}
		}
		return nil
	}
	var whens []*expression
	for _, name := range r.join.Parts {
		if part := r.join.of[name]; part.source == OwnSource && part.when != nil {
			whens = append(whens, part.when)
		}
	}
	return whens
}

// linksTo finds the rules whose outcomes fulfil a condition of the rule at `to`.
// A join waits for more, so that none of them is sure to begin it.
func (c *compiler) linksTo(set []*rule, to int, when *expression, joins bool) []link {
	program, err := c.language.partial(when.source)
	if err != nil {
		return nil
	}
	var links []link
	for from, teller := range set {
		var actions []Action
		var emitted []string
		for _, step := range teller.steps {
			actions = append(actions, step.fixed.Action)
			if kind := step.fixed.Args.Type; step.fixed.Action == Emit && kind != "" {
				emitted = append(emitted, kind)
			}
		}
		best := link{}
		for _, kind := range append(OutcomeTypes(actions...), emitted...) {
			matches, sure := teller.wouldTell(program, kind)
			if matches && (best.kind == "" || sure && !best.sure) {
				best = link{from: from, to: to, kind: kind, sure: sure && !joins}
			}
		}
		if best.kind != "" {
			links = append(links, best)
		}
	}
	return links
}

// partial compiles a condition so that it can be asked with most of an event unknown.
func (l *language) partial(source string) (cel.Program, error) {
	ast, issues := l.env.Compile(source)
	if issues.Err() != nil {
		return nil, issues.Err()
	}
	return l.env.Program(ast, cel.EvalOptions(cel.OptPartialEval), cel.CostLimit(maxCost))
}

// wouldTell says whether an outcome of a type of the rule's fulfils a condition, or
// might, and whether that is sure.
func (r *rule) wouldTell(program cel.Program, kind string) (matches, sure bool) {
	known := map[string]any{
		"type": kind, "rule": r.name, "tenant": r.tenant, "source": "/qlikgateway/" + r.tenant,
		"gatewaysource": OwnSource, "outcome": OutcomeOf(kind), "job": r.name,
	}
	var unknown []*cel.AttributePatternType
	for _, name := range eventNames() {
		if _, ok := known[name]; !ok {
			unknown = append(unknown, cel.AttributePattern(name))
		}
	}
	vars, err := cel.PartialVars(known, unknown...)
	if err != nil {
		return false, false
	}
	result, _, err := program.Eval(vars)
	if err != nil {
		return false, false
	}
	return types.IsUnknown(result) || result == types.True, result == types.True
}

// loopFrom returns the shortest way from a rule back to it, nil when there is none.
func loopFrom(start int, links []link) []link {
	ways := [][]link{nil}
	seen := map[int]bool{}
	for len(ways) > 0 {
		way := ways[0]
		ways = ways[1:]
		at := start
		if len(way) > 0 {
			if at = way[len(way)-1].to; at == start {
				return way
			}
		}
		if seen[at] {
			continue
		}
		seen[at] = true
		for _, l := range links {
			if l.from == at {
				ways = append(ways, append(slices.Clone(way), l))
			}
		}
	}
	return nil
}

func (c *compiler) reportLoop(set []*rule, loop []link, sure bool) {
	last := loop[len(loop)-1]
	var names []string
	for _, l := range loop {
		names = append(names, fmt.Sprintf("%s of %s begins %s", strings.TrimPrefix(l.kind, TypePrefix), set[l.from].name, set[l.to].name))
	}
	c.path = []string{"rules", strconv.Itoa(last.to)}
	if way := strings.Join(names, ", "); sure {
		c.report("on", "%s, without end; let when leave that rule or outcome out", way)
	} else {
		c.report("on", "%s, perhaps without end; unless when always ends that, the hops are counted and the last event is a dead letter", way)
		c.problems[len(c.problems)-1].Warning = true
	}
}
