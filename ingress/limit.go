package ingress

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"
	"unicode"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
)

const (
	maxDepth   = 64               // of arrays and objects in each other
	sourcePart = 2                // one source may hold one part in so many of Config.MaxHeld
	burstEvery = 10 * time.Second // between two log lines about one source refused for one reason
)

// tooDeep reports whether JSON is nested deeper than anything honest is.
func tooDeep(body []byte) bool { return rules.Deeper(body, maxDepth) }

// looksJSON reports whether a body is JSON, as far as anybody would read it as such.
func looksJSON(contentType string, body []byte) bool {
	start := bytes.TrimLeftFunc(body, func(r rune) bool { return unicode.IsSpace(r) || r == '\ufeff' })
	return isJSON(contentType) || len(start) > 0 && (start[0] == '{' || start[0] == '[')
}

// inherit takes over what sources of the same name used of their limits.
func (s *Sources) inherit(before *Sources) {
	for name, now := range s.byName {
		old := before.byName[name]
		if old == nil || old == now {
			continue
		}
		now.held = old.held
		if old.rate == now.rate {
			now.limiter = old.limiter
		}
	}
}

// limited refuses a proven delivery above the source's rate, with the time to wait.
func (s *source) limited(now time.Time) error {
	if s.limiter == nil {
		return nil
	}
	wait := overdrawn(s.limiter, now)
	if wait == 0 {
		return nil
	}
	r := refusef(TooMany, "source %s takes %d deliveries per %s: send it again later", s.name, s.rate.Count, s.rate.Per)
	r.wait = wait
	return r
}

// allowedRate is how many deliveries a minute are welcome, as the handshake says it.
func (s *source) allowedRate() string {
	if s.limiter == nil {
		return "*"
	}
	return fmt.Sprint(max(1, int(math.Floor(float64(s.limiter.Limit())*60))))
}

// permitted refuses events that ask for what their source may not have done, where
// the event itself decides it. What is decided by the rules alone was refused when
// they were read.
func permitted(live *Live, arrivals []events.Arrival) error {
	for _, a := range arrivals {
		if !live.Rules.Narrows(a.Source) {
			continue
		}
		view := a.View()
		for _, match := range live.Rules.Route(view).Matches {
			if _, err := live.Rules.Plan(match.Rule, view); errors.Is(err, rules.ErrNotAllowed) {
				return refuse(Denied, err)
			}
		}
	}
	return nil
}

// A burst is many refusals of one source for one reason.
type burst struct {
	source string
	result Result
}

type said struct {
	at   time.Time
	more int // refused since, and not logged
}

// bursts keep a flood of refusals out of the log: one line for the first, then
// one now and then with how many there were. Their number is bounded, since
// sources and results are.
type bursts struct {
	mu   sync.Mutex
	last map[burst]said
}

// next reports whether a refusal is logged, and how many before it were not.
func (b *bursts) next(source string, result Result, now time.Time) (more int, log bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := burst{source, result}
	last, known := b.last[key]
	if known && now.Sub(last.at) < burstEvery {
		last.more++
		b.last[key] = last
		return 0, false
	}
	b.last[key] = said{at: now}
	return last.more, true
}
