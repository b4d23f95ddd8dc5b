package sim

import (
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/qlikgateway/gateway/qlik"
)

// A Config says how a tenant behaves. The zero value is a tenant of the
// document's dialect, whose reloads take two seconds.
type Config struct {
	Dialect qlik.Dialect // default qlik.OpenAPI

	ReloadTime time.Duration // from the start of a reload to its end, a tenth of it in the queue; default 2s
	Spread     float64       // by how much of it a reload may be shorter or longer, 0 to 1; default 0
	MaxReload  time.Duration // a reload that runs longer ends as EXCEEDED_LIMIT; default 3h

	Seed   uint64 // of identifiers and spreads; the same seed makes the same tenant
	APIKey string // of the first user; default: made from the seed

	ClientID     string // of the OAuth client; default: made from the seed
	ClientSecret string
	TokenTime    time.Duration // how long an access token lives; default 6h

	Quota Quota

	// QueueReloads accepts a reload of an app whose last one has not ended. By
	// default it is refused with 429 RELOADS-007.
	QueueReloads bool

	// DailyReloads is how many reloads an app may have within 24 hours; the next
	// is refused with 403 RELOADS-013. Default: no limit.
	DailyReloads int

	// Deliver carries the requests of webhooks; default: http.DefaultTransport.
	Deliver http.RoundTripper
}

// A Quota limits the calls of each user, by class. A zero Limit is Qlik's own,
// which the document's dialect has for reloads only.
type Quota struct {
	Reload, Write, Read Limit
}

// A Limit is a number of calls within any window.
type Limit struct {
	Calls int // negative: no limit
	Per   time.Duration
}

// Unlimited is a quota that lets everything through.
func Unlimited() Quota {
	none := Limit{Calls: -1}
	return Quota{none, none, none}
}

// withDefaults fills in what is not set.
func (c Config) withDefaults() Config {
	if c.Dialect == "" {
		c.Dialect = qlik.OpenAPI
	}
	setDefault(&c.ReloadTime, 2*time.Second)
	setDefault(&c.MaxReload, 3*time.Hour)
	setDefault(&c.TokenTime, 6*time.Hour)
	c.Spread = min(max(c.Spread, 0), 1)
	setDefault(&c.Quota.Reload, Limit{50, time.Minute})
	if c.Dialect == qlik.Cloud {
		setDefault(&c.Quota.Write, Limit{100, time.Minute})
		setDefault(&c.Quota.Read, Limit{1000, time.Minute})
	}
	return c
}

// setDefault sets a value that is zero.
func setDefault[T comparable](value *T, otherwise T) {
	var zero T
	if *value == zero {
		*value = otherwise
	}
}

// newIDs gives a source of identifiers and spreads.
func newIDs(seed uint64) *rand.Rand {
	var key [32]byte
	for i := range 8 {
		key[i] = byte(seed >> (8 * i))
	}
	return rand.New(rand.NewChaCha8(key))
}
