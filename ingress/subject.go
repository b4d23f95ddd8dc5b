package ingress

import (
	"fmt"
	"slices"
	"strings"
)

// A Subject is where a source listens on NATS. Who may publish there is proven
// by the NATS server.
type Subject struct {
	Subject string // may have wildcards
	Queue   string // replicas share a queue group; "" = gateway.<source>
	Stream  string // JetStream stream to read through a durable consumer; "" = the plain subject
	Durable string // name of that consumer, which replicas share; "" = gateway_<source>
}

// overlaps reports sources that would take each other's messages: NATS gives a
// message to one subscription of a queue group, whatever the subjects.
func (c *compiler) overlaps() {
	listening := c.sources.listening()
	for i, a := range listening {
		for _, b := range listening[:i] {
			if a.nats.Stream == "" && b.nats.Stream == "" && a.nats.Queue == b.nats.Queue && collide(a.nats.Subject, b.nats.Subject) {
				text := fmt.Sprintf("source %s listens on %s in the same queue group, so each message would reach only one of them: give each its own", b.name, b.nats.Subject)
				c.report(false, text, a.name, "nats", "queue")
			}
		}
	}
}

// listening returns the sources on NATS, by name.
func (s *Sources) listening() []*source {
	var all []*source
	for _, source := range s.byName {
		if source.nats != nil {
			all = append(all, source)
		}
	}
	slices.SortFunc(all, func(a, b *source) int { return strings.Compare(a.name, b.name) })
	return all
}

// checkSubject refuses a subject that NATS does not know, or that is the
// gateway's or the server's own.
func checkSubject(subject string) error {
	tokens := strings.Split(subject, ".")
	for i, token := range tokens {
		if token == "" || strings.ContainsAny(token, " \t\r\n") || token == ">" && i != len(tokens)-1 {
			return fmt.Errorf("expected a NATS subject such as etl.*.done, got %q", subject)
		}
	}
	for _, own := range []string{"gateway.>", "qlik.events.>", "_INBOX.>"} {
		if collide(subject, own) {
			return fmt.Errorf("%q reaches into %s, which is not for senders", subject, own)
		}
	}
	if strings.HasPrefix(subject, "$") {
		return fmt.Errorf("%q is one of the NATS server's own subjects", subject)
	}
	return nil
}

// collide reports whether one message could match both subjects.
func collide(a, b string) bool {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(x), len(y)) {
		if x[i] == ">" || y[i] == ">" {
			return true
		}
		if x[i] != y[i] && x[i] != "*" && y[i] != "*" {
			return false
		}
	}
	return len(x) == len(y)
}
