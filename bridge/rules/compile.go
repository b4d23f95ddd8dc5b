package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
)

// Defaults of a rule.
const (
	defaultAttempts = 8
	defaultBase     = time.Second
	defaultCap      = 2 * time.Minute
	defaultWait     = time.Minute // before a reload is started again
	defaultDeadline = 10 * time.Hour
	maxAttempts     = 100
)

// Compile understands the definitions, or reports every mistake in them and in
// names at once; the Set is nil when a problem is more than a warning.
func Compile(defs []Definition, names Names) (*Set, []Problem) {
	l, err := newLanguage()
	if err != nil {
		return nil, []Problem{{Text: err.Error()}}
	}
	directory, problems := newDirectory(names)
	c := &compiler{language: l, directory: directory, names: names, targets: map[string]string{}, problems: problems}
	set := &Set{bySource: map[string]*judges{}, byName: map[string]*rule{}, directory: directory, names: names}
	var all []*rule
	bySource := map[string][]*rule{}
	for i, def := range defs {
		c.path = []string{"rules", strconv.Itoa(i)}
		r := c.rule(def)
		if _, taken := set.byName[def.Name]; taken && def.Name != "" {
			c.reportAt([]string{"name"}, "another rule is already named %q", def.Name)
		}
		set.byName[r.name] = r
		all = append(all, r)
		for _, source := range def.On.Names() {
			bySource[source] = append(bySource[source], r)
		}
	}
	c.loops(all)
	if slices.ContainsFunc(c.problems, func(p Problem) bool { return !p.Warning }) {
		return nil, c.problems
	}
	for source, rules := range bySource {
		set.bySource[source] = l.newJudges(rules)
	}
	return set, c.problems
}

// A compiler turns definitions into rules and keeps what it found wrong.
type compiler struct {
	language  *language
	directory *directory
	names     Names
	targets   map[string]string // by tenant, app and space where there can be only one
	path      []string          // of the rule in hand
	problems  []Problem
	own       bool // the rule in hand looks at the gateway's own outcomes
}

// reportAt notes a mistake at a path within the rule in hand.
func (c *compiler) reportAt(path []string, format string, args ...any) {
	c.problems = append(c.problems, Problem{Path: slices.Concat(c.path, path), Text: fmt.Sprintf(format, args...)})
}

func (c *compiler) report(key, format string, args ...any) {
	c.reportAt([]string{key}, format, args...)
}

func (c *compiler) rule(def Definition) *rule {
	r := &rule{name: def.Name, tenant: c.tenant(def.Tenant), directory: c.directory, own: slices.Contains(def.On.Names(), OwnSource)}
	c.own = r.own
	c.checkName(def.Name)
	c.checkSources(def.On)
	c.checkTenant(def.On.Names(), r.tenant)
	r.join = c.join(def)
	if r.join == nil {
		c.checkOwn(def.On.Sources, def.When)
		r.when = c.when(def.When, "when")
	}
	r.plan = Plan{
		Tenant:   r.tenant,
		Rule:     r.name,
		Gather:   c.gather(def.Gather),
		Priority: c.priority(def.Priority),
		Retry:    c.retry(def.Retry),
		Deadline: c.duration(defaultDeadline, def.Deadline, "deadline"),
	}
	if r.plan.Gather.Max >= r.plan.Deadline || r.plan.Gather.Quiet >= r.plan.Deadline {
		c.report("gather", "waits as long as the rule's deadline of %s; expected less", short(r.plan.Deadline))
	}
	if r.join != nil && r.join.Within >= r.plan.Deadline {
		c.reportAt([]string{"on", "within"}, "is as long as the rule's deadline of %s; expected less", short(r.plan.Deadline))
	}
	r.key = c.key(def)
	r.steps = c.steps(def, r.join)
	if slices.Contains(c.names.OneTarget, r.tenant) {
		c.oneTarget(r)
	}
	return r
}

