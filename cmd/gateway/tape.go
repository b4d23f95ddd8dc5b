package main

import (
	"io"
	"sync"
)

// tapeMost is how many bytes of a log may wait; who logs more waits as well.
const tapeMost = 1 << 20

// A tape writes a log behind those who log: what is said while a line is written goes
// out with the next ones in one write. When little is said, nothing waits.
type tape struct {
	out io.Writer

	mu    sync.Mutex
	moved *sync.Cond // something was said, or was written, or the tape ended
	lines []byte     // said, and not yet being written
	ended bool
	done  chan struct{}
}

func newTape(out io.Writer) *tape {
	t := &tape{out: out, done: make(chan struct{})}
	t.moved = sync.NewCond(&t.mu)
	go t.run()
	return t
}

// Write takes lines. After the tape has ended it writes them itself.
func (t *tape) Write(lines []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.lines) >= tapeMost && !t.ended {
		t.moved.Wait()
	}
	if t.ended {
		return t.out.Write(lines)
	}
	t.lines = append(t.lines, lines...)
	t.moved.Broadcast()
	return len(lines), nil
}

// run writes what was said until the tape ends.
func (t *tape) run() {
	defer close(t.done)
	var spare []byte
	t.mu.Lock()
	defer t.mu.Unlock()
	for !t.ended || len(t.lines) > 0 {
		if len(t.lines) == 0 {
			t.moved.Wait()
			continue
		}
		writing := t.lines
		t.lines = spare[:0]
		t.mu.Unlock()
		_, _ = t.out.Write(writing) // a log that cannot be written has nobody to tell
		spare = writing
		t.mu.Lock()
		t.moved.Broadcast()
	}
}

// end returns when all that was said is written.
func (t *tape) end() {
	t.mu.Lock()
	t.ended = true
	t.moved.Broadcast()
	t.mu.Unlock()
	<-t.done
}
