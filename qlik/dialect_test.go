package qlik_test

import (
	"context"
	"strings"
	"testing"

	"github.com/qlikgateway/gateway/qlik"
)

func TestDialectFollowsTheHost(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]qlik.Dialect{
		"https://acme.eu.qlikcloud.com":      qlik.Cloud,
		"https://ACME.EU.QlikCloud.com:443/": qlik.Cloud,
		"https://qlikcloud.com.evil.example": qlik.OpenAPI,
		"https://evilqlikcloud.com":          qlik.OpenAPI,
		"http://127.0.0.1:8080":              qlik.OpenAPI,
		"%":                                  qlik.OpenAPI,
	} {
		if got := qlik.DialectOf(address); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}

// A wireCase is one call and what it must look like on the wire.
type wireCase struct {
	name           string
	call           func(context.Context, *qlik.Client) error
	openapi, cloud string // method, path with query, body
}

func wireCases() []wireCase {
	text := "new"
	return []wireCase{
		{"privileges", func(ctx context.Context, c *qlik.Client) error { _, err := c.GetAppsPrivileges(ctx); return err },
			`GET /api/v1/apps `, `GET /api/v1/apps/privileges `},
		{"create", func(ctx context.Context, c *qlik.Client) error {
			_, err := c.CreateApp(ctx, qlik.AppCreate{Name: "a<b>", SpaceID: "s"})
			return err
		}, `POST /api/v1/apps {"name":"a<b>","spaceId":"s"}`, `POST /api/v1/apps {"attributes":{"name":"a<b>","spaceId":"s"}}`},
		{"update", func(ctx context.Context, c *qlik.Client) error {
			_, err := c.UpdateApp(ctx, "x", qlik.AppUpdate{Description: &text})
			return err
		}, `PUT /api/v1/apps/x {"description":"new"}`, `PUT /api/v1/apps/x {"attributes":{"description":"new"}}`},
		{"copy", func(ctx context.Context, c *qlik.Client) error {
			_, err := c.CopyApp(ctx, "a/b c", qlik.AppCopy{Name: "n"})
			return err
		}, `POST /api/v1/apps/a%2Fb%20c/copy {"name":"n"}`, `POST /api/v1/apps/a%2Fb%20c/copy {"attributes":{"name":"n"}}`},
		{"publish", func(ctx context.Context, c *qlik.Client) error {
			_, err := c.PublishApp(ctx, "x", qlik.AppPublish{SpaceID: "s", Data: "source", Name: "n"})
			return err
		}, `POST /api/v1/apps/x/publish {"spaceId":"s","data":"source","attributes":{"name":"n"}}`,
			`POST /api/v1/apps/x/publish {"spaceId":"s","data":"source","attributes":{"name":"n"}}`},
		{"republish", func(ctx context.Context, c *qlik.Client) error {
			_, err := c.RepublishApp(ctx, "x", qlik.AppPublish{SpaceID: "s", TargetID: "t"})
			return err
		}, `PUT /api/v1/apps/x/publish {"spaceId":"s"}`,
			`PUT /api/v1/apps/x/publish {"spaceId":"s","targetId":"t","checkOriginAppId":true}`},
		{"reload", func(ctx context.Context, c *qlik.Client) error {
			_, err := c.ReloadApp(ctx, qlik.ReloadCreate{AppID: "x", Variables: map[string]string{"b": "2", "a": "1"}, Weight: 3, ResourceID: "r"})
			return err
		}, `POST /api/v1/reloads {"appId":"x","partial":false,"variables":[{"name":"a","value":"1"},{"name":"b","value":"2"}]}`,
			`POST /api/v1/reloads {"appId":"x","partial":false,"variables":{"a":"1","b":"2"},"weight":3,"resourceId":"r"}`},
		{"export", func(ctx context.Context, c *qlik.Client) error {
			_, err := c.ExportApp(ctx, "x", qlik.AppExport{NoData: true})
			return err
		}, `POST /api/v1/apps/x/export {"noData":true}`, `POST /api/v1/apps/x/export?NoData=true `},
		{"import", func(ctx context.Context, c *qlik.Client) error {
			_, err := c.ImportApp(ctx, strings.NewReader("file"), qlik.AppImport{Name: "n", Mode: qlik.ImportNew})
			return err
		}, `POST /api/v1/apps/import?mode=new&name=n file`, `POST /api/v1/apps/import?mode=NEW&name=n file`},
		{"assign", func(ctx context.Context, c *qlik.Client) error {
			_, err := c.UpdateSpaceAssignment(ctx, "s", "a", "producer")
			return err
		}, `PUT /api/v1/spaces/s/assignments/a {"role":"producer"}`, `PUT /api/v1/spaces/s/assignments/a {"roles":["producer"]}`},
		{"list reloads", func(ctx context.Context, c *qlik.Client) error {
			_, err := c.ListReloads(ctx, qlik.ReloadQuery{AppID: "x", Limit: 5, Sort: "-creationTime", Filter: `status eq "FAILED"`})
			return err
		}, `GET /api/v1/reloads?appId=x&filter=status+eq+%22FAILED%22&limit=5 `,
			`GET /api/v1/reloads?appId=x&filter=status+eq+%22FAILED%22&limit=5&sort=-creationTime `},
		{"patch", func(ctx context.Context, c *qlik.Client) error {
			_, err := c.PatchSpace(ctx, "s", qlik.JSONPatch{Op: "replace", Path: "/description", Value: ""})
			return err
		}, `PATCH /api/v1/spaces/s [{"op":"replace","path":"/description","value":""}]`,
			`PATCH /api/v1/spaces/s [{"op":"replace","path":"/description","value":""}]`},
	}
}

