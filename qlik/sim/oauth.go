package sim

import (
	"crypto/subtle"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"time"
)

// grant is the token endpoint's answer.
type grant struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresAt   moment `json:"expires_at"`
	ExpiresIn   int    `json:"expires_in"`
	Scope       string `json:"scope,omitempty"`
}

// oauthToken gives an access token for client credentials, sent as JSON or as a
// form.
func (t *Tenant) oauthToken(r *request) answer {
	var asked struct {
		ClientID     string `json:"client_id"`
		ClientSecret string `json:"client_secret"`
		GrantType    string `json:"grant_type"`
		Scope        string `json:"scope"`
	}
	if json.Unmarshal(r.body, &asked) != nil {
		form, err := url.ParseQuery(string(r.body))
		if err != nil {
			return t.fail(http.StatusBadRequest, "", "The body is neither JSON nor a form.")
		}
		asked.ClientID, asked.ClientSecret = form.Get("client_id"), form.Get("client_secret")
		asked.GrantType, asked.Scope = form.Get("grant_type"), form.Get("scope")
	}
	if asked.GrantType != "client_credentials" {
		return t.fail(http.StatusBadRequest, "unsupported_grant_type", "grant_type is not client_credentials.")
	}
	id := subtle.ConstantTimeCompare([]byte(asked.ClientID), []byte(t.cfg.ClientID))
	secret := subtle.ConstantTimeCompare([]byte(asked.ClientSecret), []byte(t.cfg.ClientSecret))
	if id&secret != 1 {
		return t.fail(http.StatusUnauthorized, "invalid_client", "The client or its secret is not known.")
	}
	t.forgetTokens(r.now)
	g := grant{
		AccessToken: "access-" + t.newID() + t.newID(), TokenType: "bearer", Scope: asked.Scope,
		ExpiresAt: moment(r.now.Add(t.cfg.TokenTime)), ExpiresIn: int(t.cfg.TokenTime / time.Second),
	}
	t.tokens[g.AccessToken] = &token{user: t.first, expires: time.Time(g.ExpiresAt)}
	return ok(http.StatusOK, g)
}

// forgetTokens removes the tokens that have expired.
func (t *Tenant) forgetTokens(now time.Time) {
	maps.DeleteFunc(t.tokens, func(_ string, known *token) bool { return known.expired(now) })
}

// RevokeTokens makes every access token invalid at once, as when an
// administrator revokes them. API keys stay.
func (t *Tenant) RevokeTokens() {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.DeleteFunc(t.tokens, func(_ string, known *token) bool { return !known.expires.IsZero() })
}

// meBody is the caller on the wire.
type meBody struct {
	ID       string   `json:"id"`
	TenantID string   `json:"tenantId"`
	Name     string   `json:"name"`
	Subject  string   `json:"subject"`
	Status   string   `json:"status"`
	Roles    []string `json:"roles"`
}

// getMe tells who calls.
func (t *Tenant) getMe(r *request) answer {
	me := meBody{ID: r.user.id, TenantID: t.id, Name: r.user.name, Subject: r.user.subject, Status: "active", Roles: r.user.roles}
	return ok(http.StatusOK, me)
}
