package bridge

import (
	"flag"
	"fmt"
	"maps"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/qlikgateway/gateway/qlik"
)

var (
	histories = flag.Int("histories", 5000, "how many random histories of the scheduler to try")
	historyOf = flag.Uint64("history", 0, "the seed of the one history to repeat")
	firstSeed = flag.Uint64("history.first", 1, "the seed of the first history")
)

// enoughForCoverage is how many histories must have taken every move of the state
// machine.
const enoughForCoverage = 20_000

// TestNoHistoryLosesOrDoublesAStart runs random histories of events, verdicts,
// faults, crashes, displaced dispatchers and clocks, and holds the invariants I1 to
// I7 and I9 after every step.
func TestNoHistoryLosesOrDoublesAStart(t *testing.T) {
	t.Parallel()
	first, n := *firstSeed, *histories
	if *historyOf != 0 {
		first, n = *historyOf, 1
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // short-lived worlds: collect them less often
	began := time.Now()
	moves, failures := tryHistories(first, n, honest)
	for _, failure := range failures {
		t.Errorf("%s\nrepeat with: go test ./bridge -run NoHistory -history=%d", failure.text, failure.seed)
	}
	t.Logf("%d histories in %s", n, time.Since(began).Round(time.Millisecond))
	never := report(t, moves)
	if n >= enoughForCoverage && len(never) > 0 {
		t.Errorf("no history takes the moves %s", strings.Join(never, ", "))
	}
}

// report prints how often each move of the state machine was taken, and returns
// those that never were.
func report(t *testing.T, moves map[string]int) (never []string) {
	t.Helper()
	for _, from := range slices.Sorted(maps.Keys(runMoves)) {
		for _, to := range runMoves[from] {
			never = append(never, string(from)+" -> "+string(to))
		}
	}
	for _, from := range slices.Sorted(maps.Keys(stepMoves)) {
		for _, to := range stepMoves[from] {
			never = append(never, string(from)+" -> "+string(to))
		}
	}
	for _, move := range never {
		t.Logf("%-24s %d", move, moves[move])
	}
	return slices.DeleteFunc(never, func(move string) bool { return moves[move] > 0 })
}

// A failure is a history in which an invariant does not hold.
type failure struct {
	seed            uint64
	invariant, text string
}

// tryHistories runs histories on all cores, until a few have failed.
func tryHistories(first uint64, n int, broken mutation) (map[string]int, []failure) {
	var mutex sync.Mutex
	moves := map[string]int{}
	var failures []failure
	var next, failed atomic.Uint64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			mine := map[[2]string]int{}
			for {
				i := next.Add(1) - 1
				if i >= uint64(n) || failed.Load() > 2 {
					break
				}
				if f := tryHistory(first+i, broken, mine); f != nil {
					failed.Add(1)
					mutex.Lock()
					failures = append(failures, *f)
					mutex.Unlock()
				}
			}
			mutex.Lock()
			defer mutex.Unlock()
			for move, count := range mine {
				moves[move[0]+" -> "+move[1]] += count
			}
		})
	}
	workers.Wait()
	return moves, failures
}

// tryHistory runs one history, and says what is wrong with it.
func tryHistory(seed uint64, broken mutation, moves map[[2]string]int) (f *failure) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case violation:
			f = &failure{seed, p.invariant, p.invariant + ": " + p.text}
		default:
			f = &failure{seed, "panic", fmt.Sprintf("panic: %v\n%s", p, debug.Stack())}
		}
	}()
	w := newWorld(seed, broken, func(from, to string) {
		moves[[2]string{from, to}]++
		if *historyOf != 0 {
			fmt.Printf("             %s -> %s\n", from, to)
		}
	})
	steps := 50 + w.IntN(20)
	for i := range steps {
		if i == steps/2 && w.crashes == 0 {
			w.crash()
		}
		w.step()
		w.invariants()
	}
	w.settle()
	w.reckon()
	return nil
}

// step does one random thing.
func (w *world) step() {
	switch n := w.IntN(41); {
	case n < 9:
		w.arrive(w.plans[w.IntN(len(w.plans))])
	case n < 24:
		for range 1 + w.IntN(4) {
			w.actSomewhere()
		}
	case n < 31:
		w.pass(w.seconds(40))
	case n < 32:
		w.pass([]time.Duration{w.seconds(600), w.seconds(600), afterwards}[w.IntN(3)])
	case n < 34:
		w.weather()
	case n < 35:
		w.tenant.somebody(w.plans[w.IntN(len(w.plans))].Steps[0].Args.App)
	case n < 37:
		w.push()
	case n < 38:
		w.ask()
	case n < 39:
		w.askToPause()
	case n < 40:
		w.keep()
	default:
		if len(w.old) < 2 {
			w.displace()
		}
	}
	w.live.pump()
}

// actSomewhere carries a command a little further, now and then one of a process
// that does not know that it was displaced.
func (w *world) actSomewhere() {
	p := w.live
	if len(w.old) > 0 && w.chance(4) {
		p = w.old[w.IntN(len(w.old))]
		defer p.pump()
	}
	if len(p.flying) > 0 {
		p.act(p.flying[w.IntN(len(p.flying))])
	}
	w.live.pump()
}

// weather changes how the tenant, its breaker and the journal's clock stand.
func (w *world) weather() {
	switch w.IntN(4) {
	case 0:
		w.tenant.down = w.chance(3)
	case 1:
		w.tenant.locked = false
	case 2:
		w.live.breaker(w.tenant.down || w.chance(3))
	case 3:
		w.skew = []time.Duration{0, 0, time.Second, -time.Second, time.Hour}[w.IntN(5)]
	}
	if w.chance(20) && len(w.tenant.reloads) > 0 {
		w.tenant.reloads[w.IntN(len(w.tenant.reloads))].gone = true
	}
}

// push tells the scheduler of reloads that ended: some early, some twice, some that
// are not ours.
func (w *world) push() {
	if n := len(w.tenant.reloads); n > 0 {
		reload := w.tenant.reloads[w.IntN(n)].Reload
		w.live.s.Settled(w.live.now(), reload)
		if w.chance(2) {
			w.hearsay(reload.ID)
		}
		return
	}
	w.live.s.Settled(w.live.now(), qlik.Reload{ID: "unknown"})
}

// ask is what a person asks for.
func (w *world) ask() {
	ids := slices.Sorted(maps.Keys(w.live.s.tasks))
	if len(ids) == 0 {
		return
	}
	id := ids[w.IntN(len(ids))]
	if w.live.s.tasks[id].run().State != RunHeld {
		if w.chance(4) {
			_ = w.live.s.Cancel(w.live.now(), id)
		}
		return
	}
	as := []string{ResolveSucceeded, ResolveFailed, ResolveRetry}[w.IntN(3)]
	if w.chance(4) {
		_ = w.live.s.Cancel(w.live.now(), id)
	} else if w.live.s.Resolve(w.live.now(), id, as, "app-by-hand") == nil {
		w.byHand[id] = true
	}
}
