package main

import (
	"bytes"
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/qlikgateway/gateway/ingress"
	"github.com/qlikgateway/gateway/qlik"
)

//go:embed demo/dbt-completed.json
var demoDbt string

//go:embed demo/fivetran-sync-end.json
var demoFivetran string

// A delivered event is one that the gateway answered for.
type delivered struct {
	id      string
	matches []string
}

// send plays the script and returns the events that the gateway took, each once.
func (d *demo) send(ctx context.Context, where addresses) ([]delivered, error) {
	now := time.Now().UTC().Format(time.RFC3339Nano)
	dbt := func(status, code string) []byte {
		return []byte(fill(demoDbt, map[string]string{"id": shortID(), "time": now, "status": status, "code": code}))
	}
	first := dbt("Success", "10")
	var sent []delivered
	for _, hook := range []struct {
		source, preset, secret string
		body                   []byte
	}{
		{"dbt", "dbt-cloud", "DEMO_DBT", first},
		{"fivetran", "fivetran", "DEMO_FIVETRAN", fivetran("orders", now)},
		{"fivetran", "fivetran", "DEMO_FIVETRAN", fivetran("customers", now)},
		{"fivetran", "fivetran", "DEMO_FIVETRAN", fivetran("invoices", now)},
		{"dbt", "dbt-cloud", "DEMO_DBT", first}, // the same delivery once more, as senders do
		{"dbt", "dbt-cloud", "DEMO_DBT", dbt("Error", "20")},
	} {
		header, err := signed(hook.preset, d.secrets[hook.secret], hook.body)
		if err != nil {
			return nil, err
		}
		if sent, err = d.post(ctx, "http://"+where.HTTP+"/hooks/"+hook.source, header, hook.body, sent); err != nil {
			return nil, err
		}
	}
	event := fmt.Appendf(nil, `{"specversion":"1.0","id":"demo-%s","source":"/demo","type":"com.example.inventory.loaded","data":{"batch":"%s"}}`, shortID(), now[:10])
	header := http.Header{"Content-Type": {"application/cloudevents+json"}, "Authorization": {"Bearer " + d.secrets["DEMO_TOKEN"]}}
	sent, err := d.post(ctx, "http://"+where.HTTP+"/events", header, event, sent)
	if err != nil {
		return nil, err
	}
	if sent, err = d.request(where.NATS, sent); err != nil {
		return nil, err
	}
	if d.fault == faultDouble {
		err = d.startBehindTheBack(ctx)
	}
	return sent, err
}

func fivetran(connector, now string) []byte {
	return []byte(fill(demoFivetran, map[string]string{"id": shortID(), "time": now, "connector": connector}))
}

// signed returns the headers with which a preset's vendor would send a body.
func signed(preset, secret string, body []byte) (http.Header, error) {
	header := http.Header{"Content-Type": {"application/json"}}
	known, ok := ingress.LookupPreset(preset)
	if !ok {
		return nil, fmt.Errorf("no preset %s", preset)
	}
	return header, known.Verify.Sign(header, body, secret, time.Now())
}

// post delivers a body and appends what was taken.
func (d *demo) post(ctx context.Context, url string, header http.Header, body []byte, sent []delivered) ([]delivered, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header = header
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("send: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("send: %w", err)
	}
	if response.StatusCode != http.StatusAccepted {
		return nil, fmt.Errorf("send to %s: %s: %s", url, response.Status, answer)
	}
	return taken(answer, sent)
}

// request sends a NATS message as the user etl and waits for the gateway's answer.
func (d *demo) request(url string, sent []delivered) ([]delivered, error) {
	conn, err := nats.Connect(url, nats.UserInfo("etl", d.secrets["DEMO_ETL"]), nats.Name("demo sender"))
	if err != nil {
		return nil, fmt.Errorf("connect as etl: %w", err)
	}
	defer conn.Close()
	reply, err := conn.Request("etl.inventory.done", []byte(`{"rows": 1203}`), demoTimeout)
	if err != nil {
		return nil, fmt.Errorf("send on NATS: %w", err)
	}
	return taken(reply.Data, sent)
}

// taken reads the gateway's answer; a duplicate was counted before.
func taken(answer []byte, sent []delivered) ([]delivered, error) {
	var a ingress.Answer
	if err := json.Unmarshal(answer, &a); err != nil || a.ID == "" {
		return nil, fmt.Errorf("the gateway answered %q", answer)
	}
	if a.Duplicate {
		return sent, nil
	}
	return append(sent, delivered{id: a.ID, matches: a.Matches}), nil
}

// startBehindTheBack starts a reload that the gateway did not ask for.
func (d *demo) startBehindTheBack(ctx context.Context) error {
	client, err := qlik.New(qlik.Config{URL: d.url, Dialect: d.tenant.Dialect(), APIKey: d.tenant.APIKey()})
	if err != nil {
		return err
	}
	app, err := client.CreateApp(ctx, qlik.AppCreate{Name: "Behind the back"})
	if err != nil {
		return err
	}
	_, err = client.ReloadApp(ctx, qlik.ReloadCreate{AppID: app.ID})
	return err
}

// shortID returns a new id for a sample event.
func shortID() string { return strings.ToLower(rand.Text()[:12]) }
