//go:build !external

package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"
)

// Accounts of the embedded server: one owns streams and buckets and knows only
// the gateway's own connection; people's users are in the other, which imports
// nothing but outcomes.
const (
	coreAccount = "GATEWAY"
	edgeAccount = "EDGE"
)

// tlsTimeout bounds the handshake of a client.
const tlsTimeout = 5 * time.Second

// startWithin bounds the start of the embedded server, in which it reads its
// whole store.
const startWithin = 2 * time.Minute

// Embeds says whether this build has a NATS server in it. One with the tag `external`
// has none, and is a fifth smaller.
const Embeds = true

// An embedded server and what it holds: the lock on its folder and the gate.
type embedded struct {
	server *server.Server
	gate   *gate
	lock   *dirLock
	broken chan struct{} // closed when the store can be written no more

	secured atomic.Pointer[tls.Config] // what clients are shown; nil = no TLS
}

// startEmbedded locks the data folder and runs a server on it.
func startEmbedded(ctx context.Context, cfg Config, log zerolog.Logger) (*embedded, error) {
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("create broker.data_dir: %w", err)
	}
	lock, err := lockDir(cfg.DataDir)
	if err != nil {
		return nil, err
	}
	e := &embedded{lock: lock, broken: make(chan struct{})}
	if err := e.start(ctx, cfg, log); err != nil {
		e.stop()
		return nil, err
	}
	return e, nil
}

func (e *embedded) start(ctx context.Context, cfg Config, log zerolog.Logger) error {
	options, err := serverOptions(cfg)
	if err != nil {
		return err
	}
	if secured := options.TLSConfig; secured != nil {
		e.secured.Store(secured)
		options.TLSConfig = secured.Clone()
		options.TLSConfig.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return e.secured.Load(), nil }
	}
	entrance, fatal := &lateGate{}, make(chan string, 1)
	options.CustomClientAuthentication = entrance
	if e.server, err = server.NewServer(options); err != nil {
		return fmt.Errorf("make embedded NATS server: %w", err)
	}
	e.server.SetLoggerV2(serverLog{log.With().Str("component", "nats").Logger(), fatal, sync.OnceFunc(func() { close(e.broken) })}, log.GetLevel() <= zerolog.TraceLevel, false, false)
	core, err := e.server.LookupAccount(coreAccount)
	if err != nil {
		return fmt.Errorf("look up account %s: %w", coreAccount, err)
	}
	edge, err := e.server.LookupAccount(edgeAccount)
	if err != nil {
		return fmt.Errorf("look up account %s: %w", edgeAccount, err)
	}
	e.gate = newGate(cfg, core, edge)
	entrance.gate = e.gate
	e.server.Start()
	return e.await(ctx, cfg, fatal)
}

// lateGate is filled between making the server, which makes the accounts, and
// starting it.
type lateGate struct{ *gate }

// await returns once the server takes connections and its JetStream works.
func (e *embedded) await(ctx context.Context, cfg Config, fatal <-chan string) error {
	deadline := time.Now().Add(startWithin)
	for !e.server.ReadyForConnections(50 * time.Millisecond) {
		select {
		case why := <-fatal:
			return fmt.Errorf("start embedded NATS server in %s: %s", cfg.DataDir, why)
		default:
		}
		if ctx.Err() != nil || time.Now().After(deadline) {
			return errors.Join(fmt.Errorf("start embedded NATS server in %s: not ready in time", cfg.DataDir), ctx.Err())
		}
	}
	if !e.server.JetStreamEnabled() {
		return fmt.Errorf("start embedded NATS server in %s: its store cannot be used; look at the log and at the disk", cfg.DataDir)
	}
	return nil
}

// serverOptions describes the embedded server: unless Config.Sync says otherwise,
// everything is on disk before it is acknowledged, and people see nothing but outcomes.
func serverOptions(cfg Config) (*server.Options, error) {
	options := &server.Options{}
	events := NamesFor(cfg.Prefix).EventSubject + ".>"
	accounts := fmt.Sprintf(`accounts {
		%s { jetstream: enabled, exports: [{stream: %q, accounts: [%s]}] }
		%s { imports: [{stream: {account: %s, subject: %q}}] }
	}`, coreAccount, events, edgeAccount, edgeAccount, coreAccount, events)
	if err := options.ProcessConfigString(accounts); err != nil {
		return nil, fmt.Errorf("describe accounts: %w", err)
	}
	options.ServerName = "gateway"
	options.NoSigs = true
	options.JetStream = true
	options.StoreDir = cfg.DataDir
	options.SyncAlways = cfg.Sync != SyncInterval
	options.SyncInterval = SyncEvery // unused when it always syncs
	options.AlwaysEnableNonce = true // users with nkeys sign it; the server sees none of them
	options.DontListen = cfg.Listen == ""
	if cfg.Listen == "" {
		return options, nil
	}
	if cfg.TLS.Cert != "" {
		secured, err := cfg.TLS.shown()
		if err != nil {
			return nil, err
		}
		options.TLSConfig, options.TLS, options.TLSTimeout = secured, true, tlsTimeout.Seconds()
	}
	host, port, err := net.SplitHostPort(cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("read broker.listen: %w", err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, fmt.Errorf("read port of broker.listen %q: %w", cfg.Listen, err)
	}
	options.Host, options.Port = host, number
	if number == 0 {
		options.Port = server.RANDOM_PORT
	}
	return options, nil
}

// connect makes the gateway's own two connections.
func (e *embedded) connect(log zerolog.Logger) (core, edge *nats.Conn, err error) {
	if core, err = e.dial(coreUser, e.gate.core, log); err != nil {
		return nil, nil, err
	}
	edge, err = e.dial(edgeUser, e.gate.edge, log)
	return core, edge, err
}

// dial connects as one of the gateway's own users.
func (e *embedded) dial(user string, secret Secret, log zerolog.Logger) (*nats.Conn, error) {
	options := append(connectionOptions(user, log), nats.InProcessServer(e.server), nats.UserInfo(user, string(secret)))
	conn, err := nats.Connect("", options...)
	if err != nil {
		return nil, fmt.Errorf("connect to embedded NATS server: %w", err)
	}
	return conn, nil
}

// room is how much the server's store may hold.
func (e *embedded) room() int64 { return e.server.JetStreamConfig().MaxStore }

// url is where others reach the server.
func (e *embedded) url() string { return e.server.ClientURL() }

// stores reports whether the server has its store switched on.
func (e *embedded) stores() bool { return e.server.JetStreamEnabled() }

// shown reads what the server shows clients, and asks of them.
func (t TLS) shown() (*tls.Config, error) {
	secured, err := server.GenTLSConfig(&server.TLSConfigOpts{
		CertFile: t.Cert, KeyFile: t.Key, CaFile: t.CA, Verify: t.CA != "", MinVersion: tls.VersionTLS12,
	})
	if err != nil {
		return nil, fmt.Errorf("read broker.tls: %w", err)
	}
	return secured, nil
}

// renew is Broker.Renew.
func (e *embedded) renew(cfg Config) error {
	if e.secured.Load() != nil {
		secured, err := cfg.TLS.shown()
		if err != nil {
			return err
		}
		e.secured.Store(secured)
	}
	e.gate.admit(cfg.Users)
	return nil
}

// stop shuts the server down and frees its folder. It waits for both.
func (e *embedded) stop() {
	if e.server != nil {
		e.server.Shutdown()
		e.server.WaitForShutdown()
	}
	e.lock.release()
}
