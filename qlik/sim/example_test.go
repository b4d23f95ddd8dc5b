package sim_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/qlikgateway/gateway/qlik"
	"github.com/qlikgateway/gateway/qlik/sim"
)

// A tenant can be told to go wrong, and knows afterwards what really happened:
// here the answer to a reload is lost, but the reload was started.
func ExampleTenant_Inject() {
	tenant := sim.New(sim.Config{})
	client, err := qlik.New(qlik.Config{URL: "https://qlik.example.com", APIKey: tenant.APIKey(), Transport: tenant.Transport()})
	if err != nil {
		log.Fatal(err)
	}
	if err := tenant.Inject(sim.Fault{Operation: "reloadApp", Drop: sim.DropAfter, Count: 1}); err != nil {
		log.Fatal(err)
	}
	_, err = client.ReloadApp(context.Background(), qlik.ReloadCreate{AppID: tenant.App("Sales")})
	fmt.Println(err)

	tenant.Advance(time.Minute)
	for _, call := range tenant.Calls() {
		fmt.Println(call.OperationID, call.Status)
	}
	for _, reload := range tenant.State().Reloads {
		fmt.Println(reload.Status)
	}
	// Output:
	// reloadApp: connection cut: unexpected EOF
	// reloadApp 201
	// SUCCEEDED
}
