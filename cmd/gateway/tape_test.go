package main

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
)

// A gatekeeper lets each write through when it is told to.
type gatekeeper struct {
	bytes.Buffer
	open   chan struct{}
	writes int
}

func (g *gatekeeper) Write(p []byte) (int, error) {
	<-g.open
	g.writes++
	return g.Buffer.Write(p)
}

func TestLogIsWrittenWholeAndInOrderInFewerWrites(t *testing.T) {
	t.Parallel()
	out := &gatekeeper{open: make(chan struct{})}
	log := newTape(out)
	var want strings.Builder
	for i := range 1000 {
		line := fmt.Sprintf("line %d\n", i)
		want.WriteString(line)
		_, _ = log.Write([]byte(line))
	}
	close(out.open)
	log.end()
	_, _ = log.Write([]byte("after\n"))
	if out.String() != want.String()+"after\n" {
		t.Errorf("written: %q", out.String())
	}
	if out.writes > 4 {
		t.Errorf("%d writes", out.writes)
	}
}

func TestLogThatIsReadSlowlyTakesNoMoreMemory(t *testing.T) {
	t.Parallel()
	out := &gatekeeper{open: make(chan struct{})}
	log := newTape(out)
	line := append(bytes.Repeat([]byte("x"), 1023), '\n')
	var talking sync.WaitGroup
	for range 8 {
		talking.Go(func() {
			for range 1024 {
				_, _ = log.Write(line)
			}
		})
	}
	for range 4 {
		out.open <- struct{}{}
		log.mu.Lock()
		if len(log.lines) > tapeMost+len(line) {
			t.Errorf("%d bytes wait", len(log.lines))
		}
		log.mu.Unlock()
	}
	close(out.open)
	talking.Wait()
	log.end()
	if out.Len() != 8<<20 {
		t.Errorf("%d bytes were written", out.Len())
	}
}
