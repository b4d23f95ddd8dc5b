package qlik

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// Limits of a call where Config does not say otherwise.
const (
	DefaultTimeout     = 30 * time.Second
	DefaultSlowTimeout = 10 * time.Minute
	DefaultMaxLog      = 64 << 20
)

// A Config says where a tenant is and who calls it. Exactly one of APIKey and
// OAuth is needed. It prints without its secrets.
type Config struct {
	URL     string  // https://acme.eu.qlikcloud.com; with or without /api/v1
	Dialect Dialect // default: DialectOf(URL)

	APIKey string `json:"-"`
	OAuth  OAuth

	// Transport carries the requests; default: a clone of http.DefaultTransport
	// that keeps more connections. It must not repeat requests by itself.
	Transport http.RoundTripper `json:"-"`

	Timeout     time.Duration // of one call; default 30s
	SlowTimeout time.Duration // of copy, publish, import, export and downloads; default 10m
	MaxLog      int64         // bytes of a log that GetAppReloadLog gives; default 64 MiB
	UserAgent   string        // default "qlikgateway"
}

// OAuth is a client of the tenant with the client-credentials grant.
type OAuth struct {
	ClientID     string
	ClientSecret string `json:"-"`
	Scope        string // default: what the client is allowed
}

// Format prints a Config without its secrets, whatever the verb.
func (c Config) Format(f fmt.State, _ rune) {
	key := ""
	if c.APIKey != "" {
		key = " APIKey:***"
	}
	fmt.Fprintf(f, "{URL:%s Dialect:%s%s OAuth:%v}", c.URL, c.Dialect, key, c.OAuth)
}

// Format prints an OAuth client without its secret, whatever the verb.
func (o OAuth) Format(f fmt.State, _ rune) {
	if o == (OAuth{}) {
		fmt.Fprint(f, "{}")
		return
	}
	fmt.Fprintf(f, "{ClientID:%s ClientSecret:***}", o.ClientID)
}

// A Client calls one tenant. It is safe for use by several goroutines.
type Client struct {
	dialect    Dialect
	base       *url.URL // ends in /api/v1
	http       *http.Client
	proof      atomic.Pointer[credential] // see Renew
	operations map[string]Operation

	timeout, slowTimeout time.Duration
	maxLog               int64
	userAgent            string

	offset atomic.Int64 // Qlik's clock minus ours, in nanoseconds
}

// New returns a client for the tenant at cfg.URL. It makes no call.
func New(cfg Config) (*Client, error) {
	base, err := baseURL(cfg.URL)
	if err != nil {
		return nil, err
	}
	if cfg.Dialect == "" {
		cfg.Dialect = DialectOf(cfg.URL)
	}
	if err := cfg.Dialect.check(); err != nil {
		return nil, err
	}
	c := &Client{
		dialect:     cfg.Dialect,
		base:        base,
		http:        &http.Client{Transport: cfg.Transport, CheckRedirect: stayHere},
		operations:  map[string]Operation{},
		timeout:     orDefault(cfg.Timeout, DefaultTimeout),
		slowTimeout: orDefault(cfg.SlowTimeout, DefaultSlowTimeout),
		maxLog:      cfg.MaxLog,
		userAgent:   cfg.UserAgent,
	}
	if c.http.Transport == nil {
		c.http.Transport = newTransport()
	}
	if c.maxLog <= 0 {
		c.maxLog = DefaultMaxLog
	}
	if c.userAgent == "" {
		c.userAgent = "qlikgateway"
	}
	for _, op := range append(Operations(), beyond()...) {
		c.operations[op.ID] = op
	}
	proof, err := newCredential(cfg, base, c.http)
	if err != nil {
		return nil, err
	}
	c.proof.Store(&proof)
	return c, nil
}

// Renew has the client prove itself by the API key or OAuth client of another Config
// from now on; nothing else of it counts. Calls under way end as they began. It fails,
// and changes nothing, where New would.
func (c *Client) Renew(cfg Config) error {
	next, err := newCredential(cfg, c.base, c.http)
	if err != nil {
		return err
	}
	before := c.credential()
	if known, ok := before.(succession); ok {
		before = known.credential
	}
	next = succession{credential: next, before: before}
	c.proof.Store(&next)
	return nil
}

// credential is what proves the client now.
func (c *Client) credential() credential { return *c.proof.Load() }

// String names the client by its tenant.
func (c *Client) String() string { return "qlik.Client(" + c.base.Host + ")" }

// GoString prints the client without its secrets.
func (c *Client) GoString() string { return c.String() }

// Dialect tells the dialect in which the client writes.
func (c *Client) Dialect() Dialect { return c.dialect }

// ServerTime gives the local time t on Qlik's clock, as the last answer's Date
// header told it. Because that header has whole seconds, the result is early by
// up to one second and one answer's way; it is not late. Before the first answer
// it is t.
func (c *Client) ServerTime(t time.Time) time.Time {
	return t.Add(time.Duration(c.offset.Load()))
}

// noteTime remembers Qlik's clock from an answer that came just now.
func (c *Client) noteTime(h http.Header) {
	date, err := http.ParseTime(h.Get("Date"))
	if err == nil {
		c.offset.Store(int64(date.Sub(time.Now().Round(0))))
	}
}

// baseURL checks a tenant's address and completes it to the API's root.
func baseURL(address string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimRight(address, "/"))
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, fmt.Errorf("tenant URL %q: %w: expected https://tenant.region.qlikcloud.com", redactURL(address), ErrInvalid)
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("tenant URL %q: %w: expected no user, query or fragment", u.Redacted(), ErrInvalid)
	}
	if !strings.HasSuffix(u.Path, "/api/v1") {
		u.Path, u.RawPath = u.Path+"/api/v1", ""
	}
	return u, nil
}

// redactURL hides what may be a password in an address that does not parse.
func redactURL(address string) string {
	if at := strings.LastIndex(address, "@"); at >= 0 {
		return "***" + address[at:]
	}
	return address
}

// stayHere keeps a client from following redirects: a call is one request, and
// a token goes to no other host.
func stayHere(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// newTransport returns the default transport with room for a tenant's workers.
func newTransport() http.RoundTripper {
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return http.DefaultTransport
	}
	t = t.Clone()
	t.MaxIdleConnsPerHost = 64
	return t
}

// orDefault gives d, or the default when d is not set.
func orDefault(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}
