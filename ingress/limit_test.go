package ingress_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/ingress"
)

const authorizedToken = "Authorization: Bearer " + token

// policed are sources with a policy, and rules that let events choose.
func policed(t *testing.T, count int) ingress.Live {
	t.Helper()
	compiled, problems := ingress.Compile([]ingress.Source{
		{Name: "jobs", Verify: ingress.Bearer(), Secrets: []string{token}, Rate: ingress.Rate{Count: count, Per: time.Hour}},
		{Name: "narrow", Verify: ingress.Bearer(), Secrets: []string{token}},
	})
	if compiled == nil {
		t.Fatal(problems)
	}
	set, problems := rules.Compile([]rules.Definition{{
		Name: "chosen", On: rules.On{Sources: []string{"narrow"}}, App: "${data.app}", Do: []rules.StepDefinition{{Action: "reload"}},
	}}, rules.Names{
		Tenants: []string{"acme"}, Sources: []string{"jobs", "narrow"},
		Apps: map[string]rules.App{
			"sales":   {ID: "2f1c6e0a-0b1c-4d2e-8f3a-4b5c6d7e8f90"},
			"finance": {ID: "3f1c6e0a-0b1c-4d2e-8f3a-4b5c6d7e8f90"},
		},
		Allow: map[string]rules.Allow{"narrow": {Apps: []string{"sales"}}},
	})
	if set == nil {
		t.Fatal(problems)
	}
	return ingress.Live{Sources: compiled, Rules: set, Revision: 7}
}

func TestDeliveriesAboveTheRateAreToldWhenToComeBack(t *testing.T) {
	t.Parallel()
	d := opened(t, nil)
	d.Set(policed(t, 3))
	for range 20 { // strangers use up nothing
		d.post(t, "/hooks/jobs", "{}", "Authorization: Bearer wrong").refused(t, 401, "does not match")
	}
	for range 3 {
		if r := d.post(t, "/hooks/jobs", "{}", authorizedToken); r.status != http.StatusAccepted {
			t.Fatal(r.raw)
		}
	}
	d.Set(policed(t, 3)) // neither does a new configuration give it back
	r := d.post(t, "/hooks/jobs", "{}", authorizedToken)
	r.refused(t, 429, "3 deliveries per 1h0m0s")
	if after := r.header.Get("Retry-After"); after != "1200" && after != "1199" {
		t.Errorf("Retry-After is %s", after)
	}
	if len(d.shelf.arrivals()) != 3 || d.counted(t, "jobs", ingress.TooMany) != 1 {
		t.Errorf("stored %d", len(d.shelf.arrivals()))
	}
	d.Set(policed(t, 10))
	if r := d.post(t, "/hooks/jobs", "{}", authorizedToken); r.status != http.StatusAccepted {
		t.Errorf("with a new rate: %s", r.raw)
	}
	r = d.do(t, http.MethodOptions, "/hooks/jobs", nil, "Webhook-Request-Origin: x")
	r.refused(t, 403, "origins")
}

func TestWhatTheSourceMayNotAskForIsRefusedAndNotStored(t *testing.T) {
	t.Parallel()
	d := opened(t, nil)
	d.Set(policed(t, 3))
	for range 50 {
		d.post(t, "/hooks/narrow", `{"app":"finance"}`, authorizedToken).refused(t, 403, "source narrow may not reload app")
	}
	d.nothingStored(t)
	if d.counted(t, "narrow", ingress.Denied) != 50 {
		t.Error("refusals are not counted")
	}
	if n := strings.Count(d.log.String(), `"result":"denied"`); n != 1 {
		t.Errorf("50 refusals made %d lines", n)
	}
	if r := d.post(t, "/hooks/narrow", `{"app":"sales"}`, authorizedToken); r.status != http.StatusAccepted || len(r.Matches) != 1 {
		t.Errorf("%s", r.raw)
	}
}

