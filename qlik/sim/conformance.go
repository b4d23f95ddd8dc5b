package sim

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/qlikgateway/gateway/qlik"
)

// A Check tries one operation on a tenant.
type Check struct {
	Operation string // the operationId
	Run       func(context.Context) error
}

// A Suite tries all operations on a tenant, be it simulated or a real one, and
// tells which do not do what they promise. What it creates bears the name
// "conformance" and is removed by Clean. The checks share what they create, so
// they run one after the other, in any order, all or some.
//
// In a test of one's own:
//
//	suite := sim.NewSuite(client)
//	defer suite.Clean(ctx)
//	for _, check := range suite.Checks() {
//		t.Run(check.Operation, func(t *testing.T) {
//			if err := check.Run(ctx); err != nil {
//				t.Error(err)
//			}
//		})
//	}
type Suite struct {
	// Poll is how often a reload is looked at while it runs; default 2s.
	Poll time.Duration

	client *qlik.Client
	stamp  string // makes names unique

	apps            []string // to be deleted
	spaces          []string // to be deleted
	shared, managed qlik.Space
	source          qlik.App // in shared, with a script that was reloaded
	reloaded        qlik.Reload
}

// NewSuite returns a suite for the tenant of a client. Its user must be allowed
// to create apps, and shared and managed spaces.
func NewSuite(client *qlik.Client) *Suite {
	return &Suite{Poll: 2 * time.Second, client: client, stamp: time.Now().UTC().Format("20060102T150405.000000")}
}

// Checks lists one check for each operation of the document.
func (s *Suite) Checks() []Check {
	return append(append(s.appChecks(), s.spaceChecks()...), s.reloadChecks()...)
}

// Clean removes what the checks have created.
func (s *Suite) Clean(ctx context.Context) error {
	var errs []error
	for _, id := range s.apps {
		errs = append(errs, ignoreMissing(s.client.DeleteApp(ctx, id)))
	}
	for _, id := range s.spaces {
		errs = append(errs, ignoreMissing(s.client.DeleteSpace(ctx, id)))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("clean up after the suite: %w", err)
	}
	*s = Suite{Poll: s.Poll, client: s.client, stamp: s.stamp}
	return nil
}

// ignoreMissing takes a 404 for a success: it is gone, as was wanted.
func ignoreMissing(err error) error {
	var e *qlik.Error
	if errors.As(err, &e) && e.Status == 404 {
		return nil
	}
	return err
}

// The script of the suite's apps: three rows, in a moment; and one that takes
// its time, so that it can be cancelled.
const (
	quickScript = "Numbers:\nLOAD RecNo() AS Number AUTOGENERATE 3;\n"
	slowScript  = "Sleep 60000;\n" + quickScript
)

// name makes a name that nothing else has.
func (s *Suite) name(what string) string { return "conformance " + what + " " + s.stamp }

// space gives a space of the suite, making it when it is first needed.
func (s *Suite) space(ctx context.Context, into *qlik.Space, kind string) (string, error) {
	if into.ID != "" {
		return into.ID, nil
	}
	made, err := s.client.CreateSpace(ctx, qlik.SpaceCreate{Name: s.name(kind), Type: kind, Description: "Made by a test"})
	if err != nil {
		return "", err
	}
	s.spaces = append(s.spaces, made.ID)
	*into = made
	return made.ID, nil
}

// newApp makes an app with a script in the shared space.
func (s *Suite) newApp(ctx context.Context, what, script string) (qlik.App, error) {
	space, err := s.space(ctx, &s.shared, qlik.SpaceShared)
	if err != nil {
		return qlik.App{}, err
	}
	made, err := s.client.CreateApp(ctx, qlik.AppCreate{Name: s.name(what), SpaceID: space, Description: "Made by a test"})
	if err != nil {
		return qlik.App{}, err
	}
	s.apps = append(s.apps, made.ID)
	_, err = s.client.SetAppScript(ctx, made.ID, script)
	return made, err
}

// reload gives the app that has data, and the reload that brought it.
func (s *Suite) reload(ctx context.Context) (qlik.App, qlik.Reload, error) {
	if s.reloaded.ID != "" {
		return s.source, s.reloaded, nil
	}
	app, err := s.newApp(ctx, "source", quickScript)
	if err != nil {
		return app, qlik.Reload{}, err
	}
	started, err := s.client.ReloadApp(ctx, qlik.ReloadCreate{AppID: app.ID, Variables: map[string]string{"suite": "conformance"}})
	if err != nil {
		return app, started, err
	}
	ended, err := s.await(ctx, started.ID)
	if err != nil {
		return app, ended, err
	}
	if ended.Status != qlik.ReloadSucceeded {
		return app, ended, fmt.Errorf("reload ended as %s: %s %s", ended.Status, ended.ErrorCode, ended.ErrorMessage)
	}
	s.source, s.reloaded = app, ended
	return app, ended, nil
}

// await looks at a reload until it has ended.
func (s *Suite) await(ctx context.Context, id string) (qlik.Reload, error) {
	tick := time.NewTicker(s.Poll)
	defer tick.Stop()
	for {
		x, err := s.client.GetReload(ctx, id)
		if err != nil || x.Status.Ended() {
			return x, err
		}
		select {
		case <-ctx.Done():
			return x, ctx.Err()
		case <-tick.C:
		}
	}
}

// Identifiers that nothing has.
const (
	noApp = "00000000-0000-4000-8000-000000000000"
	noID  = "000000000000000000000000"
)

// wantMissing expects that a call found nothing: 404, or, from services that do
// not tell strangers what exists, 403.
func wantMissing(err error) error {
	var e *qlik.Error
	if errors.As(err, &e) && (e.Status == 404 || e.Status == 403) {
		return nil
	}
	return fmt.Errorf("for an identifier that nothing has: got %w, want 404", err)
}

// expect gives an error that names the fields that are not as they should be.
func expect(fields map[string]bool) error {
	var wrong []string
	for name, right := range fields {
		if !right {
			wrong = append(wrong, name)
		}
	}
	if wrong == nil {
		return nil
	}
	return fmt.Errorf("not as expected: %s", strings.Join(wrong, ", "))
}
