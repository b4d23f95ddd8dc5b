package qlik

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// A Dialect is one of the two ways in which Qlik's API is spoken. A client
// writes requests in its dialect and reads answers in either.
type Dialect string

// The dialects.
const (
	// OpenAPI is the published document: flat bodies, variables as an array of
	// names and values.
	OpenAPI Dialect = "openapi"

	// Cloud is the live service: bodies in an `attributes` envelope, variables
	// as an object, targetId, error codes, items and users.
	Cloud Dialect = "cloud"
)

// ErrNotInDialect is returned by methods that need the live service when the
// client speaks the document's dialect.
var ErrNotInDialect = errors.New("not in this dialect")

// DialectOf tells the dialect that a tenant's address suggests: Cloud for hosts
// below qlikcloud.com, OpenAPI for all others.
func DialectOf(address string) Dialect {
	u, err := url.Parse(address)
	if err == nil && strings.HasSuffix(strings.ToLower(u.Hostname()), ".qlikcloud.com") {
		return Cloud
	}
	return OpenAPI
}

// check returns an error unless the dialect is one of the two.
func (d Dialect) check() error {
	if d != OpenAPI && d != Cloud {
		return fmt.Errorf("dialect %q: %w: expected %q or %q", string(d), ErrInvalid, OpenAPI, Cloud)
	}
	return nil
}

// envelope wraps the body of a request about an app as the live service wants it.
type envelope struct {
	Attributes any `json:"attributes"`
}

// wrap gives the body of a request about an app in dialect d.
func (d Dialect) wrap(attributes any) any {
	if d == Cloud {
		return envelope{attributes}
	}
	return attributes
}
