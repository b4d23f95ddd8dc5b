package sim_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/qlikgateway/gateway/qlik"
	"github.com/qlikgateway/gateway/qlik/sim"
)

// A stage is a tenant with one of everything, and people who may do everything,
// little and nothing.
type stage struct {
	tenant                  *sim.Tenant
	transport               http.RoundTripper
	admin, guest, stranger  *qlik.Client
	known, unknown, badForm ids
}

func newStage(t *testing.T, dialect qlik.Dialect, watch func(http.RoundTripper) http.RoundTripper) *stage {
	t.Helper()
	ctx := t.Context()
	tenant := sim.New(sim.Config{Dialect: dialect, ReloadTime: time.Hour, Quota: sim.Unlimited()})
	s := &stage{tenant: tenant, transport: watch(tenant.Transport())}
	s.admin = s.client(t, tenant.APIKey())
	guest := tenant.AddUser(sim.User{Name: "Guest"})
	s.guest, s.stranger = s.client(t, guest.APIKey), s.client(t, tenant.AddUser(sim.User{Name: "Stranger"}).APIKey)
	s.known = ids{app: tenant.App("Sales"), space: tenant.Space("Workshop"), managed: tenant.Space("Company"), user: guest.ID}
	assigned, err := s.admin.CreateSpaceAssignment(ctx, s.known.space, qlik.SpaceAssignmentCreate{Type: "user", AssigneeID: guest.ID, Roles: []string{"consumer"}})
	if err != nil {
		t.Fatal(err)
	}
	published, err := s.admin.PublishApp(ctx, s.known.app, qlik.AppPublish{SpaceID: s.known.managed})
	if err != nil {
		t.Fatal(err)
	}
	reload, err := s.admin.ReloadApp(ctx, qlik.ReloadCreate{AppID: s.known.app})
	if err != nil {
		t.Fatal(err)
	}
	s.known.assignment, s.known.published, s.known.reload = assigned.ID, published.ID, reload.ID
	const none = "000000000000000000000000"
	s.unknown = ids{app: "00000000-0000-4000-8000-000000000000", published: "x", space: none, managed: none, assignment: none, reload: none, user: none}
	s.badForm = ids{app: "not-an-id", reload: "not-an-id"}
	return s
}

// client makes a client of the stage's tenant.
func (s *stage) client(t *testing.T, key string) *qlik.Client {
	t.Helper()
	c, err := qlik.New(qlik.Config{URL: "https://sim.test", Dialect: s.tenant.Dialect(), APIKey: key, Transport: s.transport})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// raw sends a body that the client would not send, and gives the status.
func (s *stage) raw(t *testing.T, method, path, body string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "https://sim.test/api/v1"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.tenant.APIKey())
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(malformed, "yes")
	resp, err := s.transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(resp.Body)
	if err != nil || (resp.StatusCode >= 400 && !bytes.Contains(answer, []byte(`"errors":[{`))) {
		t.Errorf("%s %s %s: %d %s, %v", method, path, body, resp.StatusCode, answer, err)
	}
	return resp.StatusCode
}

// status asserts that a call was answered with an error of a status.
func status(t *testing.T, what string, err error, want int) {
	t.Helper()
	var e *qlik.Error
	if !errors.As(err, &e) || e.Status != want || e.Title == "" || !e.Sent || (want != 429 && e.Code == "") {
		t.Errorf("%s: got %v, want %d", what, err, want)
	}
}

