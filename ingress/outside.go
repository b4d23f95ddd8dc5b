package ingress

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	fetchTimeout = 3 * time.Second // below what the most impatient sender waits
	fetchMost    = 256 << 10       // bytes of one answer
	fetchAtOnce  = 8
	fetchEvery   = 5 * time.Second // for one address: strangers can ask for unknown keys as often as they like
	keptMost     = 64              // addresses whose answers are kept
)

// errKeys says that what is needed to judge a proof could not be fetched: it says
// nothing about the proof.
var errKeys = errors.New("the keys that this proof needs cannot be fetched")

// errEarly refuses a second fetch of one address in a short time.
var errEarly = errors.New("fetched a moment ago")

// outside fetches what proofs need from others: keys, certificates and the
// confirmation of a subscription. It follows no redirects, reads little, waits
// briefly, and asks seldom whatever strangers send.
type outside struct {
	client *http.Client
	slots  chan struct{}

	once singleflight.Group

	mu      sync.Mutex
	fetched map[string]time.Time // when an address was asked last
	kept    map[string]any       // what was made of its answer
}

func newOutside(transport http.RoundTripper) *outside {
	if transport == nil {
		transport = http.DefaultTransport.(*http.Transport).Clone()
	}
	o := &outside{slots: make(chan struct{}, fetchAtOnce), fetched: map[string]time.Time{}, kept: map[string]any{}}
	o.client = &http.Client{
		Transport:     bounded{transport},
		Timeout:       fetchTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return o
}

// bounded cuts answers short.
type bounded struct{ http.RoundTripper }

// RoundTrip answers with at most fetchMost bytes of body.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := b.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if response.ContentLength > fetchMost {
		_ = response.Body.Close()
		return nil, fmt.Errorf("%s answers with %d bytes, more than %d", r.URL.Host, response.ContentLength, fetchMost)
	}
	response.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(response.Body, fetchMost), response.Body}
	return response, nil
}

// get fetches an address and returns what a 200 has.
func (o *outside) get(ctx context.Context, address string) ([]byte, error) {
	select {
	case o.slots <- struct{}{}:
		defer func() { <-o.slots }()
	default:
		return nil, fmt.Errorf("%w: too many at once", errKeys)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errKeys, err)
	}
	response, err := o.client.Do(request)
	if err != nil {
		if wrapped := new(url.Error); errors.As(err, &wrapped) { // which shows the whole address
			err = wrapped.Err
		}
		return nil, fmt.Errorf("%w: %s: %w", errKeys, request.URL.Host, err)
	}
	defer response.Body.Close() //nolint:errcheck // nothing was written
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errKeys, err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: %s answers %d", errKeys, request.URL.Host, response.StatusCode)
	}
	return body, nil
}

// allow reports whether the address may be asked now, and notes that it was.
func (o *outside) allow(address string, now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if last, ok := o.fetched[address]; ok && now.Sub(last) < fetchEvery {
		return false
	}
	if len(o.fetched) >= keptMost {
		for old, when := range o.fetched {
			if now.Sub(when) >= fetchEvery {
				delete(o.fetched, old)
			}
		}
	}
	if len(o.fetched) >= keptMost {
		return false
	}
	o.fetched[address] = now
	return true
}

// keep returns what is kept under a name, made when there is nothing yet: by one,
// while others who ask for it wait.
func (o *outside) keep(name string, fresh func() (any, error)) (any, error) {
	value, err, _ := o.once.Do(name, func() (any, error) {
		o.mu.Lock()
		value, ok := o.kept[name]
		o.mu.Unlock()
		if ok {
			return value, nil
		}
		value, err := fresh()
		if err != nil {
			return nil, err
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		if len(o.kept) >= keptMost { // rarely; what is still needed is fetched again
			clear(o.kept)
		}
		o.kept[name] = value
		return value, nil
	})
	return value, err
}
