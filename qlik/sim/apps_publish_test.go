package sim_test

import (
	"context"
	"testing"

	"github.com/qlikgateway/gateway/qlik"
	"github.com/qlikgateway/gateway/qlik/sim"
)

func TestRepublishReplacesThePublishedApp(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for _, dialect := range []qlik.Dialect{qlik.OpenAPI, qlik.Cloud} {
		tenant := sim.New(sim.Config{Dialect: dialect})
		client, source, space := call(t, tenant), tenant.App("Sales"), tenant.Space("Company")
		published, err := client.PublishApp(ctx, source, qlik.AppPublish{SpaceID: space, Name: "Sales, published"})
		if err != nil {
			t.Fatal(err)
		}
		if published.ID == source || published.OriginAppID != source || published.SpaceID != space || published.PublishTime.IsZero() {
			t.Errorf("%s: published %+v", dialect, published)
		}
		again, err := client.RepublishApp(ctx, source, qlik.AppPublish{SpaceID: space, TargetID: published.ID})
		if err != nil || again.ID != published.ID || again.Name != published.Name {
			t.Errorf("%s: republished %+v (%v), want %s", dialect, again, err, published.ID)
		}
		if dialect == qlik.Cloud {
			found, err := client.FindPublished(ctx, source, space)
			if err != nil || len(found) != 1 || found[0].ResourceID != published.ID {
				t.Errorf("found %v (%v), want %s", found, err, published.ID)
			}
		}
	}
}

func TestRepublishWithoutPublishedAppIsNotFound(t *testing.T) {
	t.Parallel()
	tenant := sim.New(sim.Config{})
	_, err := call(t, tenant).RepublishApp(context.Background(), tenant.App("Sales"), qlik.AppPublish{SpaceID: tenant.Space("Company")})
	if e := failure(t, err); e.Status != 404 {
		t.Errorf("got %v, want 404", e)
	}
}
