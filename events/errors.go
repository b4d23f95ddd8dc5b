package events

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// What storing an event or an outcome can fail with. Other errors are mistakes
// in the call.
var (
	// ErrFull means that the stream is at its limit and drops nothing for new
	// messages, or that the broker's disk is used up.
	ErrFull = errors.New("the stream is full")

	// ErrUnavailable means that the broker did not confirm in time: it is down,
	// not reachable or has no leader. The message may have been stored all the
	// same, so it is sent again under the same id.
	ErrUnavailable = errors.New("the broker is not available")

	// ErrTooLarge means that the broker takes no message of this size.
	ErrTooLarge = errors.New("the message is too large for the broker")
)

// Error codes of JetStream that its client has no names for.
const (
	codeInsufficientResources jetstream.ErrorCode = 10023
	codeMemoryExceeded        jetstream.ErrorCode = 10028
	codeStorageExceeded       jetstream.ErrorCode = 10047
	codeMessageTooLarge       jetstream.ErrorCode = 10054
	codeStoreFailed           jetstream.ErrorCode = 10077
	codeHeaderTooLarge        jetstream.ErrorCode = 10097
	codeInProcess             jetstream.ErrorCode = 10158
	codeDuplicateInBatch      jetstream.ErrorCode = 10201
	codeTooManyBatches        jetstream.ErrorCode = 10210
)

// classify says an error of the broker in the words of this package.
func classify(doing string, err error) error {
	if err == nil {
		return nil
	}
	var api *jetstream.APIError
	kind := ErrUnavailable
	if errors.Is(err, nats.ErrMaxPayload) {
		kind = ErrTooLarge
	} else if errors.As(err, &api) {
		kind = kindOf(api)
	}
	return fmt.Errorf("%s: %w: %w", doing, kind, err)
}

func kindOf(api *jetstream.APIError) error {
	switch api.ErrorCode {
	case codeInsufficientResources, codeMemoryExceeded, codeStorageExceeded:
		return ErrFull
	case codeMessageTooLarge, codeHeaderTooLarge:
		return ErrTooLarge
	case codeStoreFailed:
		// The store says which limit it met in words only: "maximum bytes exceeded".
		if strings.HasPrefix(api.Description, "maximum ") {
			return ErrFull
		}
	}
	return ErrUnavailable
}

// hasCode reports whether the broker answered with one of the codes.
func hasCode(err error, codes ...jetstream.ErrorCode) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && slices.Contains(codes, api.ErrorCode)
}
