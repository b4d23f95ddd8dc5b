package rules

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of the arguments, as Qlik's API documents them.
const (
	maxVariables = 20
	maxText      = 256
	minWeight    = 1
	maxWeight    = 10
)

// A Signature says what an action takes and what later steps learn from it.
type Signature struct {
	Action Action
	Takes  []string // arguments
	Needs  []string // those without which the action makes no sense
	Gives  []string // fields of steps.<name> once it succeeded
}

// Signatures returns the one table of actions: what is not in it, a rule may not do.
func Signatures() []Signature { return slices.Clone(signatures[:]) }

var signatures = [...]Signature{ //nolint:gochecknoglobals // a table that nothing changes
	{
		Action: Reload,
		Takes:  []string{"app", "partial", "variables", "weight"},
		Needs:  []string{"app"},
		Gives:  []string{"app_id", "reload_id", "status"},
	},
	{
		Action: Copy,
		Takes:  []string{"app", "name", "space", "description"},
		Needs:  []string{"app"},
		Gives:  []string{"app_id", "name", "space_id"},
	},
	{
		Action: Publish,
		Takes:  []string{"app", "space", "target", "name", "description"},
		Needs:  []string{"app", "space"},
		Gives:  []string{"app_id", "name", "space_id"},
	},
	{
		Action: Move,
		Takes:  []string{"app", "space"},
		Needs:  []string{"app", "space"},
		Gives:  []string{"app_id", "name", "space_id"},
	},
	{
		Action: Delete,
		Takes:  []string{"app"},
		Needs:  []string{"app"},
		Gives:  []string{"app_id"},
	},
	{
		Action: Assert,
		Takes:  []string{"app", "that"},
		Needs:  []string{"app", "that"},
		Gives:  []string{"app_id"},
	},
	{
		Action: Emit,
		Takes:  []string{"type", "subject", "data"},
		Needs:  []string{"type"},
		Gives:  []string{"type"},
	},
}

// signatureOf returns the signature of action, nil when there is no such action.
func signatureOf(action Action) *Signature {
	for i := range signatures {
		if signatures[i].Action == action {
			return &signatures[i]
		}
	}
	return nil
}

// actionNames returns the names of all actions, in the table's order.
func actionNames() []string {
	var names []string
	for _, s := range signatures {
		names = append(names, string(s.Action))
	}
	return names
}

// Results returns the fields that a step of the action leaves for later steps,
// which read them as steps.<name>.<field>; nil when there is no such action.
func Results(action Action) []string {
	s := signatureOf(action)
	if s == nil {
		return nil
	}
	return s.Gives
}

// A kind is the type of value that an argument takes.
type kind string

const (
	kindText kind = "text"
	kindFlag kind = "true or false"
	kindInt  kind = "a whole number"
)

// kindOf returns the kind of the argument at path, such as "variables.BATCH".
func kindOf(path string) kind {
	switch path {
	case "partial":
		return kindFlag
	case "weight":
		return kindInt
	default:
		return kindText
	}
}

const (
	variablePrefix = "variables."
	dataPrefix     = "data."
)

// set puts value at path, and says what is wrong with it if it does not fit.
func (a *Args) set(path string, value any) error {
	if name, isData := strings.CutPrefix(path, dataPrefix); isData {
		return a.setData(name, value)
	}
	switch kindOf(path) {
	case kindFlag:
		flag, ok := value.(bool)
		if !ok {
			return fmt.Errorf("expected true or false, got %s", describe(value))
		}
		a.Partial = flag
		return nil
	case kindInt:
		return a.setWeight(value)
	}
	text, err := asText(value)
	if err != nil {
		return err
	}
	return a.setText(path, text)
}

func (a *Args) setWeight(value any) error {
	number, ok := asInt(value)
	if !ok {
		return fmt.Errorf("expected a whole number, got %s", describe(value))
	}
	if number < minWeight || number > maxWeight {
		return fmt.Errorf("%d is not a weight; expected %d to %d", number, minWeight, maxWeight)
	}
	a.Weight = int(number)
	return nil
}

func (a *Args) setText(path, text string) error {
	variable, isVariable := strings.CutPrefix(path, variablePrefix)
	if !isVariable && text == "" {
		return errors.New("is empty")
	}
	if path != "description" && path != "that" && utf8.RuneCountInString(text) > maxText {
		return fmt.Errorf("longer than %d characters", maxText)
	}
	if path == "subject" && strings.ContainsFunc(text, notOfAttributes) {
		return errors.New("has a control character, which no attribute of an event may have")
	}
	field := a.text(path)
	switch {
	case field != nil:
		*field = text
	case !isVariable:
		return fmt.Errorf("no argument %q", path)
	case a.Variables == nil:
		a.Variables = map[string]string{variable: text}
	default:
		a.Variables[variable] = text
	}
	return nil
}

// text is where the text at path is kept; nil when the argument of that name is none.
func (a *Args) text(path string) *string {
	switch path {
	case "app":
		return &a.App
	case "space":
		return &a.Space
	case "target":
		return &a.Target
	case "name":
		return &a.Name
	case "description":
		return &a.Description
	case "that":
		return &a.That
	case "type":
		return &a.Type
	case "subject":
		return &a.Subject
	}
	return nil
}

// notOfAttributes says which characters CloudEvents keeps out of attributes.
func notOfAttributes(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError }

// get returns the text at path, "" when it is not set or not text.
func (a *Args) get(path string) string {
	if field := a.text(path); field != nil {
		return *field
	}
	return ""
}

// missing returns the first argument that the step's action needs and that is
// neither set nor waiting, "" when there is none.
func (s *Step) missing() string {
	signature := signatureOf(s.Action)
	for _, path := range signature.Needs {
		if s.Args.get(path) == "" && s.Late[path] == "" {
			return path
		}
	}
	return ""
}

// takesArgument reports whether the action has an argument of that name.
func (s *Signature) takesArgument(name string) bool {
	return slices.Contains(s.Takes, name)
}
