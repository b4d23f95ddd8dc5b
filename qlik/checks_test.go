package qlik_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/qlikgateway/gateway/qlik"
)

func TestWhatCanNotBeSentIsRefusedBeforeTheWire(t *testing.T) {
	t.Parallel()
	long, variables := strings.Repeat("ä", 257), map[string]string{}
	for i := range 21 {
		variables[strconv.Itoa(i)] = ""
	}
	for name, try := range map[string]func(context.Context, *qlik.Client) error{
		"no app id": func(ctx context.Context, c *qlik.Client) error { _, err := c.GetApp(ctx, ""); return err },
		"dots":      func(ctx context.Context, c *qlik.Client) error { _, err := c.GetApp(ctx, ".."); return err },
		"no name": func(ctx context.Context, c *qlik.Client) error {
			_, err := c.CreateApp(ctx, qlik.AppCreate{})
			return err
		},
		"long name": func(ctx context.Context, c *qlik.Client) error {
			_, err := c.CreateApp(ctx, qlik.AppCreate{Name: long})
			return err
		},
		"long new name": func(ctx context.Context, c *qlik.Client) error {
			_, err := c.UpdateApp(ctx, "x", qlik.AppUpdate{Name: long})
			return err
		},
		"no space": func(ctx context.Context, c *qlik.Client) error {
			_, err := c.PublishApp(ctx, "x", qlik.AppPublish{})
			return err
		},
		"unknown data": func(ctx context.Context, c *qlik.Client) error {
			_, err := c.PublishApp(ctx, "x", qlik.AppPublish{SpaceID: "s", Data: "target"})
			return err
		},
		"no owner":  func(ctx context.Context, c *qlik.Client) error { _, err := c.UpdateAppOwner(ctx, "x", ""); return err },
		"no target": func(ctx context.Context, c *qlik.Client) error { _, err := c.MoveAppToSpace(ctx, "x", ""); return err },
		"no file": func(ctx context.Context, c *qlik.Client) error {
			_, err := c.ImportApp(ctx, nil, qlik.AppImport{})
			return err
		},
		"unknown mode": func(ctx context.Context, c *qlik.Client) error {
			_, err := c.ImportApp(ctx, strings.NewReader(""), qlik.AppImport{Mode: "x"})
			return err
		},
		"unknown type": func(ctx context.Context, c *qlik.Client) error {
			_, err := c.CreateSpace(ctx, qlik.SpaceCreate{Name: "n", Type: "x"})
			return err
		},
		"limit": func(ctx context.Context, c *qlik.Client) error {
			_, err := c.ListSpaces(ctx, qlik.SpaceQuery{Limit: 101})
			return err
		},
		"negative limit": func(ctx context.Context, c *qlik.Client) error {
			_, err := c.ListReloads(ctx, qlik.ReloadQuery{AppID: "x", Limit: -1})
			return err
		},
		"no app": func(ctx context.Context, c *qlik.Client) error {
			_, err := c.ListReloads(ctx, qlik.ReloadQuery{})
			return err
		},
		"no reload app": func(ctx context.Context, c *qlik.Client) error {
			_, err := c.ReloadApp(ctx, qlik.ReloadCreate{})
			return err
		},
		"21 variables": func(ctx context.Context, c *qlik.Client) error {
			_, err := c.ReloadApp(ctx, qlik.ReloadCreate{AppID: "x", Variables: variables})
			return err
		},
		"long variable": func(ctx context.Context, c *qlik.Client) error {
			_, err := c.ReloadApp(ctx, qlik.ReloadCreate{AppID: "x", Variables: map[string]string{long: ""}})
			return err
		},
		"long value": func(ctx context.Context, c *qlik.Client) error {
			_, err := c.ReloadApp(ctx, qlik.ReloadCreate{AppID: "x", Variables: map[string]string{"a": long}})
			return err
		},
		"nameless": func(ctx context.Context, c *qlik.Client) error {
			_, err := c.ReloadApp(ctx, qlik.ReloadCreate{AppID: "x", Variables: map[string]string{"": "1"}})
			return err
		},
		"weight": func(ctx context.Context, c *qlik.Client) error {
			_, err := c.ReloadApp(ctx, qlik.ReloadCreate{AppID: "x", Weight: 11})
			return err
		},
		"no patch": func(ctx context.Context, c *qlik.Client) error { _, err := c.PatchSpace(ctx, "s"); return err },
		"other patch": func(ctx context.Context, c *qlik.Client) error {
			_, err := c.PatchSpace(ctx, "s", qlik.JSONPatch{Op: "move", Path: "/name"})
			return err
		},
		"other path": func(ctx context.Context, c *qlik.Client) error {
			_, err := c.PatchSpace(ctx, "s", qlik.JSONPatch{Op: "replace", Path: "/type"})
			return err
		},
		"no role": func(ctx context.Context, c *qlik.Client) error {
			_, err := c.UpdateSpaceAssignment(ctx, "s", "a")
			return err
		},
		"two roles": func(ctx context.Context, c *qlik.Client) error {
			_, err := c.UpdateSpaceAssignment(ctx, "s", "a", "consumer", "producer")
			return err
		},
		"unknown role": func(ctx context.Context, c *qlik.Client) error {
			_, err := c.UpdateSpaceAssignment(ctx, "s", "a", "boss")
			return err
		},
		"unknown person": func(ctx context.Context, c *qlik.Client) error {
			_, err := c.CreateSpaceAssignment(ctx, "s", qlik.SpaceAssignmentCreate{Type: "bot", AssigneeID: "u", Roles: []string{"consumer"}})
			return err
		},
		"foreign file": func(ctx context.Context, c *qlik.Client) error {
			_, err := c.Download(ctx, "https://evil.example/x")
			return err
		},
	} {
		s := serve(t, reply(200, `{}`))
		e := failed(t, try(t.Context(), client(t, s.URL, qlik.OpenAPI)))
		if !errors.Is(e, qlik.ErrInvalid) || e.Sent || e.Status != 0 || e.Reason() != qlik.ReasonInvalid {
			t.Errorf("%s: got %v", name, e)
		}
		if s.count() != 0 {
			t.Errorf("%s: something was sent", name)
		}
	}
}