func TestRequestsAreWrittenInTheDialect(t *testing.T) {
	t.Parallel()
	for _, c := range wireCases() {
		for dialect, want := range map[qlik.Dialect]string{qlik.OpenAPI: c.openapi, qlik.Cloud: c.cloud} {
			s := serve(t, reply(500, `{}`))
			if e := failed(t, c.call(t.Context(), client(t, s.URL, dialect))); e.Status != 500 {
				t.Errorf("%s: %v", c.name, e)
				continue
			}
			r, body := s.last()
			if got := r.Method + " " + r.URL.RequestURI() + " " + body; got != want {
				t.Errorf("%s in %s:\n got %s\nwant %s", c.name, dialect, got, want)
			}
			if r.Header.Get("Authorization") != "Bearer key-0123456789" {
				t.Errorf("%s: Authorization is %q", c.name, r.Header.Get("Authorization"))
			}
		}
	}
}

func TestAnswersAreReadInEitherDialect(t *testing.T) {
	t.Parallel()
	for body, where := range map[string]string{
		`{"id":"x","name":"n","originAppId":"o","publishTime":"2020-11-03T17:00:11.865Z","new":1}`:                                            "flat",
		`{"attributes":{"id":"x","name":"n","originAppId":"o","publishTime":"2020-11-03T17:00:11.865Z"},"privileges":["read"],"create":[{}]}`: "envelope",
	} {
		for _, dialect := range []qlik.Dialect{qlik.OpenAPI, qlik.Cloud} {
			app, err := client(t, serve(t, reply(200, body)).URL, dialect).GetApp(t.Context(), "x")
			if err != nil || app.ID != "x" || app.Name != "n" || app.OriginAppID != "o" || app.PublishTime.Year() != 2020 {
				t.Errorf("%s in %s: %+v, %v", where, dialect, app, err)
			}
		}
	}
	app, err := client(t, serve(t, reply(200, `{"attributes":{"id":"x","publishTime":"","lastReloadTime":null,"usage":"NEW_ONE"}}`)).URL, qlik.Cloud).GetApp(t.Context(), "x")
	if err != nil || !app.PublishTime.IsZero() || !app.LastReloadTime.IsZero() || app.Usage != "NEW_ONE" {
		t.Errorf("empty times: %+v, %v", app, err)
	}
}

func TestDataIsReadInEitherSpelling(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"tables":[{"name":"T","noOfRows":3,"byteSize":24}],"fields":[{"name":"F","isSystem":true}],"reloadMeta":{"cpuTimeSpentMs":7}}`,
		`{"tables":[{"name":"T","no_of_rows":3,"byte_size":24}],"fields":[{"name":"F","is_system":true}],"reload_meta":{"cpu_time_spent_ms":7}}`,
	} {
		m, err := client(t, serve(t, reply(200, body)).URL, qlik.Cloud).GetAppDataMetadata(t.Context(), "x")
		if err != nil || m.Tables[0].NoOfRows != 3 || m.Tables[0].ByteSize != 24 || !m.Fields[0].IsSystem || m.ReloadMeta.CPUTimeSpentMs != 7 {
			t.Errorf("%s: %+v, %v", body, m, err)
		}
	}
}

func TestListsAreReadBareOrWrapped(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`[{"id":"v1","script":"x"}]`, `{"scripts":[{"scriptId":"v1","size":4}],"links":{}}`} {
		list, err := client(t, serve(t, reply(200, body)).URL, qlik.Cloud).GetAppScripts(t.Context(), "x")
		if err != nil || len(list) != 1 || list[0].ID != "v1" {
			t.Errorf("%s: %+v, %v", body, list, err)
		}
	}
	for _, body := range []string{`{"data":["shared"]}`, `{"data":[{"type":"shared"}]}`} {
		list, err := client(t, serve(t, reply(200, body)).URL, qlik.Cloud).ListSpaceTypes(t.Context())
		if err != nil || len(list) != 1 || list[0].Type != "shared" {
			t.Errorf("%s: %+v, %v", body, list, err)
		}
	}
	for _, body := range []string{`[{"id":"r","duration":1500,"success":true}]`, `{"data":[{"reloadId":"r","duration":1500,"success":true}]}`} {
		list, err := client(t, serve(t, reply(200, body)).URL, qlik.Cloud).GetAppReloadLogs(t.Context(), "x")
		if err != nil || len(list) != 1 || list[0].ID != "r" || list[0].Duration.Seconds() != 1.5 {
			t.Errorf("%s: %+v, %v", body, list, err)
		}
	}
}

func TestReloadDurationIsReadOrComputed(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]float64{
		`{"id":"r","status":"SUCCEEDED","duration":"PT1M2.5S"}`:                                              62.5,
		`{"id":"r","status":"NEW","startTime":"2020-11-03T17:00:00Z","endTime":"2020-11-03T17:00:02.250Z"}`:  2.25,
		`{"id":"r","status":"QUEUED","duration":"soon","engineTime":12}`:                                     0,
		`{"id":"r","duration":"P1DT2H","startTime":"2020-11-03T17:00:00","endTime":"2020-11-03T17:00:02"}`:   93600,
		`{"id":"r","duration":"PT-5S","startTime":"2020-11-03T17:00:09+01:00","endTime":"","errorCode":404}`: 0,
	} {
		r, err := client(t, serve(t, reply(200, body)).URL, qlik.OpenAPI).GetReload(t.Context(), "r")
		if err != nil || r.Duration.Seconds() != want {
			t.Errorf("%s: %v, %v", body, r.Duration, err)
		}
		if r.Status == "NEW" && r.Status.Ended() {
			t.Error("an unknown status counts as ended")
		}
	}
}
