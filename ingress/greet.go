package ingress

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/qlikgateway/gateway/bridge/rules"
)

// A Greeting is a delivery with which a sender only tries the connection. It is
// answered 200 and not stored, after it was proven like any other.
type Greeting struct {
	Of     string // template
	Is     string // what its value is in a greeting
	Answer string // GreetValidate, GreetConfirm, or "" where any 2xx will do
}

// How greetings are answered.
const (
	GreetValidate = "validate" // Azure Event Grid: the validation code is sent back
	GreetConfirm  = "confirm"  // Amazon SNS: the subscription is confirmed at SNS
)

// A greetedAnswer is what a sender reads that only tried the connection.
type greetedAnswer struct {
	Source  string `json:"source"`
	Greeted string `json:"greeted"`
}

// greet answers a proven message when it is a greeting; nil when it is none.
func (in *Ingress) greet(ctx context.Context, s *source, m message) (any, error) {
	if s.reading == nil || len(s.reading.greetings) == 0 {
		return nil, nil
	}
	body, err := readBody(m.body)
	if err != nil {
		return nil, nil //nolint:nilerr // what reads the body refuses it
	}
	for i, t := range s.reading.greetings {
		greeting := s.reading.Greetings[i]
		if value, ok := t.fill(m.header, body, nil); !ok || value != greeting.Is {
			continue
		}
		switch greeting.Answer {
		case GreetValidate:
			code, ok := scalar(dig(body, []string{"0", "data", "validationCode"}))
			if !ok {
				return nil, refusef(Malformed, "the validation event has no data.validationCode")
			}
			return map[string]string{"validationResponse": code}, nil
		case GreetConfirm:
			if err := in.confirm(ctx, s, body, m.arrived); err != nil {
				return nil, err
			}
		}
		return greetedAnswer{Source: s.name, Greeted: greeting.Is}, nil
	}
	return nil, nil
}

// confirm confirms a subscription of Amazon SNS by asking for the address that
// its signed message names. Only Amazon's own host is asked, nothing that it
// redirects to, and only when the proof covers the topic.
func (in *Ingress) confirm(ctx context.Context, s *source, body *rules.Tree, now time.Time) error {
	if !s.topics {
		return refusef(Denied, "a subscription is confirmed only for a source that verifies the signature of Amazon SNS: use verify: {sns: ...}")
	}
	address, _ := scalar(body.At("SubscribeURL"))
	u, ok := snsProof{host: regexp.MustCompile(snsHost)}.own(address)
	if !ok || u.Query().Get("Action") != "ConfirmSubscription" {
		return refusef(Malformed, "SubscribeURL: expected a confirmation at sns.<region>.amazonaws.com")
	}
	if !in.outside.allow(address, now) {
		return in.unconfirmed(errEarly)
	}
	if _, err := in.outside.get(ctx, address); err != nil {
		return in.unconfirmed(err)
	}
	topic, _ := scalar(body.At("TopicArn"))
	in.config.Log.Info().Str("source", s.name).Str("topic", topic).Msg("subscription confirmed")
	return nil
}

func (in *Ingress) unconfirmed(err error) error {
	return &refusal{result: NoKeys, err: fmt.Errorf("confirm subscription: %w", err), detail: "Amazon SNS does not take the confirmation: send it again"}
}

// welcome answers the question whether an origin may send its events here
// (CloudEvents HTTP Webhooks, section 4). The origin is compared whole, and the
// callback that it may offer is never called: it could be anybody's address.
func (in *Ingress) welcome(c *gin.Context, name string) {
	d := delivery{via: "http", source: noSource, from: in.addressOf(c.Request).String(), began: time.Now()}
	defer func() { in.reply(c, &d) }()
	origin, asked := single(c.Request.Header, "Webhook-Request-Origin")
	if !asked {
		c.Header("Allow", http.MethodPost)
		d.end(nil, refusef(WrongMethod, "only POST is understood here"))
		return
	}
	_, s := in.source(name)
	if s == nil || s.proof == nil {
		d.end(nil, noSuchSource())
		return
	}
	d.source = name
	if !slices.ContainsFunc(s.origins, func(known string) bool { return strings.EqualFold(known, origin) }) {
		d.end(nil, refusef(Denied, "this origin may not send here: name it under the source's `origins`"))
		return
	}
	c.Header("Allow", http.MethodPost)
	c.Header("WebHook-Allowed-Origin", origin)
	c.Header("WebHook-Allowed-Rate", s.allowedRate())
	d.greeted, d.result = greetedAnswer{Source: name, Greeted: origin}, Greeted
}