// oneTarget reports publish steps that would replace another published app than
// the one that the tenant's API can only mean.
func (c *compiler) oneTarget(r *rule) {
	for i := range r.steps {
		args := r.steps[i].fixed.Args
		if args.App == "" || args.Target == "" {
			continue
		}
		place := r.tenant + " " + args.App + " " + args.Space
		if first, taken := c.targets[place]; taken && first != args.Target {
			c.reportAt(r.steps[i].path, "replaces app %s; in dialect openapi an app has one published app in a space, and here that is %s", args.Target, first)
			continue
		}
		c.targets[place] = args.Target
	}
}

// validName reports whether name fits into NATS subjects and keys.
func validName(name string) bool {
	return regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`).MatchString(name)
}

// isIdentifier reports whether name can follow a dot in CEL, as steps and parts of a
// join do.
func isIdentifier(name string) bool {
	return regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`).MatchString(name)
}

func (c *compiler) checkName(name string) {
	switch {
	case name == "":
		c.reportAt(nil, "name is missing")
	case name == DirectRule, name == ForeignRule:
		c.report("name", "%q stands for runs that were asked for without a rule; expected another name", name)
	case !validName(name):
		c.report("name", "%q is not a name; expected lower-case letters, digits, - and _, at most 63", name)
	}
}

func (c *compiler) tenant(name string) string {
	known := c.names.Tenants
	switch {
	case name == "" && len(known) == 1:
		return known[0]
	case name == "" && len(known) > 1:
		c.reportAt(nil, "tenant is missing; there are several: %s", strings.Join(known, ", "))
	case name != "" && !slices.Contains(known, name):
		c.report("tenant", "%s", unknown("tenant", name, known))
	}
	return name
}

// checkTenant reports sources that may do nothing at the rule's tenant.
func (c *compiler) checkTenant(sources []string, tenant string) {
	for _, source := range sources {
		if err := c.directory.permitTenant(source, tenant); err != nil && tenant != "" {
			c.report("on", "%s", err)
		}
	}
}

func (c *compiler) checkSources(on On) {
	sources := on.Sources
	if on.Join == nil && len(sources) == 0 {
		c.reportAt(nil, "on is missing; expected the name of a source")
	}
	for i, source := range sources {
		path := []string{"on"}
		if len(sources) > 1 {
			path = append(path, strconv.Itoa(i))
		}
		if !slices.Contains(c.sources(), source) {
			c.reportAt(path, "%s", unknown("source", source, c.sources()))
		}
	}
}

func (c *compiler) when(source string, path ...string) *expression {
	return c.expression(source, "is true or false for every event", []*cel.Type{cel.BoolType}, path...)
}

// key compiles what keeps runs of a rule apart.
func (c *compiler) key(def Definition) *expression {
	source, path := def.Gather.Key, []string{"gather", "key"}
	if def.On.Join != nil {
		source, path = def.On.Join.Key, []string{"on", "key"}
	}
	return c.expression(source, "gives text, a number or a time", textTypes(), path...)
}

// expression compiles CEL that reads the event only; nil when there is none.
func (c *compiler) expression(source, wanted string, types []*cel.Type, path ...string) *expression {
	if source == "" {
		return nil
	}
	e, err := c.language.compile(source)
	switch {
	case err != nil:
		c.reportAt(path, "%s", err)
	case e.own && !c.own:
		c.reportAt(path, "%s", errOwn)
	case len(e.parts) > 0:
		c.reportAt(path, "reads events, but looks at one event at a time; only arguments of a join's steps can")
	case len(e.steps) > 0:
		c.reportAt(path, "reads steps, but no step has run yet; only arguments of later steps can")
	case !fits(e.output, types):
		c.reportAt(path, "expected an expression that %s; this gives %s: %s", wanted, e.output, shorten(source))
	default:
		return e
	}
	return nil
}

// fits reports whether an expression's type is one of types, or known only later.
func fits(output *cel.Type, types []*cel.Type) bool {
	if output.IsExactType(cel.DynType) {
		return true
	}
	return slices.ContainsFunc(types, output.IsExactType)
}

// textTypes are the types that asText writes.
func textTypes() []*cel.Type {
	return []*cel.Type{
		cel.StringType, cel.BoolType, cel.IntType, cel.UintType, cel.DoubleType, cel.TimestampType, cel.DurationType,
	}
}
