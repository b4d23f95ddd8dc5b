package events

import (
	"context"
	"net"
	"net/netip"
	"strings"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	"github.com/nats-io/nats.go"
)

// Decode gives tests the decoder of the journal's messages.
func Decode(j *Journal, subject string, header nats.Header, body []byte) Entry {
	return j.decode(stored{subject: subject, header: header, body: body})
}

// Alone sets how many messages the journal publishes by themselves at a time.
func Alone(j *Journal, n int) { j.in.alone = n }

// ErrAddress gives tests the reason of a delivery to a refused address.
var ErrAddress = errAddress

// CheckAddress gives tests the guard.
func CheckAddress(address netip.Addr, allow []netip.Prefix) error {
	return newGuard(allow).check(address)
}

// Deliver gives tests one try of a courier.
func Deliver(ctx context.Context, to Subscription, resolver *net.Resolver, event cloudevents.Event) error {
	c, err := newCourier(to.withDefaults(), nil, resolver)
	if err != nil {
		return err
	}
	defer c.close()
	body, err := event.MarshalJSON()
	if err != nil {
		return err
	}
	return c.deliver(ctx, event, body).err
}

// Noun returns what the event is about, such as reload.
func (k Kind) Noun() string {
	noun, _, _ := strings.Cut(strings.TrimPrefix(k.Type, TypePrefix), ".")
	return noun
}

// Participle returns what became of it, such as succeeded.
func (k Kind) Participle() string {
	_, participle, _ := strings.Cut(strings.TrimPrefix(k.Type, TypePrefix), ".")
	return participle
}
