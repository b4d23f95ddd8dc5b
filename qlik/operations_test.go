package qlik_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/qlikgateway/gateway/qlik"
	"github.com/qlikgateway/gateway/schemas"
)

// document reads Qlik's document.
func document(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(schemas.QlikCloud())
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestOperationsAreThoseOfTheDocument(t *testing.T) {
	t.Parallel()
	type row struct{ method, path string }
	want, chapters := map[string]row{}, map[string]int{}
	for path, item := range document(t).Paths.Map() {
		for method, op := range item.Operations() {
			want[op.OperationID] = row{method, path}
			chapters[op.Tags[0]]++
		}
	}
	if chapters["Apps"] != 19 || chapters["Spaces"] != 12 || chapters["Reloads"] != 4 {
		t.Errorf("the document has %v, want 19 apps, 12 spaces, 4 reloads", chapters)
	}
	client := reflect.TypeFor[*qlik.Client]()
	for _, op := range qlik.Operations() {
		documented, found := want[op.ID]
		if !found {
			t.Errorf("%s is not in the document", op.ID)
			continue
		}
		delete(want, op.ID)
		if documented != (row{op.Method, op.Path}) {
			t.Errorf("%s is %s %s, in the document %v", op.ID, op.Method, op.Path, documented)
		}
		name := strings.ToUpper(op.ID[:1]) + op.ID[1:]
		if _, found := client.MethodByName(name); !found {
			t.Errorf("Client has no method %s", name)
		}
		if class := classOf(op); op.Class != class {
			t.Errorf("%s is of class %s, want %s", op.ID, op.Class, class)
		}
		if op.Method != "POST" && !op.Idempotent {
			t.Errorf("%s is a %s and not idempotent", op.ID, op.Method)
		}
	}
	for id := range want {
		t.Errorf("%s is in the document and not in the table", id)
	}
}

// classOf tells the quota class of an operation as Qlik's pages tell it.
func classOf(op qlik.Operation) qlik.Class {
	switch {
	case op.ID == "reloadApp" || op.ID == "cancelReload":
		return qlik.ClassReload
	case op.Method == "GET":
		return qlik.ClassRead
	}
	return qlik.ClassWrite
}
