package rules

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/tidwall/gjson"
)

// A Tree is a JSON value of which only what somebody looks at is read. Looking deeper
// than its own fields is not safe for concurrent use.
type Tree struct {
	raw    []byte // without space around it
	fields []Field
	split  bool
}

// A Field is one key of a JSON object with its value, which was not read further.
type Field struct {
	Key   string
	Value []byte // as sent, without space around it
	tree  *Tree
}

// Valid reports whether a body is JSON, as json.Valid does, in less time. A body that
// nests without end is none: to read it would take a stack of 250 times its size.
func Valid(body []byte) bool { return !Deeper(body, deepest) && gjson.ValidBytes(body) }

// ReadTree reads a body; false when it is not JSON.
func ReadTree(body []byte) (*Tree, bool) {
	if !Valid(body) {
		return nil, false
	}
	return &Tree{raw: bytes.TrimSpace(body)}, true
}

// Fields splits a JSON object into its fields, in their order; one key may come more
// than once. It returns false when the body is not JSON, or no object.
func Fields(body []byte) ([]Field, bool) {
	tree, ok := ReadTree(body)
	if !ok || tree.raw[0] != '{' {
		return nil, false
	}
	tree.open()
	return tree.fields, true
}

// open splits an object or an array, whose keys are empty.
func (t *Tree) open() {
	if t.split {
		return
	}
	t.split = true
	parsed := gjson.ParseBytes(t.raw)
	if !parsed.IsObject() && !parsed.IsArray() {
		return
	}
	t.fields = make([]Field, 0, 8)
	parsed.ForEach(func(key, value gjson.Result) bool {
		var name string
		if parsed.IsObject() {
			name, _ = Text([]byte(key.Raw))
		}
		end := value.Index + len(value.Raw)
		t.fields = append(t.fields, Field{Key: name, Value: t.raw[value.Index:end:end]})
		return true
	})
}

// At returns the value of a key of an object, or of an index of an array, as decimal;
// nil when there is none, and of nil. Of a key that comes twice, the last one counts.
func (t *Tree) At(key string) *Tree {
	if t == nil {
		return nil
	}
	if _, err := strconv.Atoi(key); err != nil && t.raw[0] == '[' {
		return nil // without splitting what has no keys
	}
	t.open()
	at := t.find(key)
	if at < 0 {
		return nil
	}
	field := &t.fields[at]
	if field.tree == nil {
		field.tree = &Tree{raw: field.Value}
	}
	return field.tree
}

func (t *Tree) find(key string) int {
	if t.raw[0] == '[' {
		at, err := strconv.Atoi(key)
		if err != nil || at < 0 || at >= len(t.fields) {
			return -1
		}
		return at
	}
	for i := len(t.fields) - 1; i >= 0; i-- {
		if t.fields[i].Key == key {
			return i
		}
	}
	return -1
}

// Narrow reports whether the value is an object of at most so many fields. It reads no
// more of them, and keeps none.
func (t *Tree) Narrow(most int) bool {
	fields := 0
	gjson.ParseBytes(t.raw).ForEach(func(_, _ gjson.Result) bool {
		fields++
		return fields <= most
	})
	return t.raw[0] == '{' && fields <= most
}

// Raw returns the value as sent; nil of nil. Its first byte says what it is.
func (t *Tree) Raw() []byte {
	if t == nil {
		return nil
	}
	return t.raw
}

// Items returns the values of an array; nil when it is none.
func (t *Tree) Items() [][]byte {
	if t == nil || t.raw[0] != '[' {
		return nil
	}
	t.open()
	items := make([][]byte, len(t.fields))
	for i, field := range t.fields {
		items[i] = field.Value
	}
	return items
}

// Data returns the value as ReadData does.
func (t *Tree) Data(contentType string) any {
	if t.raw[0] != '{' {
		return DecodeData(contentType, t.raw)
	}
	t.open()
	return newObject(t.fields, t.raw)
}

// Text returns the text of a JSON string.
func Text(quoted []byte) (string, bool) {
	if len(quoted) < 2 || quoted[0] != '"' {
		return "", false
	}
	for _, c := range quoted[1 : len(quoted)-1] {
		if c == '\\' || c >= 0x80 || c < ' ' || c == '"' {
			var text string
			err := json.Unmarshal(quoted, &text)
			return text, err == nil
		}
	}
	return string(quoted[1 : len(quoted)-1]), true
}
