package bridge

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
)

// waitingRun is a run of one event that has called nothing.
func waitingRun(s *Scheduler, now time.Time) *Run {
	plan := planOf("refresh", "app", rules.Reload, rules.Copy)
	plan.Gather.None = true
	id, _ := s.Admit(now, Cause{Sequence: 300, ID: "e-1", Source: "dbt", Time: now, Trace: "00-1", Revision: 4, Hops: 2}, plan)
	return s.tasks[id].run()
}

func TestNoFieldOfARunIsLostByFolding(t *testing.T) {
	t.Parallel()
	s, now := benchScheduler()
	run := waitingRun(s, now)
	run.Cursor = 300
	if f := run.fold(); f == nil || !reflect.DeepEqual(f.unfold(&Run{Steps: make([]StepRecord, 7)}), run) {
		t.Fatalf("a waiting run is folded to %+v", f)
	}
	fields := 0
	var each func(value reflect.Value, name string)
	each = func(value reflect.Value, name string) {
		if value.Kind() == reflect.Struct && value.Type() != reflect.TypeFor[time.Time]() {
			for i := range value.NumField() {
				each(value.Field(i), name+"."+value.Type().Field(i).Name)
			}
			return
		}
		fields++
		before := reflect.New(value.Type()).Elem()
		before.Set(value)
		value.Set(another(value))
		if f := run.fold(); f != nil && !reflect.DeepEqual(f.unfold(&Run{}), run) {
			t.Errorf("what is in %s is lost", name)
		}
		value.Set(before)
	}
	each(reflect.ValueOf(run).Elem(), "Run")
	each(reflect.ValueOf(&run.Steps[1]).Elem(), "Step")
	if fields < 60 {
		t.Errorf("only %d fields were tried", fields)
	}
}

// another returns another value than the given one.
func another(value reflect.Value) reflect.Value {
	other := reflect.New(value.Type()).Elem()
	switch value.Kind() {
	case reflect.String:
		other.SetString(value.String() + "x")
	case reflect.Int, reflect.Int64:
		other.SetInt(value.Int() + 1)
	case reflect.Uint64:
		other.SetUint(value.Uint() + 1)
	case reflect.Bool:
		other.SetBool(!value.Bool())
	case reflect.Map:
		other.Set(reflect.MakeMap(value.Type()))
	case reflect.Slice:
		other.Set(reflect.MakeSlice(value.Type(), value.Len()+1, value.Len()+1))
	case reflect.Pointer:
		other.Set(reflect.New(value.Type().Elem()))
	case reflect.Struct:
		other.Set(reflect.ValueOf(value.Interface().(time.Time).Add(time.Hour)))
	default:
		panic(fmt.Sprint("a field of kind ", value.Kind()))
	}
	return other
}

func TestManyWaitingRunsAreFoldedAndShownAsTheyAre(t *testing.T) {
	t.Parallel()
	s, now := benchScheduler()
	plans := benchPlans(2 * manyRuns)
	feed(s, now, plans, 0, len(plans))
	s.Touched()
	if s.spread.fold(len(s.tasks)); len(s.spread.tasks) > 0 {
		t.Errorf("%d runs are still to be folded", len(s.spread.tasks))
	}
	before := shownAs(t, s, now)
	for id, task := range s.tasks {
		if task.folded == nil {
			t.Fatalf("run %s is not folded", id)
		}
	}
	for _, task := range s.tasks {
		task.run()
	}
	if after := shownAs(t, s, now); after != before {
		t.Errorf("folded runs are shown as %.300s, others as %.300s", before, after)
	}
	if s.Touched(); len(s.spread.tasks) > 0 {
		t.Errorf("%d runs stay as they are", len(s.spread.tasks))
	}
	feed(s, now, plans, len(plans), len(plans))
	for _, run := range s.Touched() {
		if run.Causes.Count != 2 || !strings.HasPrefix(run.Causes.Head[0], "0b9f3c52") {
			t.Fatalf("a second event made it a run of %d: %v", run.Causes.Count, run.Causes.Head)
		}
	}
}

func shownAs(t *testing.T, s *Scheduler, now time.Time) string {
	t.Helper()
	text, err := json.Marshal(s.Status(now))
	if err != nil {
		t.Fatal(err)
	}
	return string(text) + fmt.Sprint(s.Needs())
}
