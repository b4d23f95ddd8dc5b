package rules

import (
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/parser"
)

// A demand is a part of a `when` without which it is false: what the event has at a place
// must be a text. `type == "done" && data.app == "sales"` demands two.
type demand struct {
	place string // in CEL, such as data.app
	text  string
}

// demandsOf finds the demands of an expression: the comparisons of a place with a text
// that all of it is joined to by `&&`. (Where one of these is false the whole is false in
// CEL, whatever the other parts are, even errors.)
func demandsOf(checked *cel.Ast) []demand {
	var found []demand
	source := checked.NativeRep().SourceInfo()
	var look func(node ast.Expr)
	look = func(node ast.Expr) {
		if node.Kind() != ast.CallKind {
			return
		}
		call := node.AsCall()
		switch call.FunctionName() {
		case operators.LogicalAnd:
			for _, part := range call.Args() {
				look(part)
			}
		case operators.Equals:
			left, right := call.Args()[0], call.Args()[1]
			if left.Kind() == ast.LiteralKind {
				left, right = right, left
			}
			if right.Kind() != ast.LiteralKind || !isPlace(left) {
				return
			}
			text, ok := right.AsLiteral().(types.String)
			place, err := parser.Unparse(left, source)
			if ok && err == nil {
				found = append(found, demand{place: place, text: string(text)})
			}
		}
	}
	look(checked.NativeRep().Expr())
	return found
}

// isPlace says whether an expression only names something that an event may have.
func isPlace(node ast.Expr) bool {
	for node.Kind() == ast.SelectKind && !node.AsSelect().IsTestOnly() {
		node = node.AsSelect().Operand()
	}
	return node.Kind() == ast.IdentKind
}

// fewRules is up to how many rules it is quicker to put an event to all of.
const fewRules = 4

// judges are the rules that look at the events of one source. Those that demand different
// texts of the same place are not put to every event, but only to those with that text.
type judges struct {
	rules   []*rule // all, in the order of the configuration
	others  []int   // of these, those that no shelf has
	shelves []shelf
}

// A shelf has rules by the text that they demand of one place.
type shelf struct {
	place  *expression
	all    []int
	byText map[string][]int
}

// newJudges puts each rule on the shelf of the place that tells most rules apart.
func (l *language) newJudges(rules []*rule) *judges {
	j := &judges{rules: rules}
	texts := map[string]map[string]bool{} // demanded, by place
	for _, rule := range rules {
		for _, d := range rule.demands() {
			if texts[d.place] == nil {
				texts[d.place] = map[string]bool{}
			}
			texts[d.place][d.text] = true
		}
	}
	shelves := map[string]int{}
	for i, rule := range rules {
		demands := rule.demands()
		slices.SortStableFunc(demands, func(a, b demand) int { return len(texts[b.place]) - len(texts[a.place]) })
		if len(demands) == 0 || len(texts[demands[0].place]) <= fewRules {
			j.others = append(j.others, i)
			continue
		}
		best := demands[0]
		at, known := shelves[best.place]
		if !known {
			place, err := l.compile(best.place)
			if err != nil {
				j.others = append(j.others, i)
				continue
			}
			at = len(j.shelves)
			shelves[best.place] = at
			j.shelves = append(j.shelves, shelf{place: place, byText: map[string][]int{}})
		}
		s := &j.shelves[at]
		s.all, s.byText[best.text] = append(s.all, i), append(s.byText[best.text], i)
	}
	return j
}

func (r *rule) demands() []demand {
	if r.join != nil || r.when == nil {
		return nil
	}
	return slices.Clone(r.when.demands)
}

// judging returns which rules an event is to be put to, in their order: all but those
// whose `when` is false for certain. What a place has that is no text, or where it is
// missing, is for the rules to judge.
func (j *judges) judging(vars *variables) []int {
	if len(j.shelves) == 0 {
		return j.others
	}
	chosen := slices.Clone(j.others)
	for i := range j.shelves {
		s := &j.shelves[i]
		value, err := s.place.eval(vars)
		if text, ok := value.(types.String); ok && err == nil {
			chosen = append(chosen, s.byText[string(text)]...)
		} else {
			chosen = append(chosen, s.all...)
		}
	}
	slices.Sort(chosen)
	return chosen
}
