package sim_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qlikgateway/gateway/qlik"
	"github.com/qlikgateway/gateway/qlik/sim"
)

// call gives a client of the tenant within the process.
func call(t *testing.T, tenant *sim.Tenant) *qlik.Client {
	t.Helper()
	client, err := qlik.New(qlik.Config{
		URL: "https://sim.test", Dialect: tenant.Dialect(), APIKey: tenant.APIKey(), Transport: tenant.Transport(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// failure asserts that an error is one of Qlik's and gives it.
func failure(t *testing.T, err error) *qlik.Error {
	t.Helper()
	var e *qlik.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an error of Qlik", err)
	}
	return e
}

func TestTenMinuteReloadTakesNoTime(t *testing.T) {
	t.Parallel()
	for _, dialect := range []qlik.Dialect{qlik.OpenAPI, qlik.Cloud} {
		synctest.Test(t, func(t *testing.T) {
			ctx := context.Background()
			tenant := sim.New(sim.Config{Dialect: dialect, ReloadTime: 10 * time.Minute})
			client := call(t, tenant)
			reload, err := client.ReloadApp(ctx, qlik.ReloadCreate{AppID: tenant.App("Sales"), Variables: map[string]string{"BATCH": "7"}})
			if err != nil {
				t.Fatal(err)
			}
			seen := []qlik.ReloadStatus{reload.Status}
			for !reload.Status.Ended() {
				pass(10 * time.Second)
				if reload, err = client.GetReload(ctx, reload.ID); err != nil {
					t.Fatal(err)
				}
				if seen[len(seen)-1] != reload.Status {
					seen = append(seen, reload.Status)
				}
			}
			if len(seen) != 3 || seen[0] != qlik.ReloadQueued || seen[1] != qlik.ReloadReloading || seen[2] != qlik.ReloadSucceeded {
				t.Errorf("went through %v", seen)
			}
			if reload.Duration != 9*time.Minute {
				t.Errorf("took %v, want 9m", reload.Duration)
			}
			app, err := client.GetApp(ctx, reload.AppID)
			if err != nil || !app.LastReloadTime.Equal(reload.EndTime) {
				t.Errorf("last reload of the app is %v (%v), want %v", app.LastReloadTime, err, reload.EndTime)
			}
		})
	}
}

func TestSecondReloadOfPendingAppIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		tenant := sim.New(sim.Config{})
		client, app := call(t, tenant), tenant.App("Sales")
		if _, err := client.ReloadApp(ctx, qlik.ReloadCreate{AppID: app}); err != nil {
			t.Fatal(err)
		}
		_, err := client.ReloadApp(ctx, qlik.ReloadCreate{AppID: app})
		if e := failure(t, err); e.Status != 429 || e.Code != qlik.CodePending || e.Reason() != qlik.ReasonPending {
			t.Errorf("got %v, want 429 %s", e, qlik.CodePending)
		}
		pass(2 * time.Second)
		if _, err := client.ReloadApp(ctx, qlik.ReloadCreate{AppID: app}); err != nil {
			t.Errorf("after the first ended: %v", err)
		}
	})
}

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

// pass lets time go by; under synctest it takes none.
func pass(d time.Duration) { <-time.After(d) }
