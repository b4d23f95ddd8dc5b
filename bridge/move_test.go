package bridge_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/qlikgateway/gateway/events/broker"
)

// TestMoveToAnExternalClusterLosesNothing does what docs/deployment.md says of the move
// from the embedded store to a cluster of three, while senders go on: the door is closed,
// what is open ends, the configuration gets the cluster's address, the door opens.
func TestMoveToAnExternalClusterLosesNothing(t *testing.T) {
	t.Parallel()
	c := newChaos(t, rand.New(rand.NewPCG(13, 14)))
	gateway := c.embedded()
	gateway.start()
	_, stop := c.sending()
	c.pass(2*time.Second, 3*time.Second)
	c.door.Lock()
	gateway.drain()
	gateway.terminate()
	outcomes, journal := c.records()

	var urls []string
	for _, s := range natsCluster(t) {
		urls = append(urls, s.ClientURL())
	}
	embedded := fmt.Sprintf("data_dir: %q", c.where.DataDir)
	c.where = broker.Config{URL: strings.Join(urls, ","), Replicas: 3, JournalBytes: 256 << 20}
	text, err := os.ReadFile(gateway.config)
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.Replace(text, []byte(embedded), fmt.Appendf(nil, "url: %q, replicas: 3, journal_bytes: %d", c.where.URL, c.where.JournalBytes), 1)
	if err := os.WriteFile(gateway.config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	gateway.start()
	c.door.Unlock()
	c.asked()
	c.pass(2*time.Second, 3*time.Second)
	stop()
	gateway.drain()
	gateway.kill()
	c.judgeMove(outcomes, journal)
}

// judgeMove holds what was promised against two stores, of which the first was left.
func (c *chaos) judgeMove(before []chaosOutcome, left map[uint64]string) {
	c.t.Helper()
	after, journal := c.records()
	old, all := slices.Collect(maps.Values(left)), c.accepted
	for _, id := range journal {
		if slices.Contains(old, id) {
			c.t.Errorf("I1: %s is in both stores", id)
		}
	}
	lost, doubled := 0, 0
	for _, part := range []struct {
		outcomes []chaosOutcome
		journal  map[uint64]string
		first    bool
	}{{before, left, true}, {after, journal, false}} {
		c.accepted = map[string]string{}
		for id, rule := range all {
			if slices.Contains(old, id) == part.first {
				c.accepted[id] = rule
			}
		}
		if len(c.accepted) == 0 {
			c.t.Error("nothing was accepted before the move, or after it: this shows nothing")
		}
		gone, twice := c.judgeEvents(part.outcomes, part.journal)
		lost, doubled = lost+gone, doubled+twice
	}
	outcomes := append(before, after...)
	c.judgeIDs(outcomes)
	started, untold := c.judgeReloads(outcomes)
	c.t.Logf("events answered 202 before the move %d, after it %d, lost %d, in two runs %d, reloads %d, started twice %d, not told %d",
		len(left), len(journal), lost, doubled, len(c.tenant.State().Reloads), started, untold)
}
