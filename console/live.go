package console

import (
	"context"
	"sync"
	"time"
)

const (
	calm      = time.Second      // changes are told no more often than this
	heartbeat = 15 * time.Second // and something is told at least this often: times on pages grow old
)

// A crowd is everybody who wants to hear something live. Who is too slow to listen
// misses what was said; nobody waits for it.
type crowd[T any] struct {
	mu      sync.Mutex
	members map[chan T]bool
	closed  bool
}

// join returns what is said from now on, until leave is called or the crowd is
// dissolved, when the channel is closed.
func (c *crowd[T]) join(room int) (heard <-chan T, leave func()) {
	ears := make(chan T, room)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		close(ears)
		return ears, func() {}
	}
	if c.members == nil {
		c.members = map[chan T]bool{}
	}
	c.members[ears] = true
	return ears, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.members, ears)
	}
}

func (c *crowd[T]) say(what T) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for ears := range c.members {
		select {
		case ears <- what:
		default:
		}
	}
}

// dissolve ends everybody's listening.
func (c *crowd[T]) dissolve() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for ears := range c.members {
		close(ears)
	}
	clear(c.members)
}

// nudge notes that something changed; it never blocks.
func (c *Console) nudge() {
	select {
	case c.nudged <- struct{}{}:
	default:
	}
}

// tellChanges tells open pages that something changed, calmly, until ctx ends.
func (c *Console) tellChanges(ctx context.Context) {
	defer c.watchers.dissolve()
	tick := time.NewTicker(calm)
	defer tick.Stop()
	told := time.Now()
	pending := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.nudged:
			pending = true
		case now := <-tick.C:
			busy := c.open() > 0 && now.Sub(told) >= 2*calm // bars move
			if pending || busy || now.Sub(told) >= heartbeat {
				c.watchers.say(struct{}{})
				told, pending = now, false
			}
		}
	}
}
