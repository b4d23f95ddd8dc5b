package sim_test

import (
	"cmp"
	"context"
	"os"
	"testing"
	"time"

	"github.com/qlikgateway/gateway/qlik"
	"github.com/qlikgateway/gateway/qlik/sim"
)

// TestConformance tries every operation on the simulated tenant in both
// dialects, within the process and over a socket, and on a real tenant when
// QLIK_TENANT_URL and QLIK_API_KEY say which.
func TestConformance(t *testing.T) {
	t.Parallel()
	for _, dialect := range []qlik.Dialect{qlik.OpenAPI, qlik.Cloud} {
		tenant := sim.New(sim.Config{Dialect: dialect, ReloadTime: 20 * time.Millisecond, Spread: 0.5, Quota: sim.Unlimited()})
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			conform(t, call(t, tenant), time.Millisecond)
		})
		t.Run(string(dialect)+" over a socket", func(t *testing.T) {
			t.Parallel()
			client, err := qlik.New(qlik.Config{URL: serve(t, tenant), Dialect: dialect, OAuth: tenant.OAuth()})
			if err != nil {
				t.Fatal(err)
			}
			conform(t, client, time.Millisecond)
		})
	}
	if address := os.Getenv("QLIK_TENANT_URL"); address != "" {
		t.Run("real", func(t *testing.T) {
			t.Parallel()
			client, err := qlik.New(qlik.Config{
				URL: address, APIKey: os.Getenv("QLIK_API_KEY"), Dialect: qlik.Dialect(cmp.Or(os.Getenv("QLIK_DIALECT"), string(qlik.DialectOf(address)))),
			})
			if err != nil {
				t.Fatal(err)
			}
			conform(t, client, 2*time.Second)
		})
	}
}

// conform runs the suite, one subtest for each operation.
func conform(t *testing.T, client *qlik.Client, poll time.Duration) {
	t.Helper()
	suite := sim.NewSuite(client)
	suite.Poll = poll
	t.Cleanup(func() {
		if err := suite.Clean(context.Background()); err != nil {
			t.Error(err)
		}
	})
	tried := map[string]bool{}
	for _, check := range suite.Checks() {
		tried[check.Operation] = true
		t.Run(check.Operation, func(t *testing.T) {
			if err := check.Run(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	for _, op := range qlik.Operations() {
		if !tried[op.ID] {
			t.Errorf("no check of %s", op.ID)
		}
	}
	if len(tried) != len(qlik.Operations()) {
		t.Errorf("%d checks, want %d", len(tried), len(qlik.Operations()))
	}
}

func TestSuiteNoticesABrokenTenant(t *testing.T) {
	t.Parallel()
	for _, op := range qlik.Operations() {
		tenant := sim.New(sim.Config{ReloadTime: time.Millisecond, Quota: sim.Unlimited()})
		suite := sim.NewSuite(call(t, tenant))
		suite.Poll = time.Millisecond
		if err := tenant.Inject(sim.Fault{Operation: op.ID, Status: 503}); err != nil {
			t.Fatal(err)
		}
		for _, check := range suite.Checks() {
			if err := check.Run(t.Context()); check.Operation == op.ID && err == nil {
				t.Errorf("%s always answers 503 and passes", op.ID)
			}
		}
	}
}
