//go:build !external

package broker

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"

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
	entries map[string]entry
	core    Secret
	edge    Secret
}

type entry struct {
	digest [sha256.Size]byte // of the password
	nkey   string            // public key; "" = the password counts
	user   *server.User
}

// newGate makes the gate of an embedded server whose accounts are core, which
// owns the streams, and edge, where people are.
func newGate(cfg Config, core, edge *server.Account) *gate {
	g := &gate{entries: map[string]entry{}, core: Secret(rand.Text()), edge: Secret(rand.Text())}
	g.add(g.core, &server.User{Username: coreUser, Account: core})
	g.add(g.edge, &server.User{Username: edgeUser, Account: edge, Permissions: &server.Permissions{
		Publish: &server.SubjectPermission{Allow: []string{"_INBOX.>"}},
	}})
	names := NamesFor(cfg.Prefix)
	for _, user := range cfg.Users {
		known := &server.User{Username: user.Name, Account: edge, Permissions: personal(user, names)}
		if user.NKey != "" {
			g.entries[user.NKey] = entry{nkey: user.NKey, user: known}
			continue
		}
		g.add(user.Secret, known)
	}
	return g
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
	known, ok := g.entries[options.Username]
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
	known, ok := g.entries[options.Nkey]
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
