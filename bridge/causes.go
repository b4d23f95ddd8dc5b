package bridge

import (
	"encoding/binary"
	"slices"
	"strings"
)

// maxCauses closes a run's gathering: later triggers open the next run.
const maxCauses = 50_000

// maxCallbacks closes it as well, so that a record fits a message.
const maxCallbacks = 50

// causeIDs is how many event ids are kept by name at each end of a run's causes.
const causeIDs = 100

// longestID bounds each of these ids: what a sender chooses must not make records
// and outcomes larger than the broker takes.
const longestID = 128

// Causes are the events that a run is carried out for: every journal sequence,
// exactly, and the ids of the first and last hundred.
type Causes struct {
	Count int      `json:"count"`
	Last  uint64   `json:"last"`           // sequence of the newest
	Delta []byte   `json:"delta"`          // uvarints: the first sequence, then the distance to each next
	Head  []string `json:"head,omitempty"` // ids of the first
	Tail  []string `json:"tail,omitempty"` // ids of the newest, once Head is full

	Sources []string `json:"sources,omitempty"` // configured sources that any of them came through
}

// From notes the source of an event.
func (c *Causes) From(source string) {
	if source != "" && !slices.Contains(c.Sources, source) {
		c.Sources = append(c.Sources, source)
	}
}

// Add appends one event and returns true. The journal is read in order, so a sequence
// that is not beyond the newest is known already: it changes nothing, and Add returns false.
func (c *Causes) Add(sequence uint64, id string) bool {
	if sequence <= c.Last && c.Count > 0 {
		return false
	}
	c.Delta = binary.AppendUvarint(c.Delta, sequence-c.Last)
	c.Last = sequence
	c.Count++
	id = shortID(id)
	switch {
	case len(c.Head) < causeIDs:
		c.Head = append(c.Head, id)
	case len(c.Tail) < causeIDs:
		c.Tail = append(c.Tail, id)
	default:
		copy(c.Tail, c.Tail[1:])
		c.Tail[causeIDs-1] = id
	}
	return true
}

// shortID is an id of a sender's, no longer than longestID.
func shortID(id string) string {
	if len(id) > longestID {
		id = strings.ToValidUTF8(id[:longestID], "") + "..."
	}
	return id
}

// Sequences returns the journal sequence of every cause, in order.
func (c *Causes) Sequences() []uint64 {
	out := make([]uint64, 0, c.Count)
	var sequence uint64
	for rest := c.Delta; len(rest) > 0; {
		delta, n := binary.Uvarint(rest)
		if n <= 0 {
			break
		}
		sequence += delta
		out, rest = append(out, sequence), rest[n:]
	}
	return out
}

// First returns the id of the oldest cause, "" when there is none.
func (c *Causes) First() string {
	if len(c.Head) == 0 {
		return ""
	}
	return c.Head[0]
}

// Newest returns the id of the youngest cause, "" when there is none.
func (c *Causes) Newest() string {
	if n := len(c.Tail); n > 0 {
		return c.Tail[n-1]
	}
	if n := len(c.Head); n > 0 {
		return c.Head[n-1]
	}
	return ""
}
