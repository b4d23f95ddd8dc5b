package qlik_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qlikgateway/gateway/qlik"
	"github.com/qlikgateway/gateway/qlik/sim"
)

const secret = "s3cr3t-s3cr3t-s3cr3t"

// tokensAsked counts the tokens that a tenant was asked for.
func tokensAsked(tenant *sim.Tenant) int {
	n := 0
	for _, c := range tenant.Calls() {
		if c.OperationID == "oauthToken" {
			n++
		}
	}
	return n
}

// oauthClient makes a client of a tenant with client credentials.
func oauthClient(t *testing.T, tenant *sim.Tenant) *qlik.Client {
	t.Helper()
	c, err := qlik.New(qlik.Config{URL: "https://sim.test", Dialect: tenant.Dialect(), OAuth: tenant.OAuth(), Transport: tenant.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCallersShareOneToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tenant := sim.New(sim.Config{Dialect: qlik.Cloud})
		if err := tenant.Inject(sim.Fault{Operation: "oauthToken", Delay: sim.Duration(time.Second)}); err != nil {
			t.Fatal(err)
		}
		c := oauthClient(t, tenant)
		var callers sync.WaitGroup
		for range 20 {
			callers.Go(func() {
				if _, err := c.Me(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		callers.Wait()
		if n := tokensAsked(tenant); n != 1 {
			t.Errorf("%d tokens were asked for, want 1", n)
		}
	})
}

func TestOneCallerThatGivesUpDoesNotFailTheOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tenant := sim.New(sim.Config{Dialect: qlik.Cloud})
		if err := tenant.Inject(sim.Fault{Operation: "oauthToken", Delay: sim.Duration(time.Second)}); err != nil {
			t.Fatal(err)
		}
		c := oauthClient(t, tenant)
		hasty, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		var callers sync.WaitGroup
		callers.Go(func() {
			_, err := c.Me(hasty)
			if e := failed(t, err); e.Reason() != qlik.ReasonTimeout || e.Sent {
				t.Errorf("the hasty one got %v", e)
			}
		})
		synctest.Wait()
		callers.Go(func() {
			if _, err := c.Me(t.Context()); err != nil {
				t.Error(err)
			}
		})
		callers.Wait()
	})
}

func TestTokenIsRefreshedBeforeItExpires(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tenant := sim.New(sim.Config{Dialect: qlik.Cloud, TokenTime: time.Hour})
		c := oauthClient(t, tenant)
		for range 24 * 60 {
			<-time.After(time.Minute)
			if _, err := c.Me(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for _, call := range tenant.Calls() {
			if call.Status == 401 {
				t.Fatal("a token was used after it had expired")
			}
		}
		if n := tokensAsked(tenant); n < 25 || n > 30 {
			t.Errorf("%d tokens in 24 hours, want one for each 51 to 54 minutes", n)
		}
	})
}

func TestLivingTokenOutlastsAFailingRefresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tenant := sim.New(sim.Config{Dialect: qlik.Cloud, TokenTime: time.Hour})
		c := oauthClient(t, tenant)
		if _, err := c.Me(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := tenant.Inject(sim.Fault{Operation: "oauthToken", Status: 503}); err != nil {
			t.Fatal(err)
		}
		<-time.After(56 * time.Minute)
		for range 5 {
			if _, err := c.Me(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if n := tokensAsked(tenant); n != 2 {
			t.Errorf("%d tokens were asked for, want 2: failing refreshes are spaced", n)
		}
		<-time.After(5 * time.Minute)
		_, err := c.Me(t.Context())
		if e := failed(t, err); e.Status != 503 || e.Sent || e.Op != "getMe" {
			t.Errorf("after the token's end: %v, sent %t", e, e.Sent)
		}
	})
}

func TestRevokedTokenIsReplacedOnce(t *testing.T) {
	t.Parallel()
	tenant := sim.New(sim.Config{Dialect: qlik.Cloud})
	c := oauthClient(t, tenant)
	if _, err := c.Me(t.Context()); err != nil {
		t.Fatal(err)
	}
	tenant.RevokeTokens()
	if _, err := c.ReloadApp(t.Context(), qlik.ReloadCreate{AppID: tenant.App("Sales")}); err != nil {
		t.Fatal(err)
	}
	var statuses []int
	for _, call := range tenant.Calls() {
		if call.OperationID == "reloadApp" {
			statuses = append(statuses, call.Status)
		}
	}
	if fmt.Sprint(statuses) != "[401 201]" || tokensAsked(tenant) != 2 {
		t.Errorf("reloadApp was answered %v with %d tokens, want [401 201] with 2", statuses, tokensAsked(tenant))
	}
	if err := tenant.Inject(sim.Fault{Operation: "getMe", Status: 401}); err != nil {
		t.Fatal(err)
	}
	before := len(tenant.Calls())
	_, err := c.Me(t.Context())
	if e := failed(t, err); e.Status != 401 || len(tenant.Calls())-before != 3 {
		t.Errorf("a tenant that refuses fresh tokens: %v after %d calls, want 401 after 3", e, len(tenant.Calls())-before)
	}
}

// TestRenewedClientProvesItselfAnew: a call that was refused while the key was exchanged
// is sent once more with the new one, and neither key is ever shown.
func TestRenewedClientProvesItselfAnew(t *testing.T) {
	t.Parallel()
	const next = "n3xt-n3xt-n3xt-n3xt"
	var c *qlik.Client
	exchange := false
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") == "Bearer "+next:
			reply(200, `{"id":"me"}`)(w, r)
		case exchange:
			if err := c.Renew(qlik.Config{APIKey: next}); err != nil {
				t.Error(err)
			}
			fallthrough
		default:
			reply(401, `{"errors":[{"code":"`+secret+`","title":"`+next+`"}]}`)(w, r)
		}
	})
	var err error
	if c, err = qlik.New(qlik.Config{URL: s.URL, Dialect: qlik.Cloud, APIKey: secret}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Me(t.Context()); failed(t, err).Status != 401 || strings.Contains(err.Error(), secret) {
		t.Errorf("the first key: %v", err)
	}
	if err := c.Renew(qlik.Config{}); err == nil {
		t.Error("no key at all is taken")
	}
	exchange = true
	if _, err := c.Me(t.Context()); err != nil {
		t.Errorf("the key was exchanged during the call: %v", err)
	}
	if err := c.Renew(qlik.Config{APIKey: "a third key"}); err != nil {
		t.Fatal(err)
	}
	exchange = false
	_, err = c.Me(t.Context())
	if e := failed(t, err); e.Status != 401 || strings.Contains(fmt.Sprintf("%+v %v", *e, c), next) {
		t.Errorf("a key of before is shown: %+v", *e)
	}
}

