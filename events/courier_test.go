package events_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/qlikgateway/gateway/events"
)

func TestOnlyPublicAddressesAreDeliveredTo(t *testing.T) {
	t.Parallel()
	for address, public := range map[string]bool{
		"93.184.216.34": true, "8.8.8.8": true, "2606:4700:4700::1111": true, "2a00:1450:4001:800::200e": true,
		"0.0.0.0": false, "0.1.2.3": false, "127.0.0.1": false, "127.255.255.254": false, "10.0.0.1": false, "172.16.0.1": false,
		"172.31.255.255": false, "172.32.0.1": true, "192.168.1.1": false, "169.254.169.254": false, "169.254.0.1": false,
		"100.64.0.1": false, "100.100.100.200": false, "100.128.0.1": true, "192.0.0.192": false, "192.0.2.1": false, "192.88.99.1": false,
		"198.18.0.1": false, "198.51.100.1": false, "203.0.113.1": false, "224.0.0.1": false, "239.255.255.255": false,
		"240.0.0.1": false, "255.255.255.255": false, "168.63.129.16": false,
		"::": false, "::1": false, "::127.0.0.1": false, "::ffff:127.0.0.1": false, "::ffff:8.8.8.8": false, "::ffff:a9fe:a9fe": false,
		"64:ff9b::a00:1": false, "64:ff9b::8.8.8.8": false, "64:ff9b:1::1": false, "100::1": false, "2001::1": false, "2001:db8::1": false,
		"2002:a00:1::": false, "2002:808:808::1": false, "3fff::1": false, "5f00::1": false, "fc00::1": false, "fd00:ec2::254": false, "fe80::1": false,
		"fe80::1%eth0": false, "2606:4700:4700::1111%eth0": false, "fec0::1": false, "ff02::1": false,
	} {
		err := events.CheckAddress(netip.MustParseAddr(address), nil)
		if (err == nil) != public || err != nil && !errors.Is(err, events.ErrAddress) {
			t.Errorf("%s: %v, want public %t", address, err, public)
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
		{"fd00::/8", "fd12::1", true},
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
	for _, text := range []string{"", "10.0.0.0/33", "example.com", "10.1", "fe80::1%eth0"} {
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

func TestNoEncodingOfAnAddressPassesTheGuard(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, nil)
	_, port, err := net.SplitHostPort(strings.TrimPrefix(r.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{
		"127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001", "127.0.0.1.", "localhost", "LOCALHOST.", "0", "0.0.0.0",
		"[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:7f00:0001]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
		"①②⑦.⓪.⓪.①", "127。0。0。1", "%31%32%37.0.0.1",
	} {
		if err := try(t, "http://"+host+":"+port+"/", nil); err == nil {
			t.Errorf("%s was delivered to", host)
		}
	}
	if n := r.tries(); n > 0 {
		t.Errorf("%d deliveries came through", n)
	}
}

// nameserver answers every question for an IPv4 address with the next of addresses,
// and the last of them ever after.
func nameserver(t *testing.T, addresses ...string) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	var asked atomic.Int32
	go func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			question := buffer[12:n]
			end := bytes.IndexByte(question, 0) + 5 // the name, its type and its class
			if end < 5 || end > len(question) {
				continue
			}
			reply := append([]byte{buffer[0], buffer[1], 0x84, 0, 0, 1, 0, 0, 0, 0, 0, 0}, question[:end]...)
			if question[end-3] == 1 { // type A
				address := netip.MustParseAddr(addresses[min(int(asked.Add(1))-1, len(addresses)-1)]).As4()
				reply[7] = 1
				reply = append(append(reply, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4), address[:]...)
			}
			_, _ = conn.WriteTo(reply, from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func TestNameThatChangesItsAddressAfterTheCheckIsRefused(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, nil)
	resolver := nameserver(t, "93.184.216.34", "127.0.0.1")
	checked, err := resolver.LookupNetIP(t.Context(), "ip4", "hooks.example.com.")
	if err != nil || events.CheckAddress(checked[0], nil) != nil {
		t.Fatalf("the name resolves to %v, %v at the time of a check", checked, err)
	}
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(r.URL, "http://"))
	if err := try(t, "http://hooks.example.com.:"+port, resolver); !errors.Is(err, events.ErrAddress) {
		t.Errorf("delivered with %v", err)
	}
	if r.tries() > 0 {
		t.Error("the delivery came through")
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	target := newReceiver(t, nil)
	r := newReceiver(t, nil)
	r.Config.Handler = http.RedirectHandler(target.URL, http.StatusTemporaryRedirect)
	s := newSite(t)
	sub := to("alerts", r)
	sub.Unvalidated = true
	s.run(sub)
	s.publish(0, 1, 1)
	s.eventually("it failed", func() bool { return strings.Contains(s.log.String(), "answered 307") })
	if target.tries() > 0 {
		t.Error("the redirect was followed")
	}
}

func TestBinaryModeHasAttributesInHeaders(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := newReceiver(t, nil)
	sub := to("alerts", r)
	sub.Mode = events.ModeBinary
	s.run(sub)
	s.publish(0, 1, 1)
	r.until(t, "it is delivered", func() bool { return len(r.ids()) == 1 })
	d := r.deliveries()[0]
	for name, want := range map[string]string{
		"ce-specversion": "1.0", "ce-id": d.id, "ce-source": "/qlikgateway/acme", "ce-type": events.TypeReloadSucceeded, "ce-rule": "refresh",
		"ce-time": "2026-11-23T16:00:00Z", "content-type": "application/json",
	} {
		if got := d.header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	var data events.ReloadData
	if err := json.Unmarshal(d.body, &data); err != nil || data.App.Name != "Sales" {
		t.Errorf("data %+v, %v", data, err)
	}
}

func TestChatsGetMessagesOfTheirOwn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	slack, teams := newReceiver(t, nil), newReceiver(t, nil)
	for mode, r := range map[events.Mode]*receiver{events.ModeSlack: slack, events.ModeTeams: teams} {
		sub := to(string(mode), r)
		sub.Mode, sub.Secrets = mode, nil
		s.run(sub)
	}
	kind := events.Catalog()[3] // reload.failed
	data := sample(kind).(events.ReloadData)
	data.Error = "field <Amount> not found & more"
	if err := publisherOn(s.Broker).Publish(t.Context(), outcome(t, kind, data)); err != nil {
		t.Fatal(err)
	}
	slack.until(t, "slack is told", func() bool { return len(slack.ids()) == 1 })
	teams.until(t, "teams is told", func() bool { return len(teams.ids()) == 1 })
	var message struct{ Text string }
	if err := json.Unmarshal(slack.deliveries()[0].body, &message); err != nil || message.Text != "*reload failed: Sales*\n"+
		"tenant acme · rule refresh · run r1 · reason reload_failed\n>field &lt;Amount&gt; not found &amp; more\n<https://acme.eu.qlikcloud.com/sense/app/2f1c|Open the app>" {
		t.Errorf("slack: %q, %v", message.Text, err)
	}
	var card struct {
		Type        string
		Attachments []struct {
			ContentType string
			Content     struct {
				Body    []struct{ Text string }
				Actions []struct{ URL string }
			}
		}
	}
	if err := json.Unmarshal(teams.deliveries()[0].body, &card); err != nil || card.Type != "message" || len(card.Attachments) != 1 ||
		len(card.Attachments[0].Content.Body) != 3 || len(card.Attachments[0].Content.Actions) != 1 {
		t.Errorf("teams: %s, %v", teams.deliveries()[0].body, err)
	}
	if slack.asked+teams.asked > 0 {
		t.Error("a chat was asked for its consent")
	}
}
