package bridge

import (
	"slices"
	"time"

	"github.com/qlikgateway/gateway/qlik"
)

// A Block is a number of calls that a dispatcher set aside before it made the first
// of them, so that they count after a take-over though none is written down by
// itself, as looks at reloads are. A successor takes all of them for made.
type Block struct {
	Class qlik.Class `json:"class"`
	Calls int        `json:"calls"`
	Spent time.Time  `json:"spent,omitzero"` // when the last was made; zero = some may be left
}

// blocksOf is how many blocks of reads make one quota.
const blocksOf = 10

// blockSize is how many calls of a class are set aside at once: many reads, which
// are frequent; of other classes each call is written down.
func (s *Scheduler) blockSize(class qlik.Class) int {
	if class == qlik.ClassRead {
		return max(1, s.limits.Quota[class].Calls/blocksOf)
	}
	return 1
}

// setAside takes a call from the open block of its class, or opens another, which
// has to be written before the call is made. Calls of steps and cancels are in the
// records of their runs.
func (s *Scheduler) setAside(class qlik.Class, kind Kind, now time.Time) {
	if kind == KindCall || kind == KindCancel {
		return
	}
	if s.left[class] > 0 {
		s.left[class]--
		return
	}
	s.blocks = slices.DeleteFunc(s.blocks, func(b Block) bool {
		counts := s.limits.Quota[b.Class].Per + s.limits.late(b.Class)
		return !b.Spent.IsZero() && b.Spent.Add(counts).Before(now)
	})
	for i := range s.blocks {
		if b := &s.blocks[i]; b.Class == class && b.Spent.IsZero() {
			b.Spent = now
		}
	}
	s.blocks = append(s.blocks, Block{Class: class, Calls: s.blockSize(class)})
	s.left[class], s.opened = s.blockSize(class)-1, true
}

// SetAside returns the calls that were set aside when that changed since it was
// last asked for; otherwise nil.
func (s *Scheduler) SetAside() []Block {
	if !s.opened {
		return nil
	}
	s.opened = false
	return slices.Clone(s.blocks)
}

// recallBlocks counts what a predecessor set aside as called: at the latest, where
// it is not known when.
func (s *Scheduler) recallBlocks(blocks []Block, now time.Time) {
	for _, block := range blocks {
		if block.Spent.IsZero() || block.Spent.After(now) {
			block.Spent = now
		}
		for range block.Calls {
			s.quota[block.Class].add(block.Spent.Add(s.limits.late(block.Class)))
		}
		s.blocks = append(s.blocks, block)
	}
}
