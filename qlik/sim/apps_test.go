package sim_test

import (
	"bytes"
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

// must gives a value or ends the test.
func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestDeletedAppIsGoneAndOrphansWhatWasPublished(t *testing.T) {
	t.Parallel()
	ctx, tenant := t.Context(), sim.New(sim.Config{Dialect: qlik.Cloud})
	c, source := call(t, tenant), tenant.App("Sales")
	published := must[qlik.App](t)(c.PublishApp(ctx, source, qlik.AppPublish{SpaceID: tenant.Space("Company")}))
	reload := must[qlik.Reload](t)(c.ReloadApp(ctx, qlik.ReloadCreate{AppID: source}))
	if err := c.DeleteApp(ctx, source); err != nil {
		t.Fatal(err)
	}
	_, err := c.GetApp(ctx, source)
	status(t, "get", err, 404)
	_, err = c.RepublishApp(ctx, source, qlik.AppPublish{TargetID: published.ID})
	status(t, "republish", err, 404)
	_, err = c.ReloadApp(ctx, qlik.ReloadCreate{AppID: source})
	status(t, "reload", err, 404)
	if got := must[qlik.App](t)(c.GetApp(ctx, published.ID)); got.OriginAppID != source {
		t.Errorf("the published app has the origin %s", got.OriginAppID)
	}
	if got := must[qlik.Reload](t)(c.GetReload(ctx, reload.ID)); got.Status != qlik.ReloadFailed || got.ErrorCode == "" {
		t.Errorf("the reload of the deleted app is %s %s", got.Status, got.ErrorCode)
	}
}

func TestPublishedAppStaysWhereItIs(t *testing.T) {
	t.Parallel()
	ctx, tenant := t.Context(), sim.New(sim.Config{})
	c, managed := call(t, tenant), tenant.Space("Company")
	published := must[qlik.App](t)(c.PublishApp(ctx, tenant.App("Sales"), qlik.AppPublish{SpaceID: managed}))
	_, err := c.MoveAppToSpace(ctx, published.ID, tenant.Space("Workshop"))
	status(t, "move a published app", err, 403)
	_, err = c.RemoveAppFromSpace(ctx, published.ID)
	status(t, "remove a published app", err, 403)
	_, err = c.PublishApp(ctx, published.ID, qlik.AppPublish{SpaceID: managed})
	status(t, "publish a published app", err, 400)
	for _, space := range []string{managed, tenant.Space("Warehouse")} {
		_, err = c.MoveAppToSpace(ctx, tenant.App("Finance"), space)
		status(t, "move to a space that is not shared", err, 403)
		_, err = c.CreateApp(ctx, qlik.AppCreate{Name: "n", SpaceID: space})
		status(t, "create in a space that is not shared", err, 403)
	}
	_, err = c.CreateApp(ctx, qlik.AppCreate{Name: "n", SpaceID: "nowhere"})
	status(t, "create in no space", err, 400)
	_, err = c.CopyApp(ctx, published.ID, qlik.AppCopy{SpaceID: "nowhere"})
	status(t, "copy to no space", err, 404)
	_, err = c.UpdateAppOwner(ctx, tenant.App("Finance"), "nobody")
	status(t, "give to nobody", err, 404)
}

func TestSecondPublishMakesASecondApp(t *testing.T) {
	t.Parallel()
	ctx, tenant := t.Context(), sim.New(sim.Config{})
	c, source, space := call(t, tenant), tenant.App("Sales"), tenant.Space("Company")
	first := must[qlik.App](t)(c.PublishApp(ctx, source, qlik.AppPublish{SpaceID: space}))
	second := must[qlik.App](t)(c.PublishApp(ctx, source, qlik.AppPublish{SpaceID: space}))
	again := must[qlik.App](t)(c.RepublishApp(ctx, source, qlik.AppPublish{SpaceID: space, Name: "Renamed"}))
	if first.ID == second.ID || again.ID != second.ID || again.Name != "Renamed" {
		t.Errorf("published %s and %s, then replaced %s, now %q", first.ID, second.ID, again.ID, again.Name)
	}
}

func TestRepublishRefusesATargetOfAnotherSource(t *testing.T) {
	t.Parallel()
	ctx, tenant := t.Context(), sim.New(sim.Config{Dialect: qlik.Cloud})
	c, other := call(t, tenant), tenant.App("Finance")
	published := must[qlik.App](t)(c.PublishApp(ctx, tenant.App("Sales"), qlik.AppPublish{SpaceID: tenant.Space("Company"), Data: "target"}))
	_, err := c.RepublishApp(ctx, other, qlik.AppPublish{TargetID: published.ID})
	status(t, "of another source", err, 400)
	_, err = c.RepublishApp(ctx, other, qlik.AppPublish{TargetID: other})
	status(t, "of an app that is not published", err, 400)
	_, err = c.RepublishApp(ctx, other, qlik.AppPublish{TargetID: "gone"})
	status(t, "of no app", err, 404)
	if got := must[qlik.App](t)(c.RepublishApp(ctx, other, qlik.AppPublish{TargetID: published.ID, AnyOrigin: true})); got.OriginAppID != other {
		t.Errorf("the origin is %s, want %s", got.OriginAppID, other)
	}
}

func TestAppIsFoundByNameAndByOrigin(t *testing.T) {
	t.Parallel()
	ctx, tenant := t.Context(), sim.New(sim.Config{Dialect: qlik.Cloud})
	c := call(t, tenant)
	for range 12 {
		must[qlik.App](t)(c.CopyApp(ctx, tenant.App("Sales"), qlik.AppCopy{Name: "Sales copy", SpaceID: tenant.Space("Workshop")}))
	}
	if found := must[[]qlik.Item](t)(c.FindByName(ctx, "Sales", "")); len(found) != 1 || found[0].ResourceID != tenant.App("Sales") {
		t.Errorf("by name: %+v", found)
	}
	if found := must[[]qlik.Item](t)(c.FindByName(ctx, "Sales copy", tenant.Space("Workshop"))); len(found) != 12 || found[0].CreatedAt.Before(found[11].CreatedAt) {
		t.Errorf("copies: %+v", found)
	}
	if found := must[[]qlik.Item](t)(c.FindPublished(ctx, tenant.App("Sales"), tenant.Space("Company"))); len(found) != 0 {
		t.Errorf("published: %+v", found)
	}
}

func TestDataFollowsFromScriptAndReloads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, tenant := t.Context(), sim.New(sim.Config{})
		c := call(t, tenant)
		app := must[qlik.App](t)(c.CreateApp(ctx, qlik.AppCreate{Name: "n"})).ID
		must[qlik.AppScript](t)(c.SetAppScript(ctx, app, `
			// LOAD nothing FROM [lib://comment];
			Days: LOAD * INLINE [
			DayID, Day
			1, Mon
			2, Tue
			];
			Facts: LOAD DayID, Amount AS Value, If(x, 'a;b', 1) AS Flag FROM [lib://DataFiles/facts.qvd] (qvd);
			Few: LOAD RecNo() AS N AUTOGENERATE(5); SQL SELECT "Id" FROM warehouse.orders;
		`))
		if m := must[qlik.AppDataMetadata](t)(c.GetAppDataMetadata(ctx, app)); len(m.Tables)+len(m.Fields) != 0 {
			t.Errorf("before a reload: %+v", m)
		}
		reload := func(partial bool) map[string]int64 {
			must[qlik.Reload](t)(c.ReloadApp(ctx, qlik.ReloadCreate{AppID: app, Partial: partial}))
			pass(2 * time.Second)
			rows := map[string]int64{}
			for _, table := range must[qlik.AppDataMetadata](t)(c.GetAppDataMetadata(ctx, app)).Tables {
				rows[table.Name] = table.NoOfRows
			}
			return rows
		}
		first, second, third := reload(false), reload(false), reload(true)
		if first["Days"] != 2 || first["Few"] != 5 || first["Facts"] < 100 || len(first) != 4 {
			t.Errorf("after a reload: %v", first)
		}
		if second["Days"] != 2 || second["Facts"] <= first["Facts"] || third["Days"] != 4 {
			t.Errorf("then %v and, partially, %v", second, third)
		}
		m := must[qlik.AppDataMetadata](t)(c.GetAppDataMetadata(ctx, app))
		if !slices.ContainsFunc(m.Tables, func(d qlik.DataTable) bool { return d.Name == "Facts" && d.NoOfFields == 3 && d.NoOfKeyFields == 1 }) || m.ReloadMeta.PeakMemoryBytes == 0 {
			t.Errorf("data: %+v", m)
		}
		l := must[[]qlik.AppDataLineage](t)(c.GetAppDataLineage(ctx, app))
		if len(l) != 4 || l[0].Discriminator != "INLINE" || l[1].Discriminator != "lib://DataFiles/facts.qvd" || l[3].Discriminator != "warehouse.orders" {
			t.Errorf("lineage: %+v", l)
		}
	})
}

