package console_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/qlikgateway/gateway/bridge"
)

func TestRunThatFailedIsRunAgainFromItsPage(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.bury()
	id := d.put(0, 1, bridge.RunFailed, bridge.StepFailed)
	if page := d.ask(http.MethodGet, "/runs/"+id, ""); !strings.Contains(page.body, "Run it again") || !strings.Contains(page.body, "/log?step=reload") {
		t.Errorf("the page offers neither: %s", page.body)
	}
	page := d.ask(http.MethodPost, "/runs/"+id+"/retry", "", "Content-Type", "application/x-www-form-urlencoded")
	if !strings.Contains(page.body, "1 event of this run replayed") {
		t.Errorf("%s: %s", page.Status, page.body)
	}
	done := d.put(1, 1, bridge.RunSucceeded, bridge.StepSucceeded)
	if page := d.ask(http.MethodGet, "/runs/"+done, ""); strings.Contains(page.body, "Run it again") {
		t.Error("a run that succeeded is offered to be run again")
	}
}
