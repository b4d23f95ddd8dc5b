package sim_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/qlikgateway/gateway/qlik"
	"github.com/qlikgateway/gateway/qlik/sim"
)

// A person is a user of a tenant with a client.
type person struct {
	sim.User
	*qlik.Client
}

func meet(t *testing.T, tenant *sim.Tenant, u sim.User) person {
	t.Helper()
	u = tenant.AddUser(u)
	c, err := qlik.New(qlik.Config{URL: "https://sim.test", Dialect: tenant.Dialect(), APIKey: u.APIKey, Transport: tenant.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	return person{u, c}
}

// allowed gives the statuses of a person's attempts: read, change, reload,
// delete, and publish an app of a space.
func allowed(t *testing.T, p person, app, managed string) string {
	t.Helper()
	text, ctx := "x", t.Context()
	list := []error{
		only(p.GetApp(ctx, app)), only(p.UpdateApp(ctx, app, qlik.AppUpdate{Description: &text})),
		only(p.ReloadApp(ctx, qlik.ReloadCreate{AppID: app})), only(p.PublishApp(ctx, app, qlik.AppPublish{SpaceID: managed})), p.DeleteApp(ctx, app),
	}
	got := ""
	for i, err := range list {
		switch {
		case err == nil:
			got += "RCLPD"[i : i+1]
		case failure(t, err).Status == 404 && i == 3: // the managed space is not known to them
		case failure(t, err).Status != 403:
			t.Errorf("%s: %v", p.Name, err)
		}
	}
	return got
}

func TestRolesInASpaceGiveRights(t *testing.T) {
	t.Parallel()
	for role, want := range map[string]string{
		"": "", "consumer": "R", "contributor": "R", "basicconsumer": "R", "dataconsumer": "", "publisher": "R",
		"operator": "RL", "producer": "RCLD", "manager": "RCLD", "facilitator": "RCLD",
	} {
		ctx, tenant := t.Context(), sim.New(sim.Config{})
		owner, app := call(t, tenant), tenant.App("Sales")
		p := meet(t, tenant, sim.User{Name: "with role " + role, Groups: []string{"crew"}})
		if role != "" {
			must[qlik.SpaceAssignment](t)(owner.CreateSpaceAssignment(ctx, tenant.Space("Workshop"), qlik.SpaceAssignmentCreate{
				Type: qlik.AssigneeGroup, AssigneeID: "crew", Roles: []string{role},
			}))
		}
		if got := allowed(t, p, app, tenant.Space("Company")); got != want {
			t.Errorf("%s may %q, want %q", role, got, want)
		}
	}
}

func TestPublishingNeedsARoleOnBothSides(t *testing.T) {
	t.Parallel()
	ctx, tenant := t.Context(), sim.New(sim.Config{})
	owner, app, managed := call(t, tenant), tenant.App("Sales"), tenant.Space("Company")
	p := meet(t, tenant, sim.User{Name: "Publisher"})
	give := func(space, role string) {
		must[qlik.SpaceAssignment](t)(owner.CreateSpaceAssignment(ctx, space, qlik.SpaceAssignmentCreate{Type: "user", AssigneeID: p.ID, Roles: []string{role}}))
	}
	give(managed, "publisher")
	_, err := p.PublishApp(ctx, app, qlik.AppPublish{SpaceID: managed})
	status(t, "without a role at the source", err, 403)
	give(tenant.Space("Workshop"), "producer")
	published := must[qlik.App](t)(p.PublishApp(ctx, app, qlik.AppPublish{SpaceID: managed}))
	_, err = p.UpdateApp(ctx, published.ID, qlik.AppUpdate{Name: "mine"})
	status(t, "change what is published", err, 403)
}

func TestSpacesOneHasNoPartInAreNotShown(t *testing.T) {
	t.Parallel()
	ctx, tenant := t.Context(), sim.New(sim.Config{})
	p := meet(t, tenant, sim.User{Name: "Maker", Roles: []string{sim.RoleSharedCreator, sim.RoleContentCreator}})
	own := must[qlik.Space](t)(p.CreateSpace(ctx, qlik.SpaceCreate{Name: "Own", Type: qlik.SpaceShared}))
	list := must[qlik.Page[qlik.Space]](t)(p.ListSpaces(ctx, qlik.SpaceQuery{}))
	if len(list.Data) != 1 || list.Data[0].ID != own.ID {
		t.Errorf("sees %+v", list.Data)
	}
	_, err := p.GetSpace(ctx, tenant.Space("Workshop"))
	status(t, "somebody else's space", err, 404)
	_, err = p.CreateSpace(ctx, qlik.SpaceCreate{Name: "Managed", Type: qlik.SpaceManaged})
	status(t, "a type that one may not create", err, 403)
	if list := must[qlik.Page[qlik.Space]](t)(call(t, tenant).ListSpaces(ctx, qlik.SpaceQuery{})); len(list.Data) != 4 {
		t.Errorf("an administrator sees %d spaces, want 4", len(list.Data))
	}
	app := must[qlik.App](t)(p.CreateApp(ctx, qlik.AppCreate{Name: "Private"}))
	shared := must[qlik.App](t)(p.CreateApp(ctx, qlik.AppCreate{Name: "Shared", SpaceID: own.ID}))
	for _, id := range []string{app.ID, shared.ID} {
		_, err = call(t, tenant).GetApp(ctx, id)
		status(t, "an administrator without a role reads an app", err, 403)
	}
	if given := must[qlik.App](t)(call(t, tenant).UpdateAppOwner(ctx, app.ID, p.ID)); given.OwnerID != p.ID {
		t.Errorf("owner is %s", given.OwnerID)
	}
}

func TestSpacesAreFilteredSortedAndPaged(t *testing.T) {
	t.Parallel()
	ctx, tenant := t.Context(), sim.New(sim.Config{Dialect: qlik.Cloud})
	c := call(t, tenant)
	for i := range 25 {
		tenant.AddSpace(fmt.Sprintf("Team %02d", i), qlik.SpaceShared)
	}
	var names []string
	for s, err := range c.Spaces(ctx, qlik.SpaceQuery{Name: "team", Sort: "-name", Limit: 7}) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, s.Name)
	}
	if len(names) != 25 || !slices.IsSortedFunc(names, func(a, b string) int { return -len(a) + len(b) }) || names[0] != "Team 24" || names[24] != "Team 00" {
		t.Errorf("got %v", names)
	}
	second := must[qlik.Page[qlik.Space]](t)(c.ListSpaces(ctx, qlik.SpaceQuery{Next: must[qlik.Page[qlik.Space]](t)(c.ListSpaces(ctx, qlik.SpaceQuery{Name: "team"})).Next}))
	first := must[qlik.Page[qlik.Space]](t)(c.ListSpaces(ctx, qlik.SpaceQuery{Next: second.Prev}))
	if len(first.Data) != 10 || first.Data[0].Name != "Team 00" || second.Data[0].Name != "Team 10" || first.Prev != "" {
		t.Errorf("back from the second page: %+v", first.Data)
	}
	for query, want := range map[qlik.SpaceQuery]int{
		{Type: qlik.SpaceManaged}: 1, {Action: "publish"}: 1, {Name: "WORK"}: 1, {OwnerID: "nobody"}: 0, {Type: qlik.SpaceData}: 1,
	} {
		if got := must[qlik.Page[qlik.Space]](t)(c.ListSpaces(ctx, query)); len(got.Data) != want {
			t.Errorf("%+v: %d spaces, want %d", query, len(got.Data), want)
		}
	}
}

func TestSpaceIsChangedWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	ctx, tenant := t.Context(), sim.New(sim.Config{})
	c, space := call(t, tenant), tenant.Space("Workshop")
	replace := func(path string, value any) qlik.JSONPatch {
		return qlik.JSONPatch{Op: "replace", Path: path, Value: value}
	}
	for what, patch := range map[string][]qlik.JSONPatch{
		"a name that is taken": {replace("/description", "changed"), replace("/name", "company")},
		"no owner":             {replace("/description", "changed"), replace("/ownerId", "nobody")},
		"no text":              {replace("/description", "changed"), replace("/name", 7)},
		"no name":              {replace("/description", "changed"), {Op: "remove", Path: "/name"}},
	} {
		if _, err := c.PatchSpace(ctx, space, patch...); err == nil {
			t.Errorf("%s was accepted", what)
		}
	}
	if got := must[qlik.Space](t)(c.GetSpace(ctx, space)); got.Description == "changed" || got.Name != "Workshop" {
		t.Errorf("changed by halves: %+v", got)
	}
	must[qlik.Space](t)(c.UpdateSpace(ctx, space, qlik.SpaceUpdate{Name: "WORKSHOP"})) // its own name is not taken
	got := must[qlik.Space](t)(c.PatchSpace(ctx, space, qlik.JSONPatch{Op: "remove", Path: "/description"}, replace("/name", "Garage")))
	if got.Description != "" || got.Name != "Garage" {
		t.Errorf("got %+v", got)
	}
	if err := c.DeleteSpace(ctx, space); failure(t, err).Status != 403 {
		t.Errorf("a space with apps was deleted: %v", err)
	}
}
