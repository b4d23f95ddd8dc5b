package bridge

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/qlik"
)

// benchPlans returns one gathering plan for each of so many apps.
func benchPlans(apps int) []rules.Plan {
	plans := make([]rules.Plan, apps)
	for i := range plans {
		plans[i] = planOf("refresh", fmt.Sprint("app-", i), rules.Reload)
		plans[i].Gather = rules.Gather{Quiet: 30 * time.Second, Max: time.Hour}
		plans[i].Deadline = 10 * time.Hour
	}
	return plans
}

// benchScheduler returns a scheduler with the journal read, and its time.
func benchScheduler() (*Scheduler, time.Time) {
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	senses := Senses{Jitter: func() float64 { return 0.5 }, Clock: func(t time.Time) time.Time { return t }}
	s := NewScheduler(Names{Tenant: "acme", Epoch: 1}, DefaultLimits(), senses, now, Snapshot{})
	s.CaughtUp(now)
	return s, now
}

// feed admits events to the plans in turn, asking for commands after each and for
// what to write after every batch, as a term does.
func feed(s *Scheduler, now time.Time, plans []rules.Plan, first, n int) {
	for i := first; i < first+n; i++ {
		sequence := uint64(i + 1)
		s.Pass(sequence)
		s.Admit(now, Cause{Sequence: sequence, ID: "0b9f3c52-1c7d-4f0e", Time: now}, plans[i%len(plans)])
		s.Next(now)
		if i%1000 == 0 {
			s.Touched()
		}
	}
}

// BenchmarkEventAmong10000OpenRuns is one Admit and one Next.
func BenchmarkEventAmong10000OpenRuns(b *testing.B) {
	s, now := benchScheduler()
	plans := benchPlans(10_000)
	feed(s, now, plans, 0, len(plans))
	b.ReportAllocs()
	b.ResetTimer()
	feed(s, now, plans, len(plans), b.N)
}

// BenchmarkCallAmong10000OpenRuns is one reload from its call to its end.
func BenchmarkCallAmong10000OpenRuns(b *testing.B) {
	s, now := benchScheduler()
	s.limits.Quota = nil
	for _, window := range s.quota {
		window.rate = Rate{Calls: 1 << 30, Per: time.Nanosecond}
	}
	plans := benchPlans(10_000)
	for i := range plans {
		plans[i].Gather = rules.Gather{}
	}
	feedIdle := func(first, n int) {
		for i := first; i < first+n; i++ {
			sequence := uint64(i + 1)
			s.Admit(now, Cause{Sequence: sequence, ID: "e", Time: now}, plans[i%len(plans)])
		}
	}
	feedIdle(0, len(plans))
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		now = now.Add(time.Millisecond)
		command, _ := s.Next(now)
		s.Done(now, Report{Command: command, Sent: true, Began: now, Verdict: Verdict{Kind: VerdictDone}, Reload: &qlik.Reload{ID: command.Run, Status: qlik.ReloadSucceeded}})
		s.Touched()
		s.Told(command.Run)
		feedIdle(len(plans)+i, 1)
	}
}

// BenchmarkMillionEventsOverThousandApps reports events admitted each second.
func BenchmarkMillionEventsOverThousandApps(b *testing.B) {
	const million = 1_000_000
	plans := benchPlans(1000)
	for b.Loop() {
		s, now := benchScheduler()
		feed(s, now, plans, 0, million)
	}
	b.ReportMetric(million*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkWaitingRunsMemory reports what 100,000 waiting runs of different apps
// weigh.
func BenchmarkWaitingRunsMemory(b *testing.B) {
	const runs = 100_000
	plans := benchPlans(runs)
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		s, now := benchScheduler()
		feed(s, now, plans, 0, runs)
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/runs, "B/run")
		runtime.KeepAlive(s)
	}
}
