package broker_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/qlikgateway/gateway/events/broker"
	"github.com/rs/zerolog"
)

// cluster starts three servers that know each other and returns where they are.
func cluster(t *testing.T) string {
	t.Helper()
	var ports []int
	var routes []*url.URL
	for len(ports) < 3 {
		// Not a port that the system gives to who asks for any: nobody gets it before it is used.
		port := 10_000 + rand.IntN(20_000)
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		ports = append(ports, port)
		routes = append(routes, &url.URL{Scheme: "nats", Host: listener.Addr().String()})
		listener.Close()
	}
	var servers []*server.Server
	for i, port := range ports {
		servers = append(servers, start(t, &server.Options{
			ServerName: fmt.Sprint("n", i), Routes: routes,
			Cluster: server.ClusterOpts{Name: "c", Host: "127.0.0.1", Port: port},
		}))
	}
	var urls []string
	for _, s := range servers {
		if !s.ReadyForConnections(30 * time.Second) {
			t.Fatal("cluster is not ready")
		}
		urls = append(urls, s.ClientURL())
	}
	return strings.Join(urls, ",")
}

func TestClusterKeepsThreeCopies(t *testing.T) {
	t.Parallel()
	cfg := broker.Config{URL: cluster(t), Replicas: 3, JournalBytes: 64 << 20}
	var b *broker.Broker
	for deadline := time.Now().Add(40 * time.Second); b == nil; {
		var err error
		if b, err = broker.Open(t.Context(), cfg, zerolog.Nop()); err != nil && time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { shut(t, b) })
	for _, name := range []string{"GATEWAY_IN", "GATEWAY_OUT", "KV_GATEWAY_LEDGER", "KV_GATEWAY_LEASES"} {
		stream, err := b.JetStream().Stream(t.Context(), name)
		if err != nil || stream.CachedInfo().Config.Replicas != 3 {
			t.Fatalf("%s: %v, %v", name, stream, err)
		}
	}
	if _, err := b.JetStream().Publish(t.Context(), "gateway.in.acme.dbt", []byte("x")); err != nil {
		t.Error(err)
	}
	// A second replica of the gateway finds everything there and changes nothing.
	if second := open(t, cfg); second.Installation() != b.Installation() {
		t.Error("two replicas are two installations")
	}
}
