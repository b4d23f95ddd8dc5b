package broker

import (
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"
)

// connectWithin bounds one attempt to reach an external server.
const connectWithin = 5 * time.Second

// An external server is asked every pingEvery whether it is there, and left for another
// one when pingsUnheard questions are not answered: one that hangs, or whose machine is
// cut off, closes no connection. Without this a client stays with it for minutes.
const (
	pingEvery    = 2 * time.Second
	pingsUnheard = 2
)

// askWithin is how long a question to an external cluster may take, or a write, for which
// nobody says otherwise, once the streams are there. To what is asked of a server that has
// just gone no answer comes, and those who ask ask anew.
const askWithin = 3 * time.Second

// dialExternal connects to the configured server.
func dialExternal(cfg Config, login Login, name string, log zerolog.Logger) (*nats.Conn, error) {
	options := append(connectionOptions(name, log), nats.PingInterval(pingEvery), nats.MaxPingsOutstanding(pingsUnheard))
	proof, err := login.options()
	if err != nil {
		return nil, err
	}
	options = append(options, proof...)
	if cfg.TLS.CA != "" {
		options = append(options, nats.RootCAs(cfg.TLS.CA))
	}
	if cfg.TLS.Cert != "" {
		options = append(options, nats.ClientCert(cfg.TLS.Cert, cfg.TLS.Key))
	}
	conn, err := nats.Connect(cfg.URL, options...)
	if err != nil {
		return nil, fmt.Errorf("connect to broker.url: %w (is the server up, and are the credentials and certificates right?)", err)
	}
	if version := conn.ConnectedServerVersion(); tooOld(version) {
		name := conn.ConnectedServerName()
		conn.Close()
		return nil, fmt.Errorf("connect to broker.url: NATS server %s has version %s, and %s or newer is needed: an older one takes atomic batches apart without a word", name, version, oldestServer)
	}
	return conn, nil
}

// oldestServer is the oldest NATS server that knows all that streams rely on.
const oldestServer = "2.12"

// tooOld says whether a server is older than that. A version that is no number is believed.
func tooOld(version string) bool {
	var have, want [2]int
	if n, _ := fmt.Sscanf(version, "%d.%d", &have[0], &have[1]); n < 2 {
		return false
	}
	_, _ = fmt.Sscanf(oldestServer, "%d.%d", &want[0], &want[1])
	return slices.Compare(have[:], want[:]) < 0
}

// options returns the proof in the client's terms.
func (l Login) options() ([]nats.Option, error) {
	switch {
	case l.Credentials != "":
		return []nats.Option{nats.UserCredentials(l.Credentials)}, nil
	case l.NKey != "":
		option, err := nats.NkeyOptionFromSeed(l.NKey)
		if err != nil {
			return nil, fmt.Errorf("read broker nkey file: %w", err)
		}
		return []nats.Option{option}, nil
	case l.User != "":
		return []nats.Option{nats.UserInfo(l.User, string(l.Password))}, nil
	}
	return nil, nil
}

// connectionOptions keep a connection trying for ever, and let a publish fail at
// once while there is none: what is written is awaited, so nothing may linger in
// a buffer and arrive when its time is over.
func connectionOptions(name string, log zerolog.Logger) []nats.Option {
	log = log.With().Str("component", "nats").Str("connection", name).Logger()
	return []nats.Option{
		nats.Name("qlik-gateway " + name),
		nats.Timeout(connectWithin),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(250 * time.Millisecond),
		nats.ReconnectBufSize(-1),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn().Err(err).Msg("broker connection lost")
			}
		}),
		nats.ReconnectHandler(func(conn *nats.Conn) {
			log.Info().Str("url", conn.ConnectedUrlRedacted()).Msg("broker connection is back")
		}),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			event := log.Warn().Err(err)
			if sub != nil {
				event = event.Str("subject", sub.Subject)
			}
			event.Msg("broker refused or dropped something")
		}),
	}
}
