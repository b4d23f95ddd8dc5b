//go:build !external

package broker

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"sync"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
)

// Names of the gateway's own two users on the embedded server. No configured
// user can have them: `$` is not allowed in a name.
const (
	coreUser = "$core"
	edgeUser = "$edge"
)

// A gate lets users into the embedded server. The gateway's own connections
// carry secrets made at start; people's come from the configuration. Secrets
// are kept as digests.
type gate struct {
	names      Names
	account    *server.Account // of people's users
	core, edge Secret

	mu      sync.RWMutex // guards entries
	entries map[string]entry
}

type entry struct {
	digest [sha256.Size]byte // of the password
	nkey   string            // public key; "" = the password counts
	user   *server.User
}

// newGate makes the gate of an embedded server whose accounts are core, which
// owns the streams, and edge, where people are.
func newGate(cfg Config, core, edge *server.Account) *gate {
	g := &gate{names: NamesFor(cfg.Prefix), account: edge, entries: map[string]entry{}, core: Secret(rand.Text()), edge: Secret(rand.Text())}
	g.add(g.core, &server.User{Username: coreUser, Account: core})
	g.add(g.edge, &server.User{Username: edgeUser, Account: edge, Permissions: &server.Permissions{
		Publish: &server.SubjectPermission{Allow: []string{"_INBOX.>"}},
	}})
	g.admit(cfg.Users)
	return g
}

// admit lets people in by what their users have to know now. Whom it does not name
// stays as it was.
func (g *gate) admit(users []User) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, user := range users {
		known := &server.User{Username: user.Name, Account: g.account, Permissions: personal(user, g.names)}
		if user.NKey != "" {
			g.entries[user.NKey] = entry{nkey: user.NKey, user: known}
			continue
		}
		g.add(user.Secret, known)
	}
}

// entry returns what is known of a user, by name or public key.
func (g *gate) entry(name string) (entry, bool) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	known, ok := g.entries[name]
	return known, ok
}

func (g *gate) add(secret Secret, user *server.User) {
	g.entries[user.Username] = entry{digest: sha256.Sum256([]byte(secret)), user: user}
}

// personal returns what a person's user may do: what its lists say, never more
// than `_INBOX.>` besides, and never what is the gateway's own.
func personal(user User, names Names) *server.Permissions {
	permissions := &server.Permissions{
		Publish: &server.SubjectPermission{Allow: user.Publish, Deny: names.reserved()},
		Subscribe: &server.SubjectPermission{
			Allow: append([]string{"_INBOX.>"}, user.Subscribe...),
			// Joining a queue group of the ingress would take events away from it.
			Deny: []string{"> " + names.Queue, "> " + names.Queue + ".>"},
		},
	}
	if len(user.Publish) == 0 { // an empty list would allow everything that is not denied
		permissions.Publish.Deny = []string{">"}
	}
	return permissions
}

// Check admits a client that knows its user's secret.
func (g *gate) Check(client server.ClientAuthentication) bool {
	options := client.GetOpts()
	if client.Kind() != server.CLIENT {
		return false
	}
	if options.Nkey != "" {
		return g.checkKey(client, options)
	}
	known, ok := g.entry(options.Username)
	digest := sha256.Sum256([]byte(options.Password))
	same := subtle.ConstantTimeCompare(digest[:], known.digest[:]) == 1
	if !ok || !same || known.nkey != "" {
		return false
	}
	client.RegisterUser(known.user)
	return true
}

// checkKey admits a client that signed the server's nonce with its nkey.
func (g *gate) checkKey(client server.ClientAuthentication, options *server.ClientOpts) bool {
	known, ok := g.entry(options.Nkey)
	if !ok || known.nkey == "" || options.Username != "" {
		return false
	}
	signature, err := base64.RawURLEncoding.DecodeString(options.Sig)
	if err != nil {
		if signature, err = base64.StdEncoding.DecodeString(options.Sig); err != nil {
			return false
		}
	}
	key, err := nkeys.FromPublicKey(known.nkey)
	if err != nil || len(client.GetNonce()) == 0 || key.Verify(client.GetNonce(), signature) != nil {
		return false
	}
	client.RegisterUser(known.user)
	return true
}
