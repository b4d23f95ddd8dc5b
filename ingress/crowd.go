package ingress

import (
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// defaultAddressRate is how many requests one client address may make when
// nothing else is said: more than an honest sender does, and little enough that
// proving strangers wrong keeps no processor busy.
func defaultAddressRate() Rate { return Rate{Count: 1000, Per: time.Second} }

// mostAddresses bounds each of a crowd's two generations.
const mostAddresses = 16 << 10

// wholeNetwork is what one client has of IPv6 addresses, at least.
const wholeNetwork = 64

// A crowd is who came lately, by address, and what each has left of the rate at
// which one address may come. When there are too many addresses, those that did
// not come again lately are forgotten, and may begin anew.
type crowd struct {
	each Rate

	mu             sync.Mutex
	lately, before map[netip.Prefix]*rate.Limiter
}

func newCrowd(each Rate) *crowd {
	return &crowd{each: each, lately: map[netip.Prefix]*rate.Limiter{}}
}

// wait takes one request of an address and returns how long it is to wait; 0 = it
// may come in.
func (c *crowd) wait(address netip.Addr, now time.Time) time.Duration {
	bits := address.BitLen()
	if address.Is6() {
		bits = wholeNetwork
	}
	client, err := address.Prefix(bits)
	if err != nil || !client.IsValid() {
		return 0 // what has no address came over no network
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	limiter := c.lately[client]
	if limiter == nil {
		if limiter = c.before[client]; limiter == nil {
			limiter = c.each.limiter()
		}
		if len(c.lately) >= mostAddresses {
			c.lately, c.before = map[netip.Prefix]*rate.Limiter{}, c.lately
		}
		c.lately[client] = limiter
	}
	return overdrawn(limiter, now)
}

// limiter returns a bucket of tokens that is full.
func (r Rate) limiter() *rate.Limiter {
	return rate.NewLimiter(rate.Limit(float64(r.Count)/r.Per.Seconds()), r.Count)
}

// overdrawn takes one token, or returns when there will be one.
func overdrawn(limiter *rate.Limiter, now time.Time) time.Duration {
	reservation := limiter.ReserveN(now, 1)
	wait := reservation.DelayFrom(now)
	if wait > 0 {
		reservation.CancelAt(now)
	}
	return wait
}

// crowded refuses a request of an address that comes too often, before anything of
// it is read.
func (in *Ingress) crowded(r *http.Request) *refusal {
	crowd := in.crowd.Load()
	wait := crowd.wait(in.addressOf(r), time.Now())
	if wait == 0 {
		return nil
	}
	refused := refusef(TooMany, "one address may make %d requests per %s: send it again later", crowd.each.Count, crowd.each.Per)
	refused.wait = wait
	return refused
}