func TestApiKeyIsNotTriedTwice(t *testing.T) {
	t.Parallel()
	s := serve(t, reply(401, `{"errors":[{"code":"HTTP-401","title":"Unauthorized"}]}`))
	_, err := client(t, s.URL, qlik.Cloud).GetApp(t.Context(), "x")
	if e := failed(t, err); e.Status != 401 || s.count() != 1 {
		t.Errorf("%v after %d calls, want 401 after 1", e, s.count())
	}
}

func TestImportIsSentAgainFromItsBeginning(t *testing.T) {
	t.Parallel()
	tenant := sim.New(sim.Config{})
	c := oauthClient(t, tenant)
	path, err := c.ExportApp(t.Context(), tenant.App("Sales"), qlik.AppExport{})
	if err != nil {
		t.Fatal(err)
	}
	file, err := c.Download(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(file)
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	tenant.RevokeTokens()
	if _, err := c.ImportApp(t.Context(), bytes.NewReader(content), qlik.AppImport{Name: "again"}); err != nil {
		t.Errorf("a file that can be read again: %v", err)
	}
	tenant.RevokeTokens()
	_, err = c.ImportApp(t.Context(), io.MultiReader(bytes.NewReader(content)), qlik.AppImport{Name: "once"})
	if e := failed(t, err); e.Status != 401 {
		t.Errorf("a stream that can be read once: %v, want 401", e)
	}
}

func TestUnknownClientIsUnauthorized(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 401, 403} {
		s := serve(t, reply(status, `{"errors":[{"code":"invalid_client","title":"no `+secret+`"}]}`))
		c, err := qlik.New(qlik.Config{URL: s.URL, OAuth: qlik.OAuth{ClientID: "id", ClientSecret: secret}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.ReloadApp(t.Context(), qlik.ReloadCreate{AppID: "x"})
		e := failed(t, err)
		if e.Status != 401 || e.Sent || e.Op != "reloadApp" || e.Code != "invalid_client" || strings.Contains(e.Error(), secret) {
			t.Errorf("%d: got %v, sent %t", status, e, e.Sent)
		}
		r, body := s.last()
		if r.URL.Path != "/oauth/token" || body != `{"client_id":"id","client_secret":"`+secret+`","grant_type":"client_credentials"}` {
			t.Errorf("asked %s with %s", r.URL, body)
		}
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		reply(400, `{"errors":[{"code":"X","title":"`+r.Header.Get("Authorization")+`","detail":"`+secret+`"}]}`)(w, r)
	})
	for _, cfg := range []qlik.Config{
		{URL: s.URL, APIKey: secret},
		{URL: s.URL, OAuth: qlik.OAuth{ClientID: "id", ClientSecret: secret}},
		{URL: "http://127.0.0.1:1", APIKey: secret},
		{URL: "http://user:" + secret + "@127.0.0.1", APIKey: secret},
		{URL: "::user:" + secret + "@127.0.0.1", APIKey: secret + "\n"},
		{URL: s.URL, APIKey: secret, OAuth: qlik.OAuth{ClientSecret: secret}},
	} {
		shown := fmt.Sprintf("%v %+v %#v %s", cfg, cfg, cfg, &cfg)
		if strings.Contains(cfg.URL, secret) {
			shown = ""
		}
		if b, err := json.Marshal(cfg); err == nil && !strings.Contains(cfg.URL, secret) {
			shown += string(b)
		}
		c, err := qlik.New(cfg)
		if err != nil {
			shown += err.Error()
		} else {
			_, err := c.GetApp(t.Context(), "x")
			shown += fmt.Sprintf("%v %+v %#v %v %+v", c, c, c, err, struct{ c *qlik.Client }{c})
			e := failed(t, err)
			shown += fmt.Sprintf("%+v", *e)
		}
		if strings.Contains(shown, secret) {
			t.Errorf("a secret is shown: %s", shown)
		}
	}
}