func TestWhatTheDialectLacksIsSaid(t *testing.T) {
	t.Parallel()
	s := serve(t, reply(200, `{}`))
	c := client(t, s.URL, qlik.OpenAPI)
	_, found := c.FindPublished(t.Context(), "x", "s")
	_, named := c.FindByName(t.Context(), "n", "")
	_, script := c.GetAppScript(t.Context(), "x", "current")
	_, made := c.CreateWebhook(t.Context(), qlik.WebhookCreate{Name: "w", URL: "https://gateway.example"})
	patched := c.PatchWebhook(t.Context(), "w", qlik.WebhookPatch{Path: "/enabled", Value: true})
	_, resent := c.ResendWebhookDelivery(t.Context(), "w", "d")
	lacks := []error{found, named, script, made, patched, resent}
	for _, err := range c.Webhooks(t.Context()) {
		lacks = append(lacks, err)
	}
	for _, err := range c.WebhookDeliveries(t.Context(), "w") {
		lacks = append(lacks, err)
	}
	if len(lacks) != 8 {
		t.Errorf("walks of what is not there gave %d errors", len(lacks)-6)
	}
	for _, err := range lacks {
		if e := failed(t, err); !errors.Is(err, qlik.ErrNotInDialect) || e.Reason() != qlik.ReasonNotInDialect {
			t.Errorf("got %v", err)
		}
	}
	if me, err := c.Me(t.Context()); me != "" || err != nil || s.count() != 0 {
		t.Errorf("me: %q, %v; %d calls", me, err, s.count())
	}
}
