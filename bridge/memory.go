package bridge

import "time"

// A memory remembers the newest things it was told of, up to a number, and when.
type memory struct {
	most  int
	at    map[string]time.Time
	order []string
}

func newMemory(most int) *memory { return &memory{most: most, at: map[string]time.Time{}} }

// note remembers a thing, and forgets the oldest when there are too many.
func (m *memory) note(id string, at time.Time) {
	if _, known := m.at[id]; !known {
		m.order = append(m.order, id)
	}
	m.at[id] = at
	if len(m.order) > m.most {
		delete(m.at, m.order[0])
		m.order = m.order[1:]
	}
}

// noted says whether a thing is remembered, and from when.
func (m *memory) noted(id string) (time.Time, bool) {
	at, ok := m.at[id]
	return at, ok
}
