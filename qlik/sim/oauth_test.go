package sim_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qlikgateway/gateway/qlik"
	"github.com/qlikgateway/gateway/qlik/sim"
)

// grant asks for a token and gives the answer's status and the token.
func grant(t *testing.T, tenant *sim.Tenant, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://sim.test/oauth/token", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := tenant.Transport().RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
		ExpiresIn   int    `json:"expires_in"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode == 200 && (answer.TokenType != "bearer" || answer.ExpiresIn != 6*60*60) {
		t.Errorf("got %+v", answer)
	}
	return resp.StatusCode, answer.AccessToken
}

func TestTokenIsGivenForTheRightClientOnly(t *testing.T) {
	t.Parallel()
	tenant := sim.New(sim.Config{})
	id, secret := tenant.OAuth().ClientID, tenant.OAuth().ClientSecret
	for body, want := range map[string]int{
		fmt.Sprintf(`{"client_id":%q,"client_secret":%q,"grant_type":"client_credentials"}`, id, secret):  200,
		fmt.Sprintf("grant_type=client_credentials&client_id=%s&client_secret=%s", id, secret):            200,
		fmt.Sprintf(`{"client_id":%q,"client_secret":"guess","grant_type":"client_credentials"}`, id):     401,
		fmt.Sprintf(`{"client_id":"other","client_secret":%q,"grant_type":"client_credentials"}`, secret): 401,
		`{"grant_type":"client_credentials"}`: 401,
		fmt.Sprintf(`{"client_id":%q,"client_secret":%q,"grant_type":"authorization_code"}`, id, secret): 400,
		`%zz`: 400,
	} {
		status, token := grant(t, tenant, body)
		if status != want || (token != "") != (want == 200) {
			t.Errorf("%s: %d %q, want %d", body, status, token, want)
		}
	}
}

func TestTokenExpires(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tenant := sim.New(sim.Config{Dialect: qlik.Cloud})
		_, token := grant(t, tenant, fmt.Sprintf(`{"client_id":%q,"client_secret":%q,"grant_type":"client_credentials"}`, tenant.OAuth().ClientID, tenant.OAuth().ClientSecret))
		c := must[*qlik.Client](t)(qlik.New(qlik.Config{URL: "https://sim.test", Dialect: qlik.Cloud, APIKey: token, Transport: tenant.Transport()}))
		me := must[string](t)(c.Me(t.Context()))
		x := must[qlik.Reload](t)(c.ReloadApp(t.Context(), qlik.ReloadCreate{AppID: tenant.App("Sales")}))
		if me == "" || x.UserID != me {
			t.Errorf("the reload is of %q, the token of %q", x.UserID, me)
		}
		pass(6*time.Hour - time.Second)
		must[string](t)(c.Me(t.Context()))
		pass(time.Second)
		_, err := c.Me(t.Context())
		status(t, "after its time", err, 401)
	})
}
