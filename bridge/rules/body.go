package rules

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"sync"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// ReadData is DecodeData for an event that rules look at: of an object, only what they
// look at is decoded, when they do.
func ReadData(contentType string, body []byte) any {
	trimmed := bytes.TrimSpace(body)
	if len(trimmed) == 0 || trimmed[0] != '{' {
		return DecodeData(contentType, body)
	}
	tree, ok := ReadTree(trimmed)
	if !ok {
		return nil
	}
	return tree.Data(contentType)
}

func newObject(fields []Field, text []byte) *object {
	return &object{fields: fields, whole: sync.OnceValue(func() traits.Mapper {
		all, ok := DecodeData("", text).(map[string]any)
		if !ok { // it nests deeper than encoding/json reads
			all = map[string]any{}
		}
		return types.DefaultTypeAdapter.NativeToValue(all).(traits.Mapper)
	})}
}

// An object is a JSON object that CEL sees as a map. A key that is asked for is
// decoded by itself; whatever else is done with it decodes all of it.
type object struct {
	fields []Field
	whole  func() traits.Mapper
}

// MarshalJSON writes the object as DecodeData gives it.
func (o *object) MarshalJSON() ([]byte, error) { return json.Marshal(o.Value()) }

// Find implements traits.Mapper. Of a key that comes twice, the last one counts.
func (o *object) Find(key ref.Val) (ref.Val, bool) {
	name, ok := key.(types.String)
	if !ok {
		return o.whole().Find(key)
	}
	for i := len(o.fields) - 1; i >= 0; i-- {
		if o.fields[i].Key == string(name) {
			return types.DefaultTypeAdapter.NativeToValue(o.fields[i].decode()), true
		}
	}
	return nil, false
}

// decode returns the value as DecodeData gives it.
func (f Field) decode() any {
	switch c := f.Value[0]; {
	case c == '"':
		text, _ := Text(f.Value) // it is one: the whole body was read
		return text
	case c == 't', c == 'f':
		return c == 't'
	case c == '-' || c >= '0' && c <= '9':
		return number(string(f.Value))
	}
	return DecodeData("", f.Value)
}

// Get implements traits.Indexer.
func (o *object) Get(key ref.Val) ref.Val {
	if value, ok := o.Find(key); ok {
		return value
	}
	return o.whole().Get(key)
}

// Contains implements traits.Container.
func (o *object) Contains(key ref.Val) ref.Val {
	if _, ok := key.(types.String); !ok {
		return o.whole().Contains(key)
	}
	_, found := o.Find(key)
	return types.Bool(found)
}

// ConvertToNative implements ref.Val.
func (o *object) ConvertToNative(to reflect.Type) (any, error) { return o.whole().ConvertToNative(to) }

// ConvertToType implements ref.Val.
func (o *object) ConvertToType(to ref.Type) ref.Val { return o.whole().ConvertToType(to) }

// Equal implements ref.Val.
func (o *object) Equal(other ref.Val) ref.Val {
	if same, ok := other.(*object); ok {
		other = same.whole()
	}
	return o.whole().Equal(other)
}

// Type implements ref.Val.
func (o *object) Type() ref.Type { return types.MapType }

// Value implements ref.Val.
func (o *object) Value() any { return o.whole().Value() }

// Iterator implements traits.Iterable.
func (o *object) Iterator() traits.Iterator { return o.whole().Iterator() }

// Size implements traits.Sizer.
func (o *object) Size() ref.Val { return o.whole().Size() }

// String shows the object as DecodeData gives it.
func (o *object) String() string { return fmt.Sprint(o.Value()) }

// Fold implements traits.Foldable.
func (o *object) Fold(folder traits.Folder) { o.whole().(traits.Foldable).Fold(folder) }

// IsZeroValue implements traits.Zeroer.
func (o *object) IsZeroValue() bool { return len(o.fields) == 0 }

// AggregateSize implements types.AggregateSizeVisitor, by which CEL counts its work.
func (o *object) AggregateSize(sizer types.AggregateSizer) uint32 {
	return o.whole().(types.AggregateSizeVisitor).AggregateSize(sizer)
}