func TestScriptVersionsAreKept(t *testing.T) {
	t.Parallel()
	for _, dialect := range []qlik.Dialect{qlik.OpenAPI, qlik.Cloud} {
		ctx, tenant := t.Context(), sim.New(sim.Config{Dialect: dialect})
		c, app := call(t, tenant), tenant.App("Sales")
		must[qlik.AppScript](t)(c.SetAppScript(ctx, app, "LET a = 1;"))
		list := must[[]qlik.AppScript](t)(c.GetAppScripts(ctx, app))
		if len(list) != 2 || list[0].ModifiedDate.IsZero() {
			t.Fatalf("%s: %+v", dialect, list)
		}
		if dialect == qlik.OpenAPI {
			if list[0].Script != "LET a = 1;" || !strings.Contains(list[1].Script, "orders.qvd") {
				t.Errorf("%+v", list)
			}
			continue
		}
		for _, id := range []string{list[0].ID, "current"} {
			if got := must[qlik.AppScript](t)(c.GetAppScript(ctx, app, id)); got.Script != "LET a = 1;" || got.ID != id {
				t.Errorf("%s: %+v", id, got)
			}
		}
		_, err := c.GetAppScript(ctx, app, "gone")
		status(t, "a version that is not there", err, 404)
	}
}

func TestAppFileRoundTrips(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, tenant := t.Context(), sim.New(sim.Config{})
		c, app := call(t, tenant), tenant.App("Sales")
		must[qlik.Reload](t)(c.ReloadApp(ctx, qlik.ReloadCreate{AppID: app}))
		pass(2 * time.Second)
		source := must[qlik.App](t)(c.GetApp(ctx, app))
		file := func(how qlik.AppExport) []byte {
			r := must[io.ReadCloser](t)(c.Download(ctx, must[string](t)(c.ExportApp(ctx, app, how))))
			b, err := io.ReadAll(r)
			if err := errors.Join(err, r.Close()); err != nil {
				t.Fatal(err)
			}
			return b
		}
		whole := must[qlik.App](t)(c.ImportApp(ctx, bytes.NewReader(file(qlik.AppExport{})), qlik.AppImport{Name: "Whole"}))
		empty := must[qlik.App](t)(c.ImportApp(ctx, bytes.NewReader(file(qlik.AppExport{NoData: true})), qlik.AppImport{Name: "Empty"}))
		if !whole.LastReloadTime.Equal(source.LastReloadTime) || whole.Description != source.Description || !empty.LastReloadTime.IsZero() {
			t.Errorf("with data %+v, without %+v", whole, empty)
		}
		want, got := must[qlik.AppDataMetadata](t)(c.GetAppDataMetadata(ctx, app)), must[qlik.AppDataMetadata](t)(c.GetAppDataMetadata(ctx, whole.ID))
		if !slices.Equal(want.Tables, got.Tables) || want.ReloadMeta != got.ReloadMeta {
			t.Errorf("data: %+v, want %+v", got, want)
		}
		replaced := must[qlik.App](t)(c.ImportApp(ctx, bytes.NewReader(file(qlik.AppExport{})), qlik.AppImport{Name: "Empty", Mode: qlik.ImportAutoReplace}))
		if replaced.ID != empty.ID || !replaced.LastReloadTime.Equal(source.LastReloadTime) {
			t.Errorf("autoreplace: %+v, want %s", replaced, empty.ID)
		}
		stranger := tenant.AddUser(sim.User{Name: "Stranger"})
		path := must[string](t)(c.ExportApp(ctx, app, qlik.AppExport{}))
		_, err := must[*qlik.Client](t)(qlik.New(qlik.Config{URL: "https://sim.test", APIKey: stranger.APIKey, Transport: tenant.Transport()})).Download(ctx, path)
		status(t, "somebody else's file", err, 404)
		pass(time.Hour)
		_, err = c.Download(ctx, path)
		status(t, "a file of an hour ago", err, 404)
	})
}
