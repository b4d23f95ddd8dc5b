package main

import (
	"net/url"
	"testing"

	"github.com/qlikgateway/gateway/events"
)

func TestDataschemaOfEveryTypeIsServedOnBothListeners(t *testing.T) {
	t.Parallel()
	s := newSite(t, salesRule)
	for _, kind := range events.Catalog() {
		address, err := url.Parse(kind.DataSchema())
		if err != nil {
			t.Fatal(err)
		}
		for _, listener := range []string{s.up.HTTP, s.up.Console} {
			var schema struct {
				ID string `json:"$id"`
			}
			s.get("http://"+listener+address.Path, &schema)
			if schema.ID != kind.DataSchema() {
				t.Errorf("%s of %s is served as %q", address.Path, kind.Type, schema.ID)
			}
		}
	}
}
