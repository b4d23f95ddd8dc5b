package sim

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/qlikgateway/gateway/qlik"
)

// A Tenant is one simulated tenant. It is safe for use by several goroutines.
type Tenant struct {
	cfg     Config
	id      string
	handler http.Handler
	control http.Handler

	mu      sync.Mutex
	ids     *rand.Rand
	ahead   time.Duration // of our clock; see Advance
	first   *user         // the one whom the API key and the OAuth client stand for
	users   map[string]*user
	tokens  map[string]*token
	apps    *table[*app]
	spaces  *table[*space]
	reloads *table[*reload]
	running map[string]*reload // those whose end was not yet seen, by id

	reloadsOf map[string][]*reload // by app, the oldest first
	exports   []*export
	hooks     *table[*hook]
	post      poster

	words    words
	document *document // read at the first request

	meters  map[meterKey][]time.Time
	faults  []*fault
	calls   []Call
	dropped int // calls that were forgotten
}

// A token is a bearer token, for ever or for a while.
type token struct {
	user    *user
	expires time.Time // zero: never
}

// expired says that the token proves nothing any more.
func (k *token) expired(now time.Time) bool { return !k.expires.IsZero() && !now.Before(k.expires) }

// New returns a tenant with sample apps and spaces.
func New(cfg Config) *Tenant {
	cfg = cfg.withDefaults()
	t := &Tenant{
		cfg:     cfg,
		ids:     newIDs(cfg.Seed),
		users:   map[string]*user{},
		tokens:  map[string]*token{},
		apps:    newTable[*app](),
		spaces:  newTable[*space](),
		reloads: newTable[*reload](),
		running: map[string]*reload{},
		meters:  map[meterKey][]time.Time{},

		reloadsOf: map[string][]*reload{},
		hooks:     newTable[*hook](),
		words:     newWords(),
	}
	t.id = t.newID()
	clientID, clientSecret := t.newID(), t.newID()+t.newID() // always made, so that a seed makes the same identifiers
	setDefault(&t.cfg.ClientID, clientID)
	setDefault(&t.cfg.ClientSecret, clientSecret)
	if t.cfg.APIKey == "" {
		t.cfg.APIKey = fmt.Sprintf("sim-%016x%016x", newIDs(^cfg.Seed).Uint64(), newIDs(^cfg.Seed+1).Uint64())
	}
	bot := &user{id: t.newID(), name: "Gateway", subject: `qlikbot\` + t.cfg.ClientID, roles: []string{RoleTenantAdmin}}
	t.first, t.users[bot.id] = bot, bot
	t.tokens[t.cfg.APIKey] = &token{user: bot}
	t.addSamples(bot)
	t.handler = t.routes()
	t.control = t.controls()
	return t
}

// Dialect tells how the tenant speaks.
func (t *Tenant) Dialect() qlik.Dialect { return t.cfg.Dialect }

// APIKey gives the key of the first user, an administrator of the tenant.
func (t *Tenant) APIKey() string { return t.cfg.APIKey }

// OAuth gives the OAuth client that stands for the same user.
func (t *Tenant) OAuth() qlik.OAuth {
	return qlik.OAuth{ClientID: t.cfg.ClientID, ClientSecret: t.cfg.ClientSecret}
}

// Handler answers Qlik's API, without the control plane.
func (t *Tenant) Handler() http.Handler { return t.handler }

// Control answers the control plane below /_sim/. It asks for no key: keep it
// on a loopback address.
func (t *Tenant) Control() http.Handler { return t.control }

// Now is the time on the tenant's clock.
func (t *Tenant) Now() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.now()
}

// Advance moves the tenant's clock forward: reloads end, quotas free up and
// tokens expire as if that time had passed.
func (t *Tenant) Advance(by time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ahead += max(0, by)
	t.settle(t.now())
	t.arm(t.now())
}

// now is the tenant's time, cut to the milliseconds that Qlik shows.
func (t *Tenant) now() time.Time {
	return time.Now().Add(t.ahead).UTC().Truncate(time.Millisecond)
}

// newID makes an identifier of 24 hexadecimal digits, as spaces, users and
// reloads have them.
func (t *Tenant) newID() string {
	var b [12]byte
	for i := range b {
		b[i] = byte(t.ids.Uint32())
	}
	return hex.EncodeToString(b[:])
}

// newGUID makes an identifier as apps have them.
func (t *Tenant) newGUID() string {
	hi, lo := t.ids.Uint64(), t.ids.Uint64()
	hi = hi&^0xf000 | 0x4000
	lo = lo&^(0xc<<60) | 0x8<<60
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", hi>>32, hi>>16&0xffff, hi&0xffff, lo>>48, lo&0xffffffffffff)
}

// A table keeps records by identifier, in the order in which they came.
type table[T any] struct {
	byID  map[string]T
	order []string
}

func newTable[T any]() *table[T] { return &table[T]{byID: map[string]T{}} }

func (t *table[T]) add(id string, record T) {
	t.byID[id] = record
	t.order = append(t.order, id)
}

func (t *table[T]) remove(id string) {
	delete(t.byID, id)
	t.order = slices.DeleteFunc(t.order, func(other string) bool { return other == id })
}

// all gives the records in order.
func (t *table[T]) all() []T {
	list := make([]T, len(t.order))
	for i, id := range t.order {
		list[i] = t.byID[id]
	}
	return list
}
