package events

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// Bounds of what a subscriber may answer, so that none can exhaust the gateway.
const (
	largestAnswer        = 64 << 10
	largestAnswerHeader  = 64 << 10
	longestRetryAfter    = 24 * time.Hour
	connectWithin        = 10 * time.Second
	idleConnectionsClose = 90 * time.Second
)

// An answer is how one try to deliver an outcome ended.
type answer struct {
	reason     Reason // "" = delivered
	status     int    // 0 = no answer
	err        error
	retryAfter time.Duration // the subscriber asked for so much time; 0 = it did not
	consent    *consent      // when it was asked for
}

// A courier carries outcomes to one subscriber: one request for each, no redirects,
// only to addresses that the guard lets pass.
type courier struct {
	to      Subscription
	signers []*standardwebhooks.Webhook
	client  *http.Client
}

// newCourier returns the courier of a subscription with its defaults. tlsConfig and
// resolver may be nil: Go's defaults with the system's certificates, and the system's.
func newCourier(to Subscription, tlsConfig *tls.Config, resolver *net.Resolver) (*courier, error) {
	if err := CheckURL(to.URL, to.Allow); err != nil {
		return nil, fmt.Errorf("subscription %s: url: %w", to.Name, err)
	}
	c := &courier{to: to}
	for _, secret := range to.Secrets {
		key, err := SigningKey(secret)
		if err != nil {
			return nil, fmt.Errorf("subscription %s: secret: %w", to.Name, err)
		}
		signer, err := standardwebhooks.NewWebhookRaw(key)
		if err != nil {
			return nil, fmt.Errorf("subscription %s: secret: %w", to.Name, err)
		}
		c.signers = append(c.signers, signer)
	}
	dialer := &net.Dialer{Timeout: connectWithin, Resolver: resolver, Control: newGuard(to.Allow).control}
	c.client = &http.Client{
		// No Proxy: behind one, the guard would only ever see the proxy's address.
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSClientConfig: tlsConfig, TLSHandshakeTimeout: connectWithin, ForceAttemptHTTP2: true,
			MaxIdleConnsPerHost: to.Concurrency, IdleConnTimeout: idleConnectionsClose,
			MaxResponseHeaderBytes: largestAnswerHeader, DisableCompression: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// close lets go of connections that are kept open.
func (c *courier) close() { c.client.CloseIdleConnections() }

// deliver tries once to tell the subscriber of an outcome, given as it is stored.
func (c *courier) deliver(ctx context.Context, event cloudevents.Event, body []byte) answer {
	header, body, err := c.content(event, body)
	if err != nil {
		return answer{reason: ReasonUndecodable, err: err}
	}
	return c.post(ctx, event.ID(), header, body)
}

// deliverBatch tries once to tell the subscriber of several outcomes, given as they
// are stored.
func (c *courier) deliverBatch(ctx context.Context, id string, bodies [][]byte) answer {
	header := http.Header{}
	header.Set(headerContentType, MediaBatch)
	return c.post(ctx, id, header, slices.Concat([]byte{'['}, bytes.Join(bodies, []byte{','}), []byte{']'}))
}

// post sends one signed request.
func (c *courier) post(ctx context.Context, id string, header http.Header, body []byte) answer {
	ctx, cancel := context.WithTimeout(ctx, c.to.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.to.URL, bytes.NewReader(body))
	if err != nil {
		return answer{reason: ReasonUndecodable, err: errors.New("make request: the address cannot be used")}
	}
	request.Header = header
	request.Header.Set("User-Agent", "qlikgateway")
	if err := c.sign(request.Header, id, body); err != nil {
		return answer{reason: ReasonUndecodable, err: err}
	}
	response, err := c.client.Do(request)
	if err != nil {
		return failed(err)
	}
	defer drop(response.Body)
	return judge(response)
}

// content returns the header and the body that tell of an outcome.
func (c *courier) content(event cloudevents.Event, body []byte) (http.Header, []byte, error) {
	header := http.Header{}
	if trace := extension(event, "traceparent"); trace != "" {
		header.Set("Traceparent", trace)
	}
	switch c.to.Mode {
	case ModeBinary:
		if err := (Arrival{Event: event}).binary(header.Set); err != nil {
			return nil, nil, err
		}
		body = event.Data()
	case ModeDataFactory:
		var err error
		if body, err = dataFactoryAnswer(event); err != nil {
			return nil, nil, err
		}
		header.Set(headerContentType, cloudevents.ApplicationJSON)
	case ModeSlack, ModeTeams:
		var err error
		if body, err = chatMessage(c.to.Mode, event); err != nil {
			return nil, nil, err
		}
		header.Set(headerContentType, cloudevents.ApplicationJSON)
	default:
		header.Set(headerContentType, MediaEvent)
	}
	return header, body, nil
}

// sign adds the headers of Standard Webhooks: one signature for each secret, so
// that secrets can be changed one side after the other.
func (c *courier) sign(header http.Header, id string, body []byte) error {
	now := time.Now()
	header.Set(standardwebhooks.HeaderWebhookID, id)
	header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	var signatures []string
	for _, signer := range c.signers {
		signature, err := signer.Sign(id, now, body)
		if err != nil {
			return fmt.Errorf("sign delivery: %w", err)
		}
		signatures = append(signatures, signature)
	}
	if len(signatures) > 0 {
		header.Set(standardwebhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	}
	return nil
}

// failed judges a request that got no answer. The error shows nothing of the URL.
func failed(err error) answer {
	if outer := new(url.Error); errors.As(err, &outer) {
		err = outer.Err
	}
	var network net.Error
	reason := ReasonTransport
	switch {
	case errors.Is(err, errAddress):
		reason = ReasonForbiddenAddress
	case errors.Is(err, context.Canceled):
		reason = ReasonShutdown
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		reason = ReasonTimeout
	}
	return answer{reason: reason, err: err}
}

// judge says what an answer means.
func judge(response *http.Response) answer {
	a := answer{status: response.StatusCode}
	switch status := response.StatusCode; {
	case status >= 200 && status < 300:
		return a
	case status == http.StatusGone:
		a.reason = ReasonGone
	case status == http.StatusTooManyRequests:
		a.reason = ReasonRateLimited
	case status >= 500:
		a.reason = ReasonServerError
	default:
		a.reason = ReasonRefused
	}
	a.err = fmt.Errorf("answered %d", response.StatusCode)
	a.retryAfter = retryAfter(response.Header.Get("Retry-After"), time.Now())
	return a
}

// retryAfter reads seconds or a date, 0 when it is neither.
func retryAfter(text string, now time.Time) time.Duration {
	var wait time.Duration
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if date, err := http.ParseTime(text); err == nil {
		wait = date.Sub(now)
	}
	return min(max(wait, 0), longestRetryAfter)
}

// drop reads what is left of a small answer, so that its connection can be used
// again, and closes it.
func drop(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, largestAnswer)
	_ = body.Close()
}
