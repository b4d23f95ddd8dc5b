package events

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	"github.com/nats-io/nats.go"
)

// An Entry is one event on the journal, for one tenant.
type Entry struct {
	Arrival
	Sequence uint64
	Time     time.Time // when the journal took it
	Tenant   string
	Rules    []string // that it matched
	Revision uint64   // of the configuration that matched them
	Pending  uint64   // events for the tenant behind this one when it was read

	// Err says why the message cannot be read. Then the event is not set, and
	// the message belongs among the dead letters.
	Err error

	Header nats.Header // as stored
	Body   []byte      // as stored
}

// stored is a message as a stream gives it.
type stored struct {
	subject  string
	sequence uint64
	time     time.Time
	header   nats.Header
	body     []byte
	pending  uint64
}

// decode reads a message of the journal. It never fails: what is wrong is in Err.
func (j *Journal) decode(msg stored) Entry {
	return decode(msg, strings.TrimPrefix(msg.subject, j.cfg.InSubject+"."))
}

// decode reads a message whose subject ends with rest, `<tenant>.<source>`.
func decode(msg stored, rest string) Entry {
	entry := Entry{Sequence: msg.sequence, Time: msg.time, Pending: msg.pending, Header: msg.header, Body: msg.body}
	entry.Source = msg.header.Get(HeaderSource)
	entry.Err = errors.Join(entry.readSubject(rest), entry.readGateway(), entry.readEvent())
	return entry
}

// readSubject reads `<tenant>.<source>`.
func (e *Entry) readSubject(rest string) error {
	tenant, source, ok := strings.Cut(rest, ".")
	if !ok {
		return fmt.Errorf("subject ends with %.100q, expected <tenant>.<source>", rest)
	}
	var errs [2]error
	e.Tenant, errs[0] = Untoken(tenant)
	e.Source, errs[1] = Untoken(source)
	return errors.Join(errs[:]...)
}

// readGateway reads the gateway's own headers.
func (e *Entry) readGateway() error {
	var err error
	if rules := e.Header.Get(HeaderRules); rules != "" {
		e.Rules = strings.Split(rules, ",")
	}
	if e.Revision, err = strconv.ParseUint(e.Header.Get(HeaderRevision), 10, 64); err != nil {
		return fmt.Errorf("header %s: %w", HeaderRevision, err)
	}
	if facts := e.Header.Get(HeaderFacts); facts != "" {
		if err := json.Unmarshal([]byte(facts), &e.Facts); err != nil {
			return fmt.Errorf("header %s: %w", HeaderFacts, err)
		}
	}
	e.ReplayID, err = decodeHeader(e.Header.Get(HeaderReplay))
	return err
}

// readEvent reads the CloudEvent. A message with a ce-specversion is in binary
// mode whatever its content type: the data may be an event itself.
func (e *Entry) readEvent() error {
	version := e.Header.Get(attributePrefix + "specversion")
	if version == "" {
		var err error
		e.Event, err = DecodeStructured(e.Body)
		e.Raw = e.Body
		return err
	}
	e.Event = cloudevents.New(version)
	for header, values := range e.Header {
		name, ok := strings.CutPrefix(header, attributePrefix)
		if !ok || name == "specversion" {
			continue
		}
		value, err := decodeHeader(values[0])
		if err != nil {
			return fmt.Errorf("attribute %.40q: %w", name, err)
		}
		if err := SetAttribute(&e.Event, name, value); err != nil {
			return err
		}
	}
	if media := e.Header.Get(headerContentType); media != "" {
		e.Event.SetDataContentType(media)
	}
	e.Event.DataEncoded = e.Body
	return Validate(e.Event)
}
