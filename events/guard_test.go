package events_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/qlikgateway/gateway/events"
)

// private are addresses of every kind that is not the public internet.
func private() map[string][]string {
	return map[string][]string{
		"this network":         {"0.0.0.0", "0.1.2.3", "0.255.255.255"},
		"private":              {"10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.255.255"},
		"carrier":              {"100.64.0.1", "100.100.100.200", "100.127.255.255"},
		"loopback":             {"127.0.0.1", "127.0.0.2", "127.255.255.254"},
		"link-local":           {"169.254.0.1", "169.254.169.254", "169.254.170.2", "169.254.255.255"},
		"machines' own":        {"168.63.129.16"},
		"protocols":            {"192.0.0.1", "192.0.0.192", "192.0.0.255", "192.88.99.1"},
		"documentation":        {"192.0.2.1", "198.51.100.1", "203.0.113.255", "2001:db8::1", "3fff::1", "3fff:fff:ffff::1"},
		"benchmarks":           {"198.18.0.1", "198.19.255.255", "2001:2::1"},
		"multicast":            {"224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"},
		"reserved, broadcast":  {"240.0.0.1", "255.255.255.254", "255.255.255.255"},
		"unspecified, v6":      {"::", "::1", "0:0:0:0:0:0:0:1"},
		"v4-compatible":        {"::127.0.0.1", "::a00:1", "::8.8.8.8"},
		"v4-mapped":            {"::ffff:127.0.0.1", "::ffff:a9fe:a9fe", "::ffff:10.0.0.1", "::ffff:8.8.8.8"},
		"v4-translated":        {"::ffff:0:127.0.0.1", "::ffff:0:a00:1"},
		"NAT64":                {"64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b::8.8.8.8", "64:ff9b:1::a00:1", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"},
		"6to4":                 {"2002::1", "2002:7f00:1::1", "2002:a9fe:a9fe::", "2002:808:808::1"},
		"Teredo, ORCHID":       {"2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:10::1", "2001:20::1", "2001:1ff:ffff::1"},
		"discard, dummy, SRv6": {"100::1", "100:0:0:1::1", "5f00::1"},
		"unique local":         {"fc00::1", "fd00::1", "fd00:ec2::254", "fdff:ffff::1"},
		"link-local, v6":       {"fe80::1", "febf::1", "fec0::1"},
		"with a zone":          {"fe80::1%eth0", "2606:4700:4700::1111%eth0", "::1%lo"},
		"unassigned, v6":       {"1::1", "1fff::1", "4000::1", "8000::1", "fbff::1", "fe00::1"},
	}
}

func TestOnlyPublicAddressesAreDeliveredTo(t *testing.T) {
	t.Parallel()
	for kind, addresses := range private() {
		for _, address := range addresses {
			if err := events.CheckAddress(netip.MustParseAddr(address), nil); !errors.Is(err, events.ErrAddress) {
				t.Errorf("%s, %s: %v", kind, address, err)
			}
		}
	}
	for _, address := range []string{ // the first and the last beside what is refused, too
		"1.0.0.0", "8.8.8.8", "9.255.255.255", "11.0.0.0", "93.184.216.34", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0", "168.63.129.17",
		"169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0",
		"223.255.255.255", "2001:200::1", "2001:db7:ffff::1", "2001:db9::1", "2003::1", "2606:4700:4700::1111", "2a00:1450:4001:800::200e", "3ffe::1",
	} {
		if err := events.CheckAddress(netip.MustParseAddr(address), nil); err != nil {
			t.Errorf("%v", err)
		}
	}
}

func TestAllowedNetworksAreDeliveredTo(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		allow, address string
		ok             bool
	}{
		{"10.1.0.0/16", "10.1.2.3", true},
		{"10.1.0.0/16", "::ffff:10.1.2.3", true},
		{"10.1.0.0/16", "10.2.0.1", false},
		{"10.1.2.3", "10.1.2.3", true},
		{"10.1.2.3", "10.1.2.4", false},
		{"10.1.0.0/16", "64:ff9b::a01:203", false}, // what it wraps is allowed; what wraps it is not
		{"10.1.0.0/16", "2002:a01:203::1", false},
		{"fd00::/8", "fd12::1", true},
		{"fe80::/10", "fe80::1%eth0", false},
		{"64:ff9b::/96", "64:ff9b::a00:1", true},
		{"::ffff:10.1.2.3", "10.1.2.3", true},
	} {
		network, err := events.ParseNetwork(test.allow)
		if err != nil {
			t.Fatal(err)
		}
		if err := events.CheckAddress(netip.MustParseAddr(test.address), []netip.Prefix{network}); (err == nil) != test.ok {
			t.Errorf("%s with %s allowed: %v", test.address, test.allow, err)
		}
	}
	for _, text := range []string{"", "10.0.0.0/33", "example.com", "10.1", "fe80::1%eth0", "0x0a000001", "010.0.0.1", "10.0.0.0/255.0.0.0"} {
		if _, err := events.ParseNetwork(text); err == nil {
			t.Errorf("%q is a network", text)
		}
	}
}

