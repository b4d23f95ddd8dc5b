package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// A gateway that comes to rest after work gives back the memory that the work took.
// Go would do so too late: one with nothing to do collects every two minutes, and the
// broker's buffers are free only after several collections.
const (
	restEvery   = 15 * time.Second
	restBelow   = 8 << 20 // bytes allocated since the last look by one that is at rest
	restCollect = 3       // collections that it owes after work
)

// A rester knows whether memory is to be given back.
type rester struct {
	allocated uint64 // in all, at the last look
	owed      int    // collections
}

// due takes in how many bytes were allocated in all, and says whether a collection is
// due: the gateway is at rest and owes one.
func (r *rester) due(allocated uint64) bool {
	busy := allocated-r.allocated > restBelow
	r.allocated = allocated
	if busy {
		r.owed = restCollect
		return false
	}
	if r.owed == 0 {
		return false
	}
	r.owed--
	return true
}

// giveBack gives memory back to the system whenever the gateway comes to rest, until
// ctx ends.
func giveBack(ctx context.Context) {
	tick := time.NewTicker(restEvery)
	defer tick.Stop()
	var r rester
	allocated := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if metrics.Read(allocated); r.due(allocated[0].Value.Uint64()) {
			debug.FreeOSMemory()
		}
	}
}
