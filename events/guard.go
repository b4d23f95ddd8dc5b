package events

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

// errAddress is why a delivery went nowhere: its host resolved to an address that
// is not on the public internet and that the subscription does not allow.
var errAddress = errors.New("the address is not a public one; name it under allow if it is meant")

// refusedNetworks are what is not the public internet, though its addresses look
// like it. All of IPv6 outside 2000::/3 is refused as well: unique-local,
// link-local, multicast, v4-mapped and NAT64 addresses are there.
func refusedNetworks() []string {
	return []string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
		"192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
		"168.63.129.16/32", // Azure's own, for machines
		"2001::/23",        // Teredo and other protocols' own
		"2001:db8::/32", "2002::/16", "3fff::/20",
	}
}

// A guard decides which addresses deliveries may go to. It looks at the address a
// connection is about to be made to, so no name can change its meaning after the
// check.
type guard struct {
	global  netip.Prefix
	refused []netip.Prefix
	allowed []netip.Prefix
}

func newGuard(allowed []netip.Prefix) *guard {
	g := &guard{global: netip.MustParsePrefix("2000::/3"), allowed: allowed}
	for _, network := range refusedNetworks() {
		g.refused = append(g.refused, netip.MustParsePrefix(network))
	}
	return g
}

// check returns an error that wraps errAddress for an address that is refused.
func (g *guard) check(address netip.Addr) error {
	if within(address, g.allowed) || within(address.Unmap(), g.allowed) {
		return nil
	}
	public := address.Is4() || g.global.Contains(address)
	if !public || address.Zone() != "" || within(address, g.refused) {
		return fmt.Errorf("%s: %w", address, errAddress)
	}
	return nil
}

func within(address netip.Addr, networks []netip.Prefix) bool {
	for _, network := range networks {
		if network.Contains(address) {
			return true
		}
	}
	return false
}

// control is called by a net.Dialer with each address it is about to connect to.
func (g *guard) control(network, address string, _ syscall.RawConn) error {
	if network != "tcp4" && network != "tcp6" {
		return fmt.Errorf("%s: %w", network, errAddress)
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("read address: %w", err)
	}
	parsed, err := netip.ParseAddr(host)
	if err != nil {
		return fmt.Errorf("read address: %w", err)
	}
	return g.check(parsed)
}

// ParseNetwork reads what a subscription allows: a network such as 10.1.0.0/16, or
// one address.
func ParseNetwork(text string) (netip.Prefix, error) {
	if network, err := netip.ParsePrefix(text); err == nil {
		return network.Masked(), nil
	}
	address, err := netip.ParseAddr(text)
	if err != nil || address.Zone() != "" {
		return netip.Prefix{}, fmt.Errorf("%q is not a network such as 10.1.0.0/16, nor an address", text)
	}
	return netip.PrefixFrom(address.Unmap(), address.Unmap().BitLen()), nil
}