func TestBodiesNestedTooDeepAreRefused(t *testing.T) {
	t.Parallel()
	d := opened(t, nil)
	nested := func(depth int) string { return strings.Repeat(`{"a":[`, depth/2) + strings.Repeat("]}", depth/2) }
	for _, tt := range []struct {
		body, media string
		status      int
	}{
		{nested(64), "application/json", 202}, {nested(66), "application/json", 400}, {nested(66), "text/plain", 400}, {" \n" + nested(66), "", 400}, {strings.Repeat(" ", 100) + nested(66), "text/plain", 400},
		{fmt.Sprintf(`{"a":"%s\"%s"}`, strings.Repeat("[", 100), strings.Repeat("{", 100)), "application/json", 202},
		{strings.Repeat("[", 400_000), "application/json", 400},
		{"text with " + strings.Repeat("[", 100), "text/plain", 202},
	} {
		if r := d.post(t, "/hooks/lab", tt.body, "Content-Type: "+tt.media); r.status != tt.status {
			t.Errorf("%.40s as %s: %d %.200s", tt.body, tt.media, r.status, r.raw)
		}
	}
}

// What one source holds leaves room for the others.
func TestOneSourcesFloodLeavesRoomForOthers(t *testing.T) {
	t.Parallel()
	d := opened(t, func(c *ingress.Config) { c.MaxHeld, c.MaxBody = 40, 20 })
	d.shelf.hold, d.shelf.entered = make(chan struct{}), make(chan struct{}, 8)
	answered := make(chan reply, 8)
	go func() { answered <- d.post(t, "/hooks/lab", `{"done":true, "a":1}`) }()
	<-d.shelf.entered
	d.post(t, "/hooks/lab", `{"done":true}`).refused(t, 503, "send it again")
	go func() { answered <- d.post(t, "/events", `{"done":true}`, append(binary(), authorizedToken)...) }()
	<-d.shelf.entered
	close(d.shelf.hold)
	for range 2 {
		if r := <-answered; r.status != http.StatusAccepted {
			t.Errorf("%s", r.raw)
		}
	}
}

func TestOneAddressesFloodLeavesRoomForOthers(t *testing.T) {
	t.Parallel()
	d := opened(t, func(c *ingress.Config) { c.Proxies = []string{"127.0.0.1", "::1"} })
	limited := policed(t, 1000)
	limited.Rate = ingress.Rate{Count: 20, Per: time.Hour}
	d.Set(limited)
	const flooder, honest = "X-Forwarded-For: 2001:db8::", "X-Forwarded-For: 192.0.2.7"
	refused := 0
	for i := range 200 {
		// What the flooder says of itself before the proxy changes nothing.
		from := fmt.Sprintf("X-Forwarded-For: 192.0.2.%d, %s%x", i, strings.TrimPrefix(flooder, "X-Forwarded-For: "), i)
		path := []string{"/hooks/jobs", "/hooks/nobody", "/v1/runs", "/anything"}[i%4]
		switch r := d.post(t, path, "{}", "Authorization: Bearer wrong", from); {
		case r.status == http.StatusTooManyRequests:
			r.refused(t, 429, "20 requests per 1h0m0s")
			if r.header.Get("Retry-After") == "" {
				t.Error("not told when to come back")
			}
			refused++
		case i >= 20:
			t.Errorf("request %d of the flood is answered %d", i, r.status)
		}
		if i%20 == 0 {
			if r := d.post(t, "/hooks/jobs", "{}", authorizedToken, honest); r.status != http.StatusAccepted {
				t.Errorf("an honest sender is answered %d %s", r.status, r.raw)
			}
		}
	}
	if counted := d.counted(t, "-", ingress.TooMany); refused != 180 || int(counted) != refused {
		t.Errorf("%d of 200 were refused, %v counted", refused, counted)
	}
	d.Set(limited)
	d.post(t, "/hooks/jobs", "{}", authorizedToken, flooder+"1").refused(t, 429, "20 requests")
	limited.Rate.Count = 30
	d.Set(limited)
	if r := d.post(t, "/hooks/jobs", "{}", authorizedToken, flooder+"1"); r.status != http.StatusAccepted {
		t.Errorf("under another rate: %d %s", r.status, r.raw)
	}
}
