package ingress

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// ipChallenge says in a refusal that the address counts.
const ipChallenge = "Address"

// ipProof lets in what comes from its networks.
type ipProof []netip.Prefix

func ipProofOf(list []string) (proof, error) {
	networks, err := parseNetworks(list)
	if err != nil {
		return nil, fmt.Errorf("ip: %w", err)
	}
	return ipProof(networks), nil
}

// CheckNetworks says what is wrong with a list of addresses and networks, or nil.
func CheckNetworks(list []string) error {
	_, err := parseNetworks(list)
	return err
}

// parseNetworks reads addresses and networks. An IPv4 address written as IPv6
// (::ffff:192.0.2.1) is the IPv4 address that it is.
func parseNetworks(list []string) ([]netip.Prefix, error) {
	var networks []netip.Prefix
	for _, text := range list {
		network, err := netip.ParsePrefix(text)
		if address, plain := netip.ParseAddr(text); plain == nil && address.Zone() == "" {
			address = address.Unmap()
			network, err = netip.PrefixFrom(address, address.BitLen()), nil
		}
		mapped := err == nil && network.Addr().Is4In6()
		if err != nil || mapped && network.Bits() < 96 {
			return nil, fmt.Errorf("expected an address or a network such as 192.0.2.0/24, got %q", text)
		}
		if mapped {
			network = netip.PrefixFrom(network.Addr().Unmap(), network.Bits()-96)
		}
		if network != network.Masked() {
			return nil, fmt.Errorf("%s has bits behind its mask; expected %s", text, network.Masked())
		}
		networks = append(networks, network)
	}
	return networks, nil
}

func (p ipProof) glance(e *evidence) error {
	if !within(p, e.address) {
		return errors.New("deliveries from this address are not taken: compare the gateway's list with the addresses that the sender uses")
	}
	return nil
}

func (p ipProof) prove(_ context.Context, e *evidence) error { return p.glance(e) }
func (p ipProof) sign(*evidence) error                       { return nil }
func (p ipProof) challenge() string                          { return ipChallenge }

// within reports whether one of the networks has the address.
func within(networks []netip.Prefix, address netip.Addr) bool {
	return address.IsValid() && slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(address) })
}

// addressOf returns who sent a request: the other end of the connection or, when
// that is a trusted proxy, whom it names. X-Forwarded-For is read from its end and
// over all its lines, since only what trusted proxies appended can be believed.
func (in *Ingress) addressOf(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	address := peer.Addr().Unmap().WithZone("")
	if !within(in.proxies, address) {
		return address
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && within(in.proxies, address); i-- {
		hop, err := parseHop(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		address = hop.Unmap().WithZone("")
	}
	return address
}

// parseHop reads an address of X-Forwarded-For, also with a port, as Azure's Application
// Gateway writes it.
func parseHop(text string) (netip.Addr, error) {
	if address, err := netip.ParseAddr(text); err == nil {
		return address, nil
	}
	hop, err := netip.ParseAddrPort(text)
	return hop.Addr(), err
}
