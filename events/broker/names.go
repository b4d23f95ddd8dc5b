package broker

import "strings"

// DefaultPrefix is the prefix of every name when the configuration gives none.
const DefaultPrefix = "GATEWAY"

// Names are the NATS names of one installation. All of them follow from one
// prefix, so that two installations can share a NATS account.
type Names struct {
	In        string // stream of accepted events, one message per matched tenant
	Unmatched string // stream of accepted events that no rule matched
	Out       string // stream of outcomes
	Dead      string // stream of what could not be decoded, planned or carried out
	Callbacks string // stream of who is to be told of the end of a run
	Ledger    string // key-value bucket of runs, epochs and cursors
	Leases    string // key-value bucket, in memory, of who is active for a tenant

	InSubject        string // In stores <InSubject>.<tenant>.<source>
	UnmatchedSubject string // Unmatched stores <UnmatchedSubject>.<source>
	DeadSubject      string // Dead stores <DeadSubject>.<tenant>.<source>
	CallbackSubject  string // Callbacks stores <CallbackSubject>.<tenant>.<source>
	OutSubject       string // the publisher writes <OutSubject>.<tenant>.<noun>.<participle>.<key>
	EventSubject     string // and Out stores and republishes it as <EventSubject>.<tenant>...
	Queue            string // queue group of the ingress of all replicas, or the beginning of several: <Queue>.<source>
}

// NamesFor returns the names under prefix; "" stands for DefaultPrefix. Only
// the default prefix owns the subject `qlik.events`; another prefix goes before
// it, as in `staging.qlik.events`.
func NamesFor(prefix string) Names {
	if prefix == "" {
		prefix = DefaultPrefix
	}
	root := strings.ToLower(prefix)
	names := Names{
		In:        prefix + "_IN",
		Unmatched: prefix + "_UNMATCHED",
		Out:       prefix + "_OUT",
		Dead:      prefix + "_DEAD",
		Callbacks: prefix + "_CALLBACKS",
		Ledger:    prefix + "_LEDGER",
		Leases:    prefix + "_LEASES",

		InSubject:        root + ".in",
		UnmatchedSubject: root + ".unmatched",
		DeadSubject:      root + ".dead",
		CallbackSubject:  root + ".callbacks",
		OutSubject:       root + ".out",
		EventSubject:     "qlik.events",
		Queue:            root,
	}
	if prefix != DefaultPrefix {
		names.EventSubject = root + ".qlik.events"
	}
	return names
}

// reserved lists the subjects that only the gateway itself may publish to.
func (n Names) reserved() []string {
	return []string{
		n.Queue + ".>", "gateway.>", n.EventSubject + ".>", "qlik.events.>",
		"$KV.>", "$JS.>", "$O.>", "$SYS.>", "$G.>", "_R_.>", "_GR_.>",
	}
}
