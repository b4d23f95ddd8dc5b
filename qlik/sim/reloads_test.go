package sim_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
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

// pass lets time go by; under synctest it takes none.
func pass(d time.Duration) { <-time.After(d) }

func TestReloadIsCancelledByHowFarItIs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		dialect       qlik.Dialect
		after, again  time.Duration
		first, second string // done, accepted, 409
		finally       qlik.ReloadStatus
	}{
		{qlik.OpenAPI, 0, 0, "done", "done", qlik.ReloadCanceled},
		{qlik.OpenAPI, 30 * time.Second, time.Second, "accepted", "409", qlik.ReloadCanceled},
		{qlik.OpenAPI, 30 * time.Second, time.Minute, "accepted", "done", qlik.ReloadCanceled},
		{qlik.OpenAPI, 2 * time.Minute, 0, "done", "done", qlik.ReloadSucceeded},
		{qlik.Cloud, 0, 0, "done", "done", qlik.ReloadCanceled},
		{qlik.Cloud, 30 * time.Second, time.Second, "accepted", "accepted", qlik.ReloadCanceled},
		{qlik.Cloud, 2 * time.Minute, 0, "409", "409", qlik.ReloadSucceeded},
		{qlik.Cloud, 58 * time.Second, 0, "accepted", "accepted", qlik.ReloadSucceeded}, // too late to matter
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, tenant := t.Context(), sim.New(sim.Config{Dialect: c.dialect, ReloadTime: time.Minute})
			client := call(t, tenant)
			reload := must[qlik.Reload](t)(client.ReloadApp(ctx, qlik.ReloadCreate{AppID: tenant.App("Sales")}))
			outcome := func() string {
				done, err := client.CancelReload(ctx, reload.ID)
				switch {
				case err != nil:
					return map[int]string{409: "409"}[failure(t, err).Status]
				case done:
					return "done"
				}
				return "accepted"
			}
			pass(c.after)
			first := outcome()
			pass(c.again)
			second := outcome()
			pass(10 * time.Minute)
			ended := must[qlik.Reload](t)(client.GetReload(ctx, reload.ID))
			if first != c.first || second != c.second || ended.Status != c.finally {
				t.Errorf("%s after %v: %s, after %v more: %s, finally %s; want %s, %s, %s", c.dialect, c.after, first, c.again, second, ended.Status, c.first, c.second, c.finally)
			}
			if app := must[qlik.App](t)(client.GetApp(ctx, reload.AppID)); app.LastReloadTime.IsZero() != (c.finally == qlik.ReloadCanceled) {
				t.Errorf("the last reload of the app was at %v", app.LastReloadTime)
			}
		})
	}
}

func TestReloadsAreListedNewestFirst(t *testing.T) {
	t.Parallel()
	for _, dialect := range []qlik.Dialect{qlik.OpenAPI, qlik.Cloud} {
		synctest.Test(t, func(t *testing.T) {
			ctx, tenant := t.Context(), sim.New(sim.Config{Dialect: dialect})
			c, app := call(t, tenant), tenant.App("Sales")
			var want, got []string
			for i := range 12 {
				x := must[qlik.Reload](t)(c.ReloadApp(ctx, qlik.ReloadCreate{AppID: app, Partial: i%2 == 1}))
				want = append([]string{x.ID}, want...)
				pass(3 * time.Second)
			}
			for x, err := range c.Reloads(ctx, qlik.ReloadQuery{AppID: app, Limit: 5}) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, x.ID)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: got %v, want %v", dialect, got, want)
			}
			yes := true
			if page := must[qlik.Page[qlik.Reload]](t)(c.ListReloads(ctx, qlik.ReloadQuery{AppID: app, Partial: &yes})); len(page.Data) != 6 {
				t.Errorf("%s: %d partial reloads, want 6", dialect, len(page.Data))
			}
		})
	}
}

