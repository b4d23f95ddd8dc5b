package ingress

import (
	"fmt"
	"strings"
)

// String says in a few words how a sender proves itself. No secret is in it.
func (v Verifier) String() string {
	switch {
	case v.None:
		return "nothing"
	case v.HMAC != nil:
		return fmt.Sprintf("%s of the body in `%s`", hmacProof{HMAC: *v.HMAC}.algorithm(), v.HMAC.Header)
	case v.Webhooks != nil:
		return "Standard Webhooks signature (v1 or v1a)"
	case v.Token != nil && v.Token.Scheme != "":
		return fmt.Sprintf("%s token in `%s`", v.Token.Scheme, v.Token.Header)
	case v.Token != nil:
		return fmt.Sprintf("secret in `%s`", v.Token.Header)
	case v.Query != nil:
		return fmt.Sprintf("secret in the address, `?%s=`", v.Query.name())
	case v.Basic != nil:
		return fmt.Sprintf("user `%s` and password", v.Basic.User)
	case v.JWT != nil:
		return "token of " + v.JWT.Issuer
	case v.SNS != nil:
		return "signature of Amazon SNS, and the topic"
	case v.MTLS != nil:
		return "client certificate"
	case len(v.IP) > 0:
		return "address"
	}
	var parts []string
	for _, inner := range append(v.All[:len(v.All):len(v.All)], v.Any...) {
		parts = append(parts, inner.String())
	}
	if len(v.All) > 0 {
		return strings.Join(parts, " and ")
	}
	return strings.Join(parts, " or ")
}

// GoString keeps secrets out of %#v.
func (v Verifier) GoString() string { return v.String() }
