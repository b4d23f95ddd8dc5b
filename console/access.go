package console

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

// A Role says what somebody may do.
type Role string

// The roles. An operator may do what a viewer may, and give orders.
const (
	Viewer   Role = "viewer"
	Operator Role = "operator"
)

// A Token lets a person or a program in.
type Token struct {
	Name   string // who has it, for the log
	Role   Role
	Secret string
}

// String keeps the secret out of what is printed.
func (t Token) String() string { return t.Name + " (" + string(t.Role) + ")" }

// GoString keeps the secret out of %#v.
func (t Token) GoString() string { return t.String() }

const (
	cookieName = "gateway-console"
	cookieAge  = 12 * time.Hour
	asker      = "asker" // where a request's context says who asks
)

// A person is who asks, and where from.
type person struct {
	Name string
	Role Role
	From string
}

func (p person) String() string { return p.Name + "@" + p.From }

func who(c *gin.Context) person {
	p, _ := c.Get(asker)
	known, _ := p.(person)
	return known
}

// admit lets a request pass whose sender has a role.
func (c *Console) admit(least Role) gin.HandlerFunc {
	return func(g *gin.Context) {
		someone, known := c.recognize(g.Request)
		if !known {
			c.turnAway(g)
			return
		}
		if least == Operator && someone.Role != Operator {
			problem(g, http.StatusForbidden, "this takes a token with the role operator; yours is "+string(someone.Role))
			return
		}
		g.Set(asker, someone)
	}
}

// turnAway says how to get in: people a form, programs a problem.
func (c *Console) turnAway(g *gin.Context) {
	if strings.Contains(g.GetHeader("Accept"), "text/html") && len(c.Tokens) > 0 {
		g.Redirect(http.StatusSeeOther, "/login?to="+url.QueryEscape(g.Request.URL.RequestURI()))
		g.Abort()
		return
	}
	hint := "send Authorization: Bearer and a token of console.tokens"
	if len(c.Tokens) == 0 {
		hint = "without console.tokens the console answers only on this machine, asked as localhost: configure a token, or forward the port"
	}
	g.Header("WWW-Authenticate", `Bearer realm="gateway console"`)
	problem(g, http.StatusUnauthorized, hint)
}

// recognize finds out who asks.
func (c *Console) recognize(r *http.Request) (person, bool) {
	from, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		from = r.RemoteAddr
	}
	if len(c.Tokens) == 0 {
		return person{Name: "local", Role: Operator, From: from}, local(r, from)
	}
	if secret, given := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); given {
		token, known := c.tokenOf(secret)
		return person{Name: token.Name, Role: token.Role, From: from}, known
	}
	if cookie, err := r.Cookie(cookieName); err == nil {
		token, known := c.unseal(cookie.Value, time.Now())
		return person{Name: token.Name, Role: token.Role, From: from}, known
	}
	return person{}, false
}

// local says whether a request comes from this machine, without a proxy between,
// and was meant for it: a page whose name was made to point here names itself.
func local(r *http.Request, from string) bool {
	for _, header := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip"} {
		if r.Header.Get(header) != "" {
			return false
		}
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return loopback(from) && (host == "localhost" || loopback(strings.Trim(host, "[]")))
}

func loopback(text string) bool {
	address, err := netip.ParseAddr(text)
	return err == nil && address.Unmap().IsLoopback()
}

// tokenOf finds the token with a secret; how long it takes does not tell which.
func (c *Console) tokenOf(secret string) (found Token, known bool) {
	sum := sha256.Sum256([]byte(secret))
	for _, token := range c.Tokens {
		own := sha256.Sum256([]byte(token.Secret))
		if subtle.ConstantTimeCompare(sum[:], own[:]) == 1 {
			found, known = token, true
		}
	}
	return found, known
}

// sealed returns the cookie of somebody who showed a token. It says which token and
// until when; the secret is not in it, and it ends with the process.
func (c *Console) sealed(token Token, until time.Time) string {
	text := fmt.Sprintf("%d.%s", until.Unix(), token.Name)
	return base64.RawURLEncoding.EncodeToString([]byte(text)) + "." + base64.RawURLEncoding.EncodeToString(c.mac(text, token))
}

func (c *Console) mac(text string, token Token) []byte {
	mac := hmac.New(sha256.New, c.seal)
	mac.Write([]byte(text + "\x00" + token.Secret))
	return mac.Sum(nil)
}

func (c *Console) unseal(cookie string, now time.Time) (Token, bool) {
	encoded, signature, _ := strings.Cut(cookie, ".")
	text, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return Token{}, false
	}
	given, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil {
		return Token{}, false
	}
	ends, name, _ := strings.Cut(string(text), ".")
	seconds, err := strconv.ParseInt(ends, 10, 64)
	if err != nil || now.Unix() >= seconds {
		return Token{}, false
	}
	for _, token := range c.Tokens {
		if token.Name == name && hmac.Equal(given, c.mac(string(text), token)) {
			return token, true
		}
	}
	return Token{}, false
}
