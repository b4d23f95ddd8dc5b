package ingress

import (
	"net/netip"
	"testing"
	"time"
)

func TestACrowdIsBoundedAndRemembersWhoComesAgain(t *testing.T) {
	t.Parallel()
	c := newCrowd(Rate{Count: 2, Per: time.Hour})
	now := time.Unix(1e9, 0)
	busy, next := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("10.0.0.0")
	for range 2 {
		if wait := c.wait(busy, now); wait != 0 {
			t.Fatalf("waits %s", wait)
		}
	}
	for i := range 5 * mostAddresses {
		next = next.Next()
		if wait := c.wait(next, now); wait != 0 {
			t.Fatalf("%s, the first time, waits %s", next, wait)
		}
		if i%(mostAddresses/2) == 0 && c.wait(busy, now) != 30*time.Minute {
			t.Fatal("who came again is forgotten")
		}
	}
	if n := len(c.lately) + len(c.before); n > 2*mostAddresses {
		t.Errorf("%d addresses are kept", n)
	}
	if c.wait(netip.Addr{}, now) != 0 {
		t.Error("no address waits")
	}
}

func TestNeighboursOfOneNetworkAreOneClient(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		first, second string
		same          bool
	}{
		{"192.0.2.1", "192.0.2.1", true},
		{"192.0.2.1", "192.0.2.2", false},
		{"2001:db8::1", "2001:db8::ffff:1", true},
		{"2001:db8::1", "2001:db8:0:1::1", false},
	} {
		c := newCrowd(Rate{Count: 1, Per: time.Second})
		now := time.Unix(1e9, 0)
		c.wait(netip.MustParseAddr(tt.first), now)
		if same := c.wait(netip.MustParseAddr(tt.second), now) > 0; same != tt.same {
			t.Errorf("%s and %s are one client: %v", tt.first, tt.second, same)
		}
	}
}
