package qlik

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// A credential proves who calls.
type credential interface {
	// token gives the bearer token to send.
	token(ctx context.Context) (string, error)

	// renew is told that a token was refused, and says whether another may be
	// better.
	renew(refused string) bool

	// redact takes the credential's secrets out of a text.
	redact(text string) string
}

// newCredential gives the credential that a configuration asks for.
func newCredential(cfg Config, base *url.URL, client *http.Client) (credential, error) {
	oauth := cfg.OAuth.ClientID != "" || cfg.OAuth.ClientSecret != ""
	switch {
	case cfg.APIKey != "" && oauth:
		return nil, fmt.Errorf("tenant %s: %w: expected an API key or an OAuth client, not both", base.Host, ErrInvalid)
	case cfg.APIKey != "":
		if strings.ContainsAny(cfg.APIKey, "\r\n") {
			return nil, fmt.Errorf("tenant %s: %w: the API key holds a line break", base.Host, ErrInvalid)
		}
		return apiKey(func() string { return cfg.APIKey }), nil
	case oauth && (cfg.OAuth.ClientID == "" || cfg.OAuth.ClientSecret == ""):
		return nil, fmt.Errorf("tenant %s: %w: an OAuth client needs an id and a secret", base.Host, ErrInvalid)
	case oauth:
		endpoint := *base
		endpoint.Path = strings.TrimSuffix(base.Path, "/api/v1") + "/oauth/token"
		return &tokens{client: client, endpoint: endpoint.String(), oauth: cfg.OAuth}, nil
	}
	return nil, fmt.Errorf("tenant %s: %w: expected an API key or an OAuth client", base.Host, ErrInvalid)
}

// An apiKey is a credential that stays what it is. It is a function so that no
// printing of a struct can show it.
type apiKey func() string

func (k apiKey) token(context.Context) (string, error) { return k(), nil }
func (k apiKey) renew(refused string) bool             { return k() != refused } // it was exchanged meanwhile
func (k apiKey) redact(text string) string             { return hide(text, k()) }

// A succession is a credential that took another's place. Calls that began with that
// one may still fail, and must not show it.
type succession struct {
	credential
	before credential
}

func (s succession) redact(text string) string { return s.before.redact(s.credential.redact(text)) }

// tokens are access tokens got with client credentials, one at a time, each
// used until shortly before it expires. golang.org/x/oauth2 does not fit: it
// sends the credentials as a form where Qlik's samples send JSON, refreshes
// under a lock that ignores the caller's context, and can not be told that a
// token was refused.
type tokens struct {
	client   *http.Client
	endpoint string
	oauth    OAuth

	flight singleflight.Group

	mu        sync.Mutex
	current   string
	refreshAt time.Time
	expires   time.Time
}

// token gives the current token, or fetches one. Callers that come at the same
// time share one fetch, and none of them can cancel it for the others. While
// the old token lives, a failed refresh is no failure.
func (t *tokens) token(ctx context.Context) (string, error) {
	current, fresh := t.held()
	if fresh {
		return current, nil
	}
	fetched := t.flight.DoChan("token", func() (any, error) {
		if current, fresh := t.held(); fresh {
			return current, nil
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), DefaultTimeout)
		defer cancel()
		return t.fetch(ctx)
	})
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case r := <-fetched:
		if r.Err == nil {
			return r.Val.(string), nil
		}
		if t.postpone() {
			return current, nil
		}
		return "", r.Err
	}
}

// held gives the token at hand, and whether it needs no refresh yet.
func (t *tokens) held() (string, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.current, t.current != "" && time.Now().Before(t.refreshAt)
}

// postpone keeps the token at hand for another 10 seconds before the next try
// to refresh it. It is false when there is none that lives.
func (t *tokens) postpone() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refreshAt = time.Now().Add(10 * time.Second)
	return t.current != "" && time.Now().Before(t.expires)
}

func (t *tokens) renew(refused string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current == refused {
		t.current = ""
	}
	return true
}

func (t *tokens) redact(text string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return hide(hide(text, t.oauth.ClientSecret), t.current)
}

// A grant is the token endpoint's answer.
type grant struct {
	AccessToken string  `json:"access_token"`
	ExpiresIn   float64 `json:"expires_in"` // seconds
}

// fetch asks the tenant for a token, with a JSON body as Qlik's samples send it.
func (t *tokens) fetch(ctx context.Context) (string, error) {
	body, err := json.Marshal(map[string]string{
		"client_id": t.oauth.ClientID, "client_secret": t.oauth.ClientSecret,
		"grant_type": "client_credentials", "scope": t.oauth.Scope,
	})
	if err != nil {
		return "", fmt.Errorf("encode token request: %w", err)
	}
	if t.oauth.Scope == "" {
		body = bytes.Replace(body, []byte(`,"scope":""`), nil, 1)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.endpoint, bytes.NewReader(body))
	if err != nil {
		return "", fmt.Errorf("make token request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	resp, err := t.client.Do(req)
	if err != nil {
		return "", &Error{Err: fmt.Errorf("get access token: %w", bare(err))}
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return "", t.refused(resp)
	}
	var g grant
	err = json.NewDecoder(io.LimitReader(resp.Body, maxError)).Decode(&g)
	if err == nil && g.AccessToken == "" {
		err = errors.New("no access_token")
	}
	if err != nil {
		return "", &Error{Err: fmt.Errorf("get access token: %w: %v", errUnusable, err)} //nolint:errorlint // the cause is text: its kind says nothing here
	}
	t.keep(g)
	return g.AccessToken, nil
}

// refused gives the error of a token request. That the client is not known or
// not allowed is a 401 of the call that needed the token.
func (t *tokens) refused(resp *http.Response) error {
	e := decodeError("", resp)
	switch resp.StatusCode {
	case http.StatusBadRequest, http.StatusForbidden:
		e.Status = http.StatusUnauthorized
	}
	e.Sent, e.Err = false, errors.New("get access token: refused")
	return e
}

// keep stores a token, to be refreshed after 85 to 90 % of its life.
func (t *tokens) keep(g grant) {
	life := time.Duration(g.ExpiresIn * float64(time.Second))
	if life <= 0 {
		life = time.Hour
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	t.current, t.expires = g.AccessToken, now.Add(life)
	t.refreshAt = now.Add(time.Duration((0.85 + 0.05*rand.Float64()) * float64(life)))
}

// hide replaces a secret in a text.
func hide(text, secret string) string {
	if secret == "" {
		return text
	}
	return strings.ReplaceAll(text, secret, "***")
}