// TestEveryListedStatusIsGiven walks the document: each operation has a call, and
// each status that it lists is brought about and looked at.
func TestEveryListedStatusIsGiven(t *testing.T) {
	t.Parallel()
	var w *witness
	s := newStage(t, qlik.OpenAPI, func(next http.RoundTripper) http.RoundTripper {
		w = newWitness(t, next)
		return w
	})
	listed := map[string]bool{}
	calls := invocations()
	for _, item := range w.doc.Paths.Map() {
		for _, op := range item.Operations() {
			for code := range op.Responses.Map() {
				listed[op.OperationID+" "+code] = true
			}
			if calls[op.OperationID] == nil {
				t.Errorf("no call of %s", op.OperationID)
			}
		}
	}
	if len(calls) != 35 {
		t.Errorf("%d calls, want 35", len(calls))
	}
	s.errors(t, listed)
	suite := sim.NewSuite(s.admin)
	suite.Poll = time.Millisecond
	stop := keepMoving(s.tenant)
	for _, check := range suite.Checks() {
		if err := check.Run(t.Context()); err != nil {
			t.Errorf("%s: %v", check.Operation, err)
		}
	}
	stop()
	for status := range listed {
		if !w.seen[status] {
			t.Errorf("never seen: %s", status)
		}
	}
	t.Logf("%d operations, %d listed statuses, %d statuses seen", len(calls), len(listed), len(w.seen))
}

// keepMoving lets the time of a tenant pass quickly until it is stopped.
func keepMoving(tenant *sim.Tenant) (stop func()) {
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				tenant.Advance(time.Minute)
			}
		}
	}()
	return func() {
		close(done)
		<-stopped
	}
}

// errors brings about every error that is listed.
func (s *stage) errors(t *testing.T, listed map[string]bool) {
	t.Helper()
	ctx, nobody := t.Context(), s.client(t, "unknown-key")
	for id, invoke := range invocations() {
		if listed[id+" 401"] {
			status(t, id, invoke(ctx, nobody, s.known), 401)
		}
		if listed[id+" 404"] {
			status(t, id, invoke(ctx, s.admin, s.unknown), 404)
		}
		if listed[id+" 403"] {
			who := s.stranger
			if strings.Contains(id, "Space") && !strings.Contains(id, "App") && id != "createSpace" {
				who = s.guest // a stranger is not told that the space exists
			}
			status(t, id, invoke(ctx, who, s.known), 403)
		}
		if listed[id+" 500"] {
			s.fault(t, sim.Fault{Operation: id, Status: 500, Count: 1})
			status(t, id, invoke(ctx, s.admin, s.known), 500)
		}
		if listed[id+" 400"] {
			s.badRequest(t, id)
		}
	}
	status(t, "createSpace", invocations()["createSpace"](ctx, s.admin, s.known), 409)
	status(t, "reloadApp", invocations()["reloadApp"](ctx, s.admin, s.known), 429)
	s.tenant.Advance(10 * time.Minute)
	if done, err := s.admin.CancelReload(ctx, s.known.reload); done || err != nil {
		t.Errorf("cancel a running reload: done %t, %v", done, err)
	}
	status(t, "cancelReload", invocations()["cancelReload"](ctx, s.admin, s.known), 409)
	s.tenant.Advance(time.Hour)
	if done, err := s.admin.CancelReload(ctx, s.known.reload); !done || err != nil {
		t.Errorf("cancel a cancelled reload: done %t, %v", done, err)
	}
}

func (s *stage) fault(t *testing.T, f sim.Fault) {
	t.Helper()
	if err := s.tenant.Inject(f); err != nil {
		t.Fatal(err)
	}
}

