//go:build !external

package broker

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
)

// checkUsers refuses users that are unnamed, unproven, doubled, or ask for
// subjects that are the gateway's alone.
func (c Config) checkUsers() []error {
	var mistakes []error
	seen := map[string]bool{}
	reserved := NamesFor(c.Prefix).reserved()
	for _, user := range c.Users {
		wrong := func(format string, args ...any) {
			mistakes = append(mistakes, fmt.Errorf("broker: user %q: "+format, append([]any{user.Name}, args...)...))
		}
		if !regexp.MustCompile(namePattern).MatchString(user.Name) {
			wrong("expected a name of lower-case letters, digits, - and _")
		}
		if user.NKey != "" {
			if user.Secret != "" {
				wrong("has both a secret and an nkey; keep one")
			}
			if !nkeys.IsValidPublicUserKey(user.NKey) {
				wrong("its nkey is not the public key of a user; expected U and 55 more characters")
			}
		} else if user.Secret == "" {
			wrong("its secret is empty; give it a secret, or the public key of an nkey")
		}
		if seen[user.Name] {
			wrong("is there twice")
		}
		seen[user.Name] = true
		for _, subject := range append(append([]string{}, user.Publish...), user.Subscribe...) {
			if !server.IsValidSubject(subject) || strings.ContainsAny(subject, " \t\r\n") {
				wrong("%q is not a NATS subject", subject)
			}
		}
		for _, subject := range user.Publish {
			if owner := owned(subject, reserved); owner != "" {
				wrong("may not publish to %q: %s is the gateway's own; name the subjects it sends, such as %s.>", subject, owner, user.Name)
			}
		}
	}
	return mistakes
}

// owned returns the reserved subject that a publish list asks for, or "". A
// pattern that begins with `*` is let through: it rarely means a reserved
// subject, and the server denies those anyway.
func owned(subject string, reserved []string) string {
	if strings.HasPrefix(subject, "*") {
		return ""
	}
	for _, owner := range reserved {
		if server.SubjectsCollide(subject, owner) {
			return owner
		}
	}
	return ""
}
