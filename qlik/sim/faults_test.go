package sim_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qlikgateway/gateway/qlik"
	"github.com/qlikgateway/gateway/qlik/sim"
)

func TestFiftyFirstReloadOfAMinuteIsRefused(t *testing.T) {
	t.Parallel()
	for dialect, wait := range map[qlik.Dialect]time.Duration{qlik.OpenAPI: 0, qlik.Cloud: 60 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			ctx := context.Background()
			tenant := sim.New(sim.Config{Dialect: dialect, QueueReloads: true})
			client, app := call(t, tenant), tenant.App("Sales")
			for range 50 {
				if _, err := client.ReloadApp(ctx, qlik.ReloadCreate{AppID: app}); err != nil {
					t.Fatal(err)
				}
			}
			_, err := client.ReloadApp(ctx, qlik.ReloadCreate{AppID: app})
			if e := failure(t, err); e.Status != 429 || e.Reason() != qlik.ReasonRateLimited || e.RetryAfter != wait {
				t.Errorf("%s: got %v after %v, want a rate limit and to wait %v", dialect, e, e.RetryAfter, wait)
			}
			if _, err := client.GetApp(ctx, app); err != nil {
				t.Errorf("%s: other calls are limited too: %v", dialect, err)
			}
			pass(time.Minute)
			if _, err := client.ReloadApp(ctx, qlik.ReloadCreate{AppID: app}); err != nil {
				t.Errorf("%s: a minute later: %v", dialect, err)
			}
		})
	}
}

func TestLostAnswerHidesAReloadThatWasStarted(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for drop, started := range map[string]int{sim.DropBefore: 0, sim.DropAfter: 1} {
		tenant := sim.New(sim.Config{})
		client := call(t, tenant)
		if err := tenant.Inject(sim.Fault{Operation: "reloadApp", Drop: drop, Count: 1}); err != nil {
			t.Fatal(err)
		}
		_, err := client.ReloadApp(ctx, qlik.ReloadCreate{AppID: tenant.App("Sales")})
		if e := failure(t, err); e.Status != 0 || !e.Sent || e.Reason() != qlik.ReasonTransport {
			t.Errorf("drop %s: got %v", drop, e)
		}
		if n := len(tenant.State().Reloads); n != started {
			t.Errorf("drop %s: %d reloads, want %d", drop, n, started)
		}
	}
}

func TestFaultLastsItsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, tenant := t.Context(), sim.New(sim.Config{})
		c := call(t, tenant)
		if err := tenant.Inject(sim.Fault{Operation: sim.AnyOperation, Status: 503, For: sim.Duration(time.Minute)}); err != nil {
			t.Fatal(err)
		}
		for second := range 90 {
			_, err := c.GetAppsPrivileges(ctx)
			if (err != nil) != (second < 60) {
				t.Errorf("after %d s: %v", second, err)
			}
			pass(time.Second)
		}
		if err := tenant.Inject(sim.Fault{Operation: "reloadApp", Delay: sim.Duration(time.Minute)}); err != nil {
			t.Fatal(err)
		}
		short, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		_, err := c.ReloadApp(short, qlik.ReloadCreate{AppID: tenant.App("Sales")})
		if e := failure(t, err); e.Reason() != qlik.ReasonTimeout || !e.Sent || len(tenant.State().Reloads) != 1 {
			t.Errorf("a late answer: %v, %d reloads", e, len(tenant.State().Reloads))
		}
	})
}

func TestWriteAndReadQuotasAreOfTheLiveService(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, tenant := t.Context(), sim.New(sim.Config{Dialect: qlik.Cloud})
		c, text := call(t, tenant), "x"
		for range 100 {
			must[qlik.App](t)(c.UpdateApp(ctx, tenant.App("Sales"), qlik.AppUpdate{Description: &text}))
		}
		pass(13 * time.Second)
		_, err := c.UpdateApp(ctx, tenant.App("Sales"), qlik.AppUpdate{Description: &text})
		if e := failure(t, err); e.Code != qlik.CodeRateLimit || e.RetryAfter != 47*time.Second {
			t.Errorf("got %v after %v", e, e.RetryAfter)
		}
		for range 1000 {
			must[qlik.App](t)(c.GetApp(ctx, tenant.App("Sales")))
		}
		_, err = c.GetApp(ctx, tenant.App("Sales"))
		status(t, "read", err, 429)
		must[qlik.Reload](t)(c.ReloadApp(ctx, qlik.ReloadCreate{AppID: tenant.App("Sales")}))
	})
}