// badRequest sends what an operation must refuse with 400.
func (s *stage) badRequest(t *testing.T, id string) {
	t.Helper()
	app, ctx := s.known.app, t.Context()
	switch id {
	case "importApp", "getReload", "cancelReload":
		status(t, id, invocations()[id](ctx, s.admin, s.badForm), 400)
		return
	}
	requests := map[string][]string{
		"createApp":    {"POST /apps ", "POST /apps {", "POST /apps {}", `POST /apps {"name":7}`, `POST /apps {"name":"` + strings.Repeat("x", 257) + `"}`, `POST /apps []`},
		"updateApp":    {"PUT /apps/" + app + ` {"name":"` + strings.Repeat("x", 257) + `"}`, "PUT /apps/" + app + ` {"description":1}`},
		"publishApp":   {"POST /apps/" + app + "/publish {}", "POST /apps/" + app + `/publish {"spaceId":"` + s.known.space + `"}`, "POST /apps/" + app + `/publish {"spaceId":"x","data":"all"}`},
		"republishApp": {"PUT /apps/" + app + "/publish {}", "PUT /apps/" + app + `/publish {"spaceId":["x"]}`},
		"listSpaces":   {"GET /spaces?limit=0 ", "GET /spaces?limit=101 ", "GET /spaces?limit=x ", "GET /spaces?type=open ", "GET /spaces?next=gone ", "GET /spaces?next=a&prev=b ", "GET /spaces?sort=colour "},
		"listReloads":  {"GET /reloads ", "GET /reloads?appId=x ", "GET /reloads?partial=1&appId=" + app + " ", "GET /reloads?filter=status&appId=" + app + " ", "GET /reloads?log=&appId=" + app + " "},
		"reloadApp":    {"POST /reloads {}", `POST /reloads {"appId":"` + app + `","partial":"yes"}`, `POST /reloads {"appId":"` + app + `","variables":{"a":"b"}}`, `POST /reloads {"appId":"` + app + `","variables":[` + strings.Repeat(`{"name":"a"},`, 20) + `{"name":"a"}]}`},
	}[id]
	if requests == nil {
		t.Errorf("nothing that %s must refuse", id)
	}
	for _, request := range requests {
		parts := strings.SplitN(request, " ", 3)
		if got := s.raw(t, parts[0], parts[1], parts[2]); got != 400 {
			t.Errorf("%s: %d, want 400", request, got)
		}
	}
}

// TestErrorsOfTheLiveServiceAreTyped brings about the same errors in the other
// dialect.
func TestErrorsOfTheLiveServiceAreTyped(t *testing.T) {
	t.Parallel()
	s := newStage(t, qlik.Cloud, func(next http.RoundTripper) http.RoundTripper { return next })
	ctx := t.Context()
	for id, invoke := range invocations() {
		status(t, id, invoke(ctx, s.client(t, "unknown-key"), s.known), 401)
		s.fault(t, sim.Fault{Operation: id, Status: 503, Code: "X", RetryAfter: sim.Duration(1500 * time.Millisecond), Count: 1})
		err := invoke(ctx, s.admin, s.known)
		status(t, id, err, 503)
		if e := failure(t, err); e.Op != id || e.Code != "X" || e.TraceID == "" || e.RetryAfter != 2*time.Second {
			t.Errorf("%s: %+v", id, e)
		}
	}
	for _, body := range []string{
		`{"name":"flat"}`, `{"attributes":{}}`, `{"attributes":{"name":""}}`, `{"attributes":[]}`,
	} {
		if got := s.raw(t, "POST", "/apps", body); got != 400 {
			t.Errorf("create app with %s: %d, want 400", body, got)
		}
	}
	for _, rest := range []string{`"variables":[{"name":"a","value":"b"}]`, `"weight":11`, `"weight":1.5`, `"resourceType":"other"`, `"variables":{"a":1}`} {
		body := fmt.Sprintf(`{"appId":%q,%s}`, s.known.app, rest)
		if got := s.raw(t, "POST", "/reloads", body); got != 400 {
			t.Errorf("reload with %s: %d, want 400", body, got)
		}
	}
	if got := s.raw(t, "PUT", "/apps/"+s.known.app+"/publish", `{"spaceId":"`+s.known.managed+`"}`); got != 400 {
		t.Errorf("republish without a target: %d, want 400", got)
	}
	if got := s.raw(t, "PUT", "/spaces/"+s.known.space+"/assignments/"+s.known.assignment, `{"roles":["manager"]}`); got != 400 {
		t.Errorf("a role of the document: %d, want 400", got)
	}
}
