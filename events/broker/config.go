package broker

import (
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"time"
)

// A Config says where the broker is: embedded in this process, with its files
// in DataDir, or an external NATS server or cluster at URL. Exactly one of the
// two is set.
type Config struct {
	DataDir string // folder of the embedded server; created when missing, used by one process at a time
	Listen  string // host:port on which others may reach the embedded server; "" = nobody may. Port 0 picks a free one
	Users   []User // who may connect to Listen

	URL       string // nats://host:port of an external server; several are separated by commas
	Login     Login  // how the gateway proves itself to URL
	EdgeLogin Login  // the same for the connection that reads people's subjects; empty = Login
	TLS       TLS    // certificates for URL; for the embedded server, what Listen shows and whom it trusts

	Prefix       string // of streams, buckets, subjects and queue group, in upper case; default GATEWAY
	Replicas     int    // copies of each stream and bucket on an external cluster; default 1
	Installation string // names this installation; a store that belongs to another one is refused. "" = what the store says
	Sync         string // when the embedded server syncs what it stores; default SyncAlways
	Binary       bool   // outcomes go out with their attributes as ce- headers; default: structured, in JSON
	JournalBytes int64  // size at which the journal refuses events; default: half of the usable disk, at most 8 GiB
}

// When the embedded server has the disk keep what it stores.
const (
	SyncAlways   = "always"   // before it is acknowledged
	SyncInterval = "interval" // every SyncEvery: the crash of the machine, not of the process, loses what came since
)

// SyncEvery is how often the embedded server syncs its files with SyncInterval.
const SyncEvery = time.Second

// A User is somebody who may connect to the embedded server. Its publish and
// subscribe lists are NATS subjects with wildcards; besides them it may
// subscribe to `_INBOX.>`, which request-reply needs.
type User struct {
	Name      string
	Secret    Secret // either this
	NKey      string // or the public key (U...) of an nkey, whose seed stays with the user
	Publish   []string
	Subscribe []string
}

// A Login is one way to prove oneself to an external server: a credentials
// file, a file with the seed of an nkey, or a user with its password. The zero
// Login connects without proof.
type Login struct {
	Credentials string // path of a .creds file
	NKey        string // path of a file with an nkey's seed
	User        string
	Password    Secret
}

// TLS names the files that secure the connection to an external server, or the
// connections of others to the embedded one.
type TLS struct {
	CA   string // certificates to trust instead of the system's; on the embedded server, clients have to show one of them
	Cert string // client certificate, or the embedded server's, with Key
	Key  string
}

// ErrNotEmbedded is what a build without a NATS server says when it is to start one.
var ErrNotEmbedded = errors.New("this gateway was built without the embedded NATS server (tag external): set broker.url, or take the usual build")

// A Secret is a text that is never printed.
type Secret string

// Format hides the secret from every verb of package fmt.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "***") }

// MarshalText hides the secret from JSON and YAML.
func (Secret) MarshalText() ([]byte, error) { return []byte("***"), nil }

const (
	namePattern   = `^[a-z0-9][a-z0-9_-]{0,62}$`
	prefixPattern = `^[A-Z][A-Z0-9_]{0,31}$`
)

// Check reports every mistake in the configuration at once, each with what was
// expected; nil means that Open can try. It touches neither disk nor network.
func (c Config) Check() error {
	var mistakes []error
	wrong := func(format string, args ...any) { mistakes = append(mistakes, fmt.Errorf(format, args...)) }
	switch {
	case c.DataDir != "" && !Embeds:
		wrong("broker: data_dir: %w", ErrNotEmbedded)
	case c.DataDir == "" && c.URL == "":
		wrong("broker: set data_dir for the embedded server, or url for an external one")
	case c.DataDir != "" && c.URL != "":
		wrong("broker: data_dir and url are both set; keep data_dir for the embedded server or url for an external one")
	case c.URL != "" && (c.Listen != "" || len(c.Users) > 0):
		wrong("broker: listen and users belong to the embedded server; with url, the external server decides who may connect")
	case c.DataDir != "" && c.Replicas > 1:
		wrong("broker: replicas: %d needs an external cluster; the embedded server keeps one copy", c.Replicas)
	}
	switch c.Sync {
	case "", SyncAlways:
	case SyncInterval:
		if c.URL != "" {
			wrong("broker: sync belongs to the embedded server; with url, the external server's own sync_interval decides")
		}
	default:
		wrong("broker: sync %q: expected %s or %s", c.Sync, SyncAlways, SyncInterval)
	}
	if c.Prefix != "" && !regexp.MustCompile(prefixPattern).MatchString(c.Prefix) {
		wrong("broker: prefix %q: expected upper-case letters, digits and underscores, such as GATEWAY", c.Prefix)
	}
	if c.Listen != "" {
		if _, _, err := net.SplitHostPort(c.Listen); err != nil {
			wrong("broker: listen %q: expected host:port, such as 127.0.0.1:4222", c.Listen)
		}
		if len(c.Users) == 0 {
			wrong("broker: listen %q lets nobody in without users; add users, or remove listen", c.Listen)
		}
	}
	switch {
	case (c.TLS.Cert == "") != (c.TLS.Key == ""):
		wrong("broker: tls needs both cert and key")
	case c.URL == "" && c.TLS != (TLS{}) && c.Listen == "":
		wrong("broker: tls does nothing for an embedded server that nobody can reach; add listen")
	case c.URL == "" && c.TLS.CA != "" && c.TLS.Cert == "":
		wrong("broker: tls.ca asks clients for certificates, so the server needs its own: add cert and key")
	}
	return errors.Join(append(mistakes, c.checkUsers()...)...)
}

// exposed reports whether others than this machine can reach Listen.
func (c Config) exposed() bool {
	host, _, err := net.SplitHostPort(c.Listen)
	address := net.ParseIP(host)
	return err == nil && host != "localhost" && (address == nil || !address.IsLoopback())
}