// try delivers one outcome to a URL with a resolver, nothing allowed.
func try(t *testing.T, url string, resolver *net.Resolver) error {
	t.Helper()
	kind := events.Catalog()[2]
	event, err := outcome(t, kind, sample(kind)).CloudEvent("/qlikgateway")
	if err != nil {
		t.Fatal(err)
	}
	return events.Deliver(t.Context(), events.Subscription{Name: "x", URL: url}, resolver, event)
}

// portOf returns the port of a URL.
func portOf(t *testing.T, url string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func TestNoEncodingOfAnAddressPassesTheGuard(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, nil)
	hosts := []string{
		"127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0x7f.1", "0X7F.0X0.0X0.0X1", "0177.0.0.1", "0177.1", "017700000001",
		"00000177.0.0.1", "127.00.00.01", "127.0.0.1.", "127.0.0.1..", "0", "0.0.0.0", "0x0", "00", "4294967296", "127.0.0.257", "6425673729",
		"localhost", "LOCALHOST", "localhost.", "localhost.localdomain", "x.localhost", "ip6-localhost", "ip6-loopback",
		"[::1]", "[::]", "[0000:0000:0000:0000:0000:0000:0000:0001]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::FFFF:7F00:0001]", "[0:0:0:0:0:ffff:7f00:0001]",
		"[::127.0.0.1]", "[::ffff:0:127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[::1%25lo]", "[fe80::1%25lo]", "[::ffff:127.0.0.1%25lo]",
		"①②⑦.⓪.⓪.①", "127。0。0。1", "127.0.0。1", "１２７.０.０.１", "127｡0｡0｡1", "𝟏𝟐𝟕.0.0.1", "١٢٧.٠.٠.١", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "lo\u00adcalhost", "l\u200bocalhost",
		"%31%32%37.0.0.1", "127.0.0.1%00.example.com", "127.0.0.1%2eexample.com", "127.0.0.1%09", "[::1]%00",
		"8.8.8.8@127.0.0.1", "8.8.8.8:80@127.0.0.1", "hooks.example.com%40127.0.0.1", "hooks.example.com\\@127.0.0.1", "127.0.0.1\\.example.com", "127.0.0.1#@hooks.example.com",
	}
	port := portOf(t, r.URL)
	for _, host := range hosts {
		for _, url := range []string{"http://" + host + ":" + port + "/", "HTTP://" + host + ":0" + port + "/"} {
			if err := try(t, url, nil); err == nil {
				t.Errorf("%s was delivered to", url)
			}
		}
	}
	for _, url := range []string{"//127.0.0.1:" + port, "http:127.0.0.1:" + port, "http:///127.0.0.1:" + port, "http://:" + port, "file:///etc/passwd", "unix:///run/x", "gopher://127.0.0.1:" + port, ""} {
		if err := try(t, url, nil); err == nil {
			t.Errorf("%s was delivered to", url)
		}
	}
	if n := r.tries(); n > 0 {
		t.Errorf("%d deliveries came through", n)
	}
}

// A nameserver answers each question for an address with those that it was told.
type nameserver struct {
	mu        sync.Mutex
	addresses []netip.Addr
	asked     atomic.Int32
}

// says makes it answer with these addresses from now on.
func (n *nameserver) says(addresses ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.addresses = nil
	for _, address := range addresses {
		n.addresses = append(n.addresses, netip.MustParseAddr(address))
	}
}

// answer answers one question.
func (n *nameserver) answer(question []byte) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(question); err != nil || len(m.Questions) != 1 {
		return nil, err
	}
	n.asked.Add(1)
	m.Response, m.Authoritative, m.Additionals = true, true, nil
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, address := range n.addresses {
		header := dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Type: m.Questions[0].Type, Class: dnsmessage.ClassINET}
		switch {
		case header.Type == dnsmessage.TypeA && address.Is4():
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AResource{A: address.As4()}})
		case header.Type == dnsmessage.TypeAAAA && address.Is6():
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AAAAResource{AAAA: address.As16()}})
		}
	}
	return m.Pack()
}

