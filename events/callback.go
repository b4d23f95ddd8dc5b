package events

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"strings"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Fields of a body in which a sender asks to be called back.
const (
	CallbackField            = "callback"    // of any sender
	CallbackFieldDataFactory = "callBackUri" // what Azure Data Factory's Webhook activity adds
)

// longestCallback bounds an address to call back, so that a run's record fits a
// message however many of its causes ask.
const longestCallback = 2048

// Callbacks say whether the events of a source may ask to be told how the runs that
// they started ended, and how they are told. The zero value lets none.
type Callbacks struct {
	Field   string         // of the body; "" = CallbackField
	Mode    Mode           // "" = structured
	Hosts   []string       // that may be called: names, or `*.` and a name for any one label before it
	Secrets []string       // each call is signed with all of them; none = it is not signed
	Allow   []netip.Prefix // networks it may be in besides the public internet
}

// Asked returns the address that a body asks to call back, "" when it asks for
// none or the source lets nobody ask. The error says why it must not be called, and
// shows no more of it than its host.
func (c Callbacks) Asked(body []byte) (string, error) {
	if len(c.Hosts) == 0 {
		return "", nil
	}
	field := c.field()
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil || fields[field] == nil || string(fields[field]) == "null" {
		return "", nil
	}
	var address string
	if err := json.Unmarshal(fields[field], &address); err != nil {
		return "", fmt.Errorf("%s: expected the address to call as text", field)
	}
	if address == "" {
		return "", nil
	}
	return address, c.check(address)
}

func (c Callbacks) field() string {
	if c.Field == "" {
		return CallbackField
	}
	return c.Field
}

// check says why an address must not be called.
func (c Callbacks) check(address string) error {
	if len(address) > longestCallback {
		return fmt.Errorf("%s: the address is longer than %d bytes", c.field(), longestCallback)
	}
	if err := CheckURL(address, c.Allow); err != nil {
		return fmt.Errorf("%s: %w", c.field(), err)
	}
	parsed, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("%s: expected an address", c.field())
	}
	host := strings.ToLower(strings.TrimSuffix(parsed.Hostname(), "."))
	for _, allowed := range c.Hosts {
		if hostMatches(strings.ToLower(allowed), host) {
			return nil
		}
	}
	return fmt.Errorf("%s: host %.100q is not among the source's callback.hosts", c.field(), host)
}

// hostMatches compares a host with a name, or with `*.name` one label before it.
func hostMatches(pattern, host string) bool {
	if base, any := strings.CutPrefix(pattern, "*."); any {
		label, rest, found := strings.Cut(host, ".")
		return found && label != "" && rest == base
	}
	return pattern == host
}

// A Callback is an address that waits for the end of a run. It may hold a secret, so
// it is never shown.
type Callback struct {
	Source string `json:"source"` // that the event came through; its Callbacks hold
	URL    string `json:"url"`
}

// headerCallback has the address to call, encoded as header values are.
const headerCallback = "Gateway-Callback"

// CallBack stores that addresses are to be told of an outcome and returns when the
// broker has stored all of them. Repeating it is right, as for Publish.
func (p *Publisher) CallBack(ctx context.Context, outcome Outcome, callbacks ...Callback) error {
	told, err := p.message(outcome)
	if err != nil {
		return err
	}
	for _, callback := range callbacks {
		msg := nats.NewMsg(p.cfg.CallbackSubject + "." + Token(outcome.Tenant) + "." + Token(callback.Source))
		maps.Copy(msg.Header, told.Header)
		msg.Header.Set(HeaderSource, callback.Source)
		msg.Header.Set(headerCallback, encodeHeader(callback.URL))
		msg.Header.Set(jetstream.MsgIDHeader, digest(outcome.ID, callback.Source, callback.URL))
		msg.Data = told.Data
		storing, cancel := context.WithTimeout(ctx, publishWithin)
		_, err := p.writer.publish(storing, msg)
		cancel()
		if err != nil {
			return classify("store callback of "+outcome.ID, err)
		}
	}
	return nil
}

// dataFactoryAnswer returns the end of a run as Azure Data Factory's Webhook activity
// takes it: with `reportStatusOnCallBack`, a status of 400 or more fails the activity
// with the error.
func dataFactoryAnswer(event cloudevents.Event) ([]byte, error) {
	var run RunData
	if err := event.DataAs(&run); err != nil {
		return nil, fmt.Errorf("read outcome: %w", err)
	}
	type fault struct{ ErrorCode, Message string }
	answer := struct {
		Output     map[string]string
		StatusCode string
		Error      *fault `json:",omitempty"`
	}{Output: map[string]string{"tenant": run.Tenant, "rule": run.Rule, "run": run.Run, "state": run.State}, StatusCode: "200"}
	if event.Type() != TypeRunSucceeded {
		message := "the run " + run.Run + " is " + run.State
		if run.Error != "" {
			message += ": " + run.Error
		}
		answer.StatusCode, answer.Error = "500", &fault{ErrorCode: string(run.Reason), Message: message}
	}
	return json.Marshal(answer)
}
