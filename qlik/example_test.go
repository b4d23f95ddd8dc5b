package qlik_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/qlikgateway/gateway/qlik"
	"github.com/qlikgateway/gateway/qlik/sim"
)

// A client is made once for a tenant. Here the tenant is a simulated one, reached
// without a socket; leave Transport out for a real one.
func ExampleNew() {
	tenant := sim.New(sim.Config{Dialect: qlik.Cloud})
	client, err := qlik.New(qlik.Config{
		URL:       "https://acme.eu.qlikcloud.com",
		OAuth:     tenant.OAuth(),
		Transport: tenant.Transport(),
	})
	if err != nil {
		log.Fatal(err)
	}
	privileges, err := client.GetAppsPrivileges(context.Background())
	fmt.Println(client.Dialect(), privileges, err)
	// Output: cloud [createApp importApp] <nil>
}

// A reload that is refused says why, in a form to decide by.
func ExampleClient_ReloadApp() {
	tenant := sim.New(sim.Config{Dialect: qlik.Cloud})
	client, err := qlik.New(qlik.Config{URL: "https://acme.eu.qlikcloud.com", APIKey: tenant.APIKey(), Transport: tenant.Transport()})
	if err != nil {
		log.Fatal(err)
	}
	reload := qlik.ReloadCreate{AppID: tenant.App("Sales"), Variables: map[string]string{"BATCH": "2026-11-23"}}
	started, err := client.ReloadApp(context.Background(), reload)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(started.Status, started.Status.Ended())

	_, err = client.ReloadApp(context.Background(), reload)
	var refused *qlik.Error
	if errors.As(err, &refused) {
		fmt.Println(refused.Status, refused.Code, refused.Reason())
	}
	// Output:
	// QUEUED false
	// 429 RELOADS-007 pending
}

// An iterator walks all pages; each is one call.
func ExampleClient_Spaces() {
	tenant := sim.New(sim.Config{})
	client, err := qlik.New(qlik.Config{URL: "https://qlik.example.com", APIKey: tenant.APIKey(), Transport: tenant.Transport()})
	if err != nil {
		log.Fatal(err)
	}
	for space, err := range client.Spaces(context.Background(), qlik.SpaceQuery{Sort: "+name", Limit: 1}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(space.Name, space.Type)
	}
	// Output:
	// Company managed
	// Warehouse data
	// Workshop shared
}
