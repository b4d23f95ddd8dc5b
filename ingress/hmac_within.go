package ingress

import (
	"strconv"
	"strings"
)

// signedWithin stands in a template for a time that is written in the header of the
// signature itself. No header of a delivery is read in its place.
const signedWithin = "Gateway-Signed-Within"

// within returns what a time of signing begins with that is a part of the signature's
// header, such as "t=" in `t=1700000000,v1=...`; "" = it has a header of its own.
func (c HMAC) within() string {
	if strings.HasSuffix(c.Timestamp, "=") {
		return c.Timestamp
	}
	return ""
}

// timestamp is the header with the time of signing, or what stands for it.
func (c HMAC) timestamp() string {
	if c.within() != "" {
		return signedWithin
	}
	return c.Timestamp
}

// value is what a delivery has for a header of the template.
func (p hmacProof) value(e *evidence, name string) string {
	if name != signedWithin {
		return e.header.Get(name)
	}
	for _, part := range strings.SplitN(e.header.Get(p.Header), p.Separator, maxSignatures+1) {
		if text, ok := strings.CutPrefix(part, p.within()); ok {
			return text
		}
	}
	return ""
}

// sign proves a delivery as its sender would.
func (p hmacProof) sign(e *evidence) error {
	p.stamp(e.header, e.now)
	before := ""
	if p.within() != "" {
		before = p.within() + strconv.FormatInt(e.now.Unix(), 10) + p.Separator
		e.header.Set(p.Header, before)
	}
	e.header.Set(p.Header, before+p.Prefix+p.encode(p.sum(0, e)))
	return nil
}