func TestReloadEndsAsItsTenantDecides(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, tenant := t.Context(), sim.New(sim.Config{Dialect: qlik.Cloud, MaxReload: time.Minute, DailyReloads: 3})
		c := call(t, tenant)
		run := func(app string) qlik.Reload {
			started := must[qlik.Reload](t)(c.ReloadApp(ctx, qlik.ReloadCreate{AppID: app, Weight: 5}))
			pass(5 * time.Minute)
			return must[qlik.Reload](t)(c.GetReload(ctx, started.ID))
		}
		if err := tenant.Inject(sim.Fault{FailReload: "EngineConnectionError", AppID: tenant.App("Sales"), Count: 1}); err != nil {
			t.Fatal(err)
		}
		if x := run(tenant.App("Finance")); x.Status != qlik.ReloadSucceeded || x.Weight != 5 {
			t.Errorf("another app: %+v", x)
		}
		if x := run(tenant.App("Sales")); x.Status != qlik.ReloadFailed || x.ErrorCode != "EngineConnectionError" || x.ErrorMessage == "" {
			t.Errorf("by a fault: %+v", x)
		}
		if x := run(tenant.App("Broken")); x.Status != qlik.ReloadFailed || x.ErrorCode == "" {
			t.Errorf("by its script: %+v", x)
		}
		must[qlik.AppScript](t)(c.SetAppScript(ctx, tenant.App("Inventory"), "Sleep 120000;"))
		x := run(tenant.App("Inventory"))
		if x.Status != qlik.ReloadExceededLimit || x.Duration != time.Minute {
			t.Errorf("too long: %+v", x)
		}
		run(tenant.App("Sales"))
		run(tenant.App("Sales"))
		_, err := c.ReloadApp(ctx, qlik.ReloadCreate{AppID: tenant.App("Sales")})
		if e := failure(t, err); e.Status != 403 || e.Reason() != qlik.ReasonFrequency {
			t.Errorf("the fourth of a day: %v", e)
		}
		pass(24 * time.Hour)
		run(tenant.App("Sales"))
		page := must[qlik.Page[qlik.Reload]](t)(c.ListReloads(ctx, qlik.ReloadQuery{Filter: `status eq "FAILED" or status eq "EXCEEDED_LIMIT"`, Sort: "+creationTime", Log: true}))
		if len(page.Data) != 3 || page.Data[0].AppID != tenant.App("Sales") || page.Data[2].Log == "" {
			t.Errorf("of all apps, those that failed: %+v", page.Data)
		}
	})
}

func TestReloadsTakeTheirTimeWithASpread(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, seen := t.Context(), map[time.Duration]bool{}
		times := func() (list []time.Duration) {
			tenant := sim.New(sim.Config{Seed: 7, ReloadTime: 10 * time.Second, Spread: 0.5})
			for range 20 {
				x := must[qlik.Reload](t)(call(t, tenant).ReloadApp(ctx, qlik.ReloadCreate{AppID: tenant.App("Sales")}))
				pass(20 * time.Second)
				x = must[qlik.Reload](t)(call(t, tenant).GetReload(ctx, x.ID))
				list = append(list, x.EndTime.Sub(x.CreationTime))
			}
			return list
		}
		first, second := times(), times()
		for i, d := range first {
			seen[d] = true
			if d < 5*time.Second || d > 15*time.Second || d != second[i] {
				t.Errorf("reload %d took %v, with the same seed %v", i, d, second[i])
			}
		}
		if len(seen) < 15 {
			t.Errorf("only %d different times", len(seen))
		}
	})
}

func TestLogTellsWhatTheReloadDid(t *testing.T) {
	t.Parallel()
	for _, dialect := range []qlik.Dialect{qlik.OpenAPI, qlik.Cloud} {
		synctest.Test(t, func(t *testing.T) {
			ctx, tenant := t.Context(), sim.New(sim.Config{Dialect: dialect})
			c := call(t, tenant)
			for app, want := range map[string]string{tenant.App("Sales"): "lines fetched", tenant.App("Broken"): "Error: Cannot open file 'lib://missing"} {
				x := must[qlik.Reload](t)(c.ReloadApp(ctx, qlik.ReloadCreate{AppID: app, Variables: map[string]string{"BATCH": "7"}}))
				_, err := c.GetAppReloadLog(ctx, app, x.ID)
				status(t, "the log of a running reload", err, 404)
				pass(3 * time.Second)
				log := must[io.ReadCloser](t)(c.GetAppReloadLog(ctx, app, x.ID))
				text, err := io.ReadAll(log)
				if err != nil || !strings.Contains(string(text), want) || !strings.Contains(string(text), "SET BATCH='7'\r\n") {
					t.Errorf("%s: %s, %v", dialect, text, err)
				}
				logs := must[[]qlik.ReloadLog](t)(c.GetAppReloadLogs(ctx, app))
				if len(logs) != 1 || logs[0].ID != x.ID || logs[0].Duration != 1800*time.Millisecond || logs[0].Success != (app == tenant.App("Sales")) {
					t.Errorf("%s: %+v", dialect, logs)
				}
			}
		})
	}
}
