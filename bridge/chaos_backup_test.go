package bridge_test

import (
	"context"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/qlikgateway/gateway/bridge"
	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events/broker"
)

// TestBackupUnderLoadIsRestored takes a backup while senders send and reloads run,
// lets the gateway go on, kills it, and puts the backup back. What had been accepted
// before the backup ends once, and no step starts a second reload, though the backup
// knows nothing of those started after it.
func TestBackupUnderLoadIsRestored(t *testing.T) {
	t.Parallel()
	c := newChaos(t, rand.New(rand.NewPCG(11, 12)))
	gateway := c.embedded()
	gateway.start()
	send, stop := c.sending()
	c.pass(2*time.Second, 3*time.Second)
	c.mu.Lock()
	before := maps.Clone(c.accepted)
	c.mu.Unlock()
	file := filepath.Join(c.folder, "gateway.tar")
	c.gap.from = time.Now()
	began := time.Now()
	c.command("backup", file, "--server", gateway.address())
	t.Logf("the backup took %s", time.Since(began).Round(time.Millisecond))
	c.pass(2*time.Second, 3*time.Second)
	stop()
	gateway.kill()

	told, _ := c.records()
	called := c.calledSteps(map[string]map[string]bool{})
	if err := os.Rename(c.where.DataDir, c.where.DataDir+".lost"); err != nil {
		t.Fatal(err)
	}
	c.command("restore", file, "--config", gateway.config)
	outcomes, journal := c.records()
	kept := map[string]bool{}
	for _, id := range journal {
		kept[id] = true
	}
	for id := range before {
		if !kept[id] {
			t.Errorf("I1: %s was accepted before the backup and is not in it", id)
		}
	}
	gone := 0
	for id := range c.accepted {
		if !kept[id] {
			delete(c.accepted, id)
			gone++
		}
	}
	t.Logf("the backup has %d outcomes of the %d that were told, and %d events of %d", len(outcomes), len(told), len(journal), len(journal)+gone)
	if gone == 0 || len(outcomes) >= len(told) {
		t.Error("nothing happened after the backup: this shows nothing")
	}
	c.gap.to = time.Now()
	gateway.start()
	send()
	c.pass(2*time.Second, 3*time.Second)
	stop()
	c.resolveHeld(gateway)
	gateway.drain()
	gateway.kill()
	outcomes, journal = c.records()
	lost, twice := c.judgeEvents(outcomes, journal)
	known := map[string]bool{}
	for _, outcome := range outcomes {
		known[outcome.ID] = true
	}
	c.judgeIDs(outcomes)
	all := append(outcomes, slices.DeleteFunc(told, func(o chaosOutcome) bool { return known[o.ID] })...)
	doubled, untold := c.judgeReloads(all)
	c.judgeNumbers(c.calledSteps(called))
	t.Logf("events answered 202 and in the backup or after it %d, lost %d, in two runs %d, reloads %d, started twice %d, not told %d",
		len(c.accepted), lost, twice, len(c.tenant.State().Reloads), doubled, untold)
}

// calledSteps adds the steps that a stopped gateway's ledger says have called a reload
// of an app to those known before.
func (c *chaos) calledSteps(known map[string]map[string]bool) map[string]map[string]bool {
	b, err := broker.Open(c.t.Context(), c.where, zerolog.Nop())
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = b.Close(context.Background()) }()
	ledger, err := bridge.OpenLedger(c.t.Context(), b.JetStream(), b.Names().Ledger)
	if err != nil {
		c.t.Fatal(err)
	}
	runs, err := ledger.Runs(c.t.Context(), bridge.RunQuery{Limit: 10_000})
	if err != nil {
		c.t.Fatal(err)
	}
	for _, run := range runs {
		for i, step := range run.Plan.Steps {
			if step.Action != rules.Reload || run.Steps[i].Tried == 0 {
				continue
			}
			if known[step.Args.App] == nil {
				known[step.Args.App] = map[string]bool{}
			}
			known[step.Args.App][run.ID+"/"+strconv.Itoa(i)] = true
		}
	}
	return known
}

// judgeNumbers: whoever started which of them, an app has no more reloads than steps
// that called for one, before the store was lost or after it was put back (I2).
func (c *chaos) judgeNumbers(called map[string]map[string]bool) {
	reloads := map[string]int{}
	for _, reload := range c.tenant.State().Reloads {
		reloads[reload.AppID]++
	}
	for app, number := range reloads {
		if steps := len(called[app]); number > steps {
			c.t.Errorf("I2: app %s has %d reloads of %d steps", app, number, steps)
		}
	}
}

// resolveHeld does as a person would who has looked, until no run is open: has every
// publish called again whose effect nobody can know, and takes a reload as made when
// several of the app may be it.
func (c *chaos) resolveHeld(gateway *replica) {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for timeout := time.After(4 * time.Minute); ; {
		select {
		case <-tick.C:
		case <-timeout:
			c.t.Fatal("runs do not end")
		}
		var held struct {
			Data []struct {
				ID    string
				Steps []struct{ Action, State string }
			}
		}
		if err := json.Unmarshal([]byte(gateway.open("held")), &held); err != nil {
			c.t.Fatal(err)
		}
		for _, run := range held.Data {
			as := "retry"
			for _, step := range run.Steps {
				if step.Action == "reload" && step.State == "unknown" {
					as = "succeeded"
				}
			}
			c.command("runs", "resolve", run.ID, "--as", as, "--server", gateway.address())
		}
		if len(held.Data) == 0 && gateway.open("gathering")+gateway.open("ready")+gateway.open("running") == `{"data":[]}{"data":[]}{"data":[]}` {
			return
		}
	}
}

// sending starts a sender, and returns how to start it again and how to stop it.
func (c *chaos) sending() (start, stop func()) {
	var sender sync.WaitGroup
	var cancel context.CancelFunc
	start = func() {
		var ctx context.Context
		ctx, cancel = context.WithCancel(c.t.Context())
		sender.Go(func() { c.sendUntil(ctx) })
	}
	start()
	return start, func() {
		cancel()
		sender.Wait()
	}
}

// command runs another command of the gateway's program.
func (c *chaos) command(args ...string) {
	c.t.Helper()
	command := exec.Command(c.binary, args...)
	command.Env = append(os.Environ(), "CHAOS_SECRET="+chaosSecret)
	if out, err := command.CombinedOutput(); err != nil {
		c.t.Fatalf("gateway %v: %v\n%s", args, err, out)
	} else {
		c.t.Logf("%s", out)
	}
}

// address is the address of the gateway's console.
func (r *replica) address() string { return "http://127.0.0.1:" + strconv.Itoa(r.console) }
