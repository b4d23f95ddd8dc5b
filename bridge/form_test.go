package bridge

import (
	"cmp"
	"encoding"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/qlikgateway/gateway/events"
)

var updateForm = flag.Bool("update", false, "write testdata/records.txt anew")

// TestFormOfRecordsKeepsWhatWasWritten: what a record of this schema has, and of what
// kind it is, is written down. More may be added, which an older gateway passes over;
// without what is gone or of another kind, records that are stored cannot be read.
func TestFormOfRecordsKeepsWhatWasWritten(t *testing.T) {
	t.Parallel()
	const file = "testdata/records.txt"
	var now []string
	for name, record := range map[string]any{
		"run": Run{}, "app": AppRecord{}, "calls[]": Block{}, "restored": Restoration{}, "subscription": events.SubscriptionState{},
		"state.foreign[]": Foreign{}, "state.pauses[]": Pause{}, "state.outbox[]": events.Outcome{},
	} {
		now = append(now, form(name, reflect.TypeOf(record), nil)...)
	}
	slices.Sort(now)
	text, err := os.ReadFile(file)
	if err != nil && !*updateForm {
		t.Fatal(err)
	}
	was := slices.DeleteFunc(strings.Split(string(text), "\n"), func(line string) bool { return line == "" })
	for _, line := range was {
		if !slices.Contains(now, line) {
			t.Errorf("gone: %s. Stored records have it: raise recordSchema, read the form before it, and say so in the changelog", line)
		}
	}
	switch {
	case t.Failed():
	case *updateForm:
		if err := os.WriteFile(file, []byte(strings.Join(now, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	case !slices.Equal(was, now):
		t.Error("records have more than is written down: go test ./bridge -run FormOfRecords -update")
	}
}

// form lists what a type has in JSON, each with its kind.
func form(at string, of reflect.Type, within []reflect.Type) []string {
	if of.Kind() == reflect.Pointer {
		return form(at, of.Elem(), within)
	}
	writes := reflect.TypeFor[json.Marshaler]()
	texts := reflect.TypeFor[encoding.TextMarshaler]()
	switch {
	case of.Implements(writes) || of.Implements(texts) || of == reflect.TypeFor[[]byte]() || slices.Contains(within, of):
		return []string{at + " " + of.String()}
	case of.Kind() == reflect.Slice:
		return form(at+"[]", of.Elem(), within)
	case of.Kind() == reflect.Map:
		return form(at+"{"+of.Key().Kind().String()+"}", of.Elem(), within)
	case of.Kind() != reflect.Struct:
		return []string{at + " " + of.Kind().String()}
	}
	var all []string
	for _, field := range reflect.VisibleFields(of) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if !field.IsExported() || field.Anonymous || name == "-" {
			continue
		}
		all = append(all, form(at+"."+cmp.Or(name, field.Name), field.Type, append(within, of))...)
	}
	return all
}
