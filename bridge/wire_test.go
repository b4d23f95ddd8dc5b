package bridge_test

import (
	"net"
	"strings"
	"sync"
	"testing"
)

// A wire is the network between one gateway and the servers of a cluster, which can
// be cut.
type wire struct {
	mu        sync.Mutex
	listeners []net.Listener
	open      map[net.Conn]bool
	dead      bool
	to        string        // the one server that is reached; "" = all are
	stalled   chan struct{} // while it is set and open, nothing passes
}

// newWire listens in front of each server.
func newWire(t *testing.T, servers []string) *wire {
	t.Helper()
	w := &wire{open: map[net.Conn]bool{}}
	var running sync.WaitGroup
	for _, server := range servers {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		w.listeners = append(w.listeners, listener)
		running.Go(func() { w.accept(listener, strings.TrimPrefix(server, "nats://"), &running) })
	}
	t.Cleanup(func() {
		w.cut()
		for _, listener := range w.listeners {
			_ = listener.Close()
		}
		running.Wait()
	})
	return w
}

// url is where the gateway finds the cluster.
func (w *wire) url() string {
	var urls []string
	for _, listener := range w.listeners {
		urls = append(urls, "nats://"+listener.Addr().String())
	}
	return strings.Join(urls, ",")
}

func (w *wire) accept(listener net.Listener, server string, running *sync.WaitGroup) {
	for {
		near, err := listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", server)
		if err != nil || !w.leads(server) || !w.hold(near, far) {
			_ = near.Close()
			if far != nil {
				_ = far.Close()
			}
			continue
		}
		running.Go(func() { w.carry(near, far) })
		running.Go(func() { w.carry(far, near) })
	}
}

// only lets new connections through to one server, or to all again when it is "".
func (w *wire) only(server string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.to = strings.TrimPrefix(server, "nats://")
}

// leads says whether new connections to a server are let through.
func (w *wire) leads(server string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to == "" || w.to == server
}

// hold remembers both ends, unless the wire is cut.
func (w *wire) hold(ends ...net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, end := range ends {
		if !w.dead {
			w.open[end] = true
		}
	}
	return !w.dead
}

// carry copies one direction until an end is closed, and then closes both.
func (w *wire) carry(from, to net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer) // it ends when the wire is cut
		if stalled := w.stall(); stalled != nil {
			<-stalled
		}
		if _, wrong := to.Write(buffer[:n]); err != nil || wrong != nil {
			break
		}
	}
	_, _ = from.Close(), to.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.open, from)
}

// stall returns what to wait for before anything passes; nil when nothing is held up.
func (w *wire) stall() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stalled
}

// hang holds everything up until the returned function is called: the other end is
// there, and does not answer.
func (w *wire) hang() (release func()) {
	stalled := make(chan struct{})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stalled = stalled
	return sync.OnceFunc(func() { close(stalled) })
}

// cut breaks every connection and lets no new one through.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dead = true
	for end := range w.open {
		_ = end.Close()
	}
}

// mend lets connections through again.
func (w *wire) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dead = false
}
