package broker_test

import (
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/qlikgateway/gateway/events/broker"
)

// external starts a plain NATS server, as an operator would run it.
func external(t *testing.T) (url string, login broker.Login) {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, JetStream: true, StoreDir: t.TempDir(),
		Username: "gateway", Password: "pw",
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	return s.ClientURL(), broker.Login{User: "gateway", Password: "pw"}
}