// newNameserver starts one, and returns a resolver that asks it.
func newNameserver(t *testing.T) (*nameserver, *net.Resolver) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	n := &nameserver{}
	go func() {
		for buffer := make([]byte, 1500); ; {
			size, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			if reply, err := n.answer(buffer[:size]); err == nil {
				_, _ = conn.WriteTo(reply, from)
			}
		}
	}()
	return n, &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func TestNameOfAPrivateAddressIsRefusedWhateverItsFamily(t *testing.T) {
	t.Parallel()
	names, resolver := newNameserver(t)
	for kind, addresses := range private() {
		for _, address := range addresses {
			if strings.Contains(address, "%") || address == "::ffff:8.8.8.8" {
				continue // a name has no zone, and this one is called as 8.8.8.8
			}
			names.says(address)
			if err := try(t, "https://hooks.example.com./", resolver); !errors.Is(err, events.ErrAddress) {
				t.Errorf("a name of %s, %s: %v", kind, address, err)
			}
		}
	}
}

func TestNameThatChangesItsAddressAfterTheCheckIsRefused(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, nil)
	names, resolver := newNameserver(t)
	names.says("93.184.216.34")
	checked, err := resolver.LookupNetIP(t.Context(), "ip4", "hooks.example.com.")
	if err != nil || events.CheckAddress(checked[0], nil) != nil {
		t.Fatalf("the name resolves to %v, %v at the time of a check", checked, err)
	}
	names.says("127.0.0.1", "::1")
	if err := try(t, "http://hooks.example.com.:"+portOf(t, r.URL), resolver); !errors.Is(err, events.ErrAddress) {
		t.Errorf("delivered with %v", err)
	}
	if r.tries() > 0 {
		t.Error("the delivery came through")
	}
}

// TestNameThatMovesInsideIsToldNothingThere lets the name of a subscriber who consented
// and was told mean another address from then on, and the right one at last.
func TestNameThatMovesInsideIsToldNothingThere(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := newReceiver(t, nil)
	r.Config.SetKeepAlivesEnabled(false) // each delivery is a connection of its own
	inside, err := net.Listen("tcp", "127.0.0.2:"+portOf(t, r.URL))
	if err != nil {
		t.Fatal(err)
	}
	var reached atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	server.Listener = inside
	server.Start()
	t.Cleanup(server.Close)
	names, resolver := newNameserver(t)
	names.says("127.0.0.1")
	s.resolver = resolver
	sub := to("alerts", r)
	sub.URL, sub.Allow = "http://hooks.example.com.:"+portOf(t, r.URL)+"/hook", []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	s.run(sub)
	ids := s.publish(0, 10, 3)
	r.until(t, "the first are delivered", func() bool { return len(r.ids()) == len(ids) })
	names.says("127.0.0.2", "::ffff:127.0.0.2", "64:ff9b::7f00:2")
	ids = append(ids, s.publish(10, 20, 3)...)
	s.eventually("it is refused", func() bool { return strings.Count(s.log.String(), string(events.ReasonForbiddenAddress)) >= 3 })
	if n := len(r.ids()); reached.Load() > 0 || n != 10 {
		t.Errorf("%d deliveries came through inside, %d outside", reached.Load(), n)
	}
	names.says("127.0.0.1")
	r.until(t, "all are delivered", func() bool { return len(r.ids()) == len(ids) })
	complete(t, r, ids)
}

func TestAnswerIsReadNoFurtherThanItNeedBe(t *testing.T) {
	t.Parallel()
	var sent atomic.Int64
	done := make(chan struct{}, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for line := make([]byte, 32<<10); ; {
			n, err := w.Write(line)
			if sent.Add(int64(n)); err != nil {
				done <- struct{}{}
				return
			}
		}
	}))
	t.Cleanup(server.Close)
	kind := events.Catalog()[2]
	event, err := outcome(t, kind, sample(kind)).CloudEvent("/qlikgateway")
	if err != nil {
		t.Fatal(err)
	}
	if err := events.Deliver(t.Context(), events.Subscription{Name: "x", URL: server.URL, Allow: loopback()}, nil, event); err != nil {
		t.Errorf("an endless 200: %v", err)
	}
	select {
	case <-done: // what the kernel buffers comes on top of the 64 KiB
	case <-time.After(30 * time.Second):
		t.Fatal("the answer is read on and on")
	}
	if n := sent.Load(); n > 32<<20 {
		t.Errorf("%d bytes of an answer were taken", n)
	}
}
