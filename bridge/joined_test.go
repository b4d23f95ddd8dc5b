package bridge_test

import (
	"encoding/json"
	"testing"

	"github.com/qlikgateway/gateway/qlik/sim"
)

// TestJoinSurvivesATakeOverBetweenItsParts has the parts come under two dispatchers,
// and reads what both say.
func TestJoinSurvivesATakeOverBetweenItsParts(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Config{}, `[{"name": "both", "app": "$Sales",
		"on": {"all": {"dbt": {"source": "etl", "when": "data.job == 'dbt'"}, "crm": {"source": "etl", "when": "data.job == 'crm'"}}, "within": "1h"},
		"do": [{"copy": {"name": "run ${events.dbt.data.run}, sync ${events.crm.data.run}"}}]}]`)
	stop := r.dispatch()
	r.send(`{"job": "dbt", "run": 1}`)
	r.send(`{"job": "dbt", "run": 2}`)
	stop()
	r.dispatch()
	r.send(`{"job": "crm", "run": 3}`)
	outcome := r.until("copy.succeeded")
	var data struct {
		Causes struct{ Count int }
		Copy   struct{ Name string }
	}
	r.must(json.Unmarshal(outcome.Data(), &data))
	if data.Causes.Count != 3 || data.Copy.Name != "run 2, sync 3" {
		t.Errorf("%d causes, made %q", data.Causes.Count, data.Copy.Name)
	}
}
