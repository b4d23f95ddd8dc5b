package rules

import (
	"reflect"
	"testing"
)

// A plan that differs in one field, whichever it is, must not stand for another.
func TestPlansThatDifferInAnyFieldAreNotEqual(t *testing.T) {
	t.Parallel()
	if a, b := full(), full(); !a.Equal(b) {
		t.Fatal("two plans made alike are not equal")
	}
	fields := 0
	var each func(at func(*Plan) reflect.Value, name string)
	each = func(at func(*Plan) reflect.Value, name string) {
		value := at(full())
		switch value.Kind() {
		case reflect.Struct:
			for i := range value.NumField() {
				each(func(p *Plan) reflect.Value { return at(p).Field(i) }, name+"."+value.Type().Field(i).Name)
			}
			return
		case reflect.Pointer:
			each(func(p *Plan) reflect.Value { return at(p).Elem() }, name)
		case reflect.Slice:
			each(func(p *Plan) reflect.Value { return at(p).Index(0) }, name+"[0]")
		}
		fields++
		changed := full()
		at(changed).SetZero()
		if changed.Equal(full()) || full().Equal(changed) {
			t.Errorf("a plan without %s is equal to one with it", name)
		}
	}
	each(func(p *Plan) reflect.Value { return reflect.ValueOf(p).Elem() }, "plan")
	if fields < 30 {
		t.Errorf("%d fields were tried", fields)
	}
}

// full returns a plan with something in every field.
func full() *Plan {
	plan := &Plan{}
	fill(reflect.ValueOf(plan).Elem())
	return plan
}

func fill(value reflect.Value) {
	switch value.Kind() {
	case reflect.Struct:
		for i := range value.NumField() {
			fill(value.Field(i))
		}
	case reflect.Pointer:
		value.Set(reflect.New(value.Type().Elem()))
		fill(value.Elem())
	case reflect.Slice:
		value.Set(reflect.MakeSlice(value.Type(), 1, 1))
		fill(value.Index(0))
	case reflect.Map:
		element := reflect.New(value.Type().Elem()).Elem()
		fill(element)
		value.Set(reflect.MakeMap(value.Type()))
		value.SetMapIndex(reflect.ValueOf("x").Convert(value.Type().Key()), element)
	case reflect.String:
		value.SetString("x")
	case reflect.Bool:
		value.SetBool(true)
	case reflect.Interface:
		value.Set(reflect.ValueOf("x"))
	default:
		value.SetInt(1)
	}
}
