package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/qlikgateway/gateway/ingress"
	"github.com/qlikgateway/gateway/qlik"
)

// longestReload is how long before its end a reload may have been created: nine
// hours is what Qlik allows one in the queue and at work.
const longestReload = 9 * time.Hour

// errNotReached means that there was no answer from the registered address.
var errNotReached = errors.New("no reload is told: the gateway is not reached at the registered address")

// A deliveryLog is what Qlik's log of a webhook says.
type deliveryLog struct {
	delivered, failed int
	newest            time.Time
	missed            []qlik.Delivery // the newest of each event that never arrived
	reloads           map[string]bool // whose end arrived, or is in missed
}

// readLog reads the log of a webhook back to a time.
func (r *registrar) readLog(ctx context.Context, id string, since time.Time) (deliveryLog, error) {
	log := deliveryLog{reloads: map[string]bool{}}
	arrived, failed := map[string]bool{}, []qlik.Delivery{}
	eventID := func(d qlik.Delivery) string { e := sentIn(d); return e.ID }
	for delivery, err := range r.client.WebhookDeliveries(ctx, id) {
		if err != nil {
			return log, err
		}
		if delivery.TriggeredAt.Before(since) {
			break
		}
		if log.newest.IsZero() {
			log.newest = delivery.TriggeredAt
		}
		if e := sentIn(delivery); e.Type == ingress.TypeReloadFinished {
			log.reloads[e.Data.ID] = true
		}
		if delivery.Delivered() {
			log.delivered++
			arrived[eventID(delivery)] = true
			continue
		}
		log.failed++
		failed = append(failed, delivery)
	}
	for _, delivery := range failed { // the newest first
		if event := eventID(delivery); !arrived[event] {
			arrived[event] = true
			log.missed = append(log.missed, delivery)
		}
	}
	return log, nil
}

// A sentEvent is what matters of an event in the log, whichever envelope it has.
type sentEvent struct {
	ID, EventID     string
	Type, EventType string
	Data            struct{ ID string }
}

func sentIn(d qlik.Delivery) sentEvent {
	var e sentEvent
	_ = json.Unmarshal(d.Body, &e) // else it has no id, and is sent again
	if e.ID == "" {
		e.ID, e.Type = e.EventID, e.EventType
	}
	if e.ID == "" {
		e.ID = d.ID
	}
	return e
}

// A repair is what `gateway webhooks repair` did.
type repair struct {
	Changed []string `json:"changed"` // properties of the webhook
	Resent  int      `json:"resent"`  // events that Qlik sent again
	Listed  int      `json:"listed"`  // reloads that Qlik lists and never told of
	Failed  []string `json:"failed"`  // what could not be done
}

func (r *registrar) newRepair() *cobra.Command {
	var since time.Duration
	command := &cobra.Command{
		Use: "repair", Short: "Enable the webhook again, and have the gateway told what it missed", Args: noArguments,
		Long: "Enables the webhook, has Qlik send again what failed, and tells the gateway, at the registered address, of the reloads that Qlik lists as\n" +
			"ended and has no delivery for, as " + ingress.TypeReloadListed + ". What the gateway took within the last 24 hours it does not take twice.",
		Example: "  gateway webhooks repair --since 6h",
		RunE: r.run(func(ctx context.Context, out io.Writer) error {
			done, err := r.repair(ctx, time.Now().Add(-since))
			if err != nil {
				return err
			}
			err = r.print(out, done, func(out io.Writer) error {
				for _, failure := range done.Failed {
					if _, err := fmt.Fprintln(out, failure); err != nil {
						return err
					}
				}
				_, err := fmt.Fprintf(out, "%s changed, %s sent again by Qlik, %s told from Qlik's list\n",
					count(len(done.Changed), "setting"), count(done.Resent, "event"), count(done.Listed, "reload"))
				return err
			})
			if err == nil && len(done.Failed) > 0 {
				return exitCode(exitFailed)
			}
			return err
		}),
	}
	command.Flags().DurationVar(&since, "since", 24*time.Hour, "how far back; Qlik keeps deliveries for seven days")
	return command
}

func (r *registrar) repair(ctx context.Context, since time.Time) (repair, error) {
	done := repair{Changed: []string{}, Failed: []string{}}
	webhook, err := r.find(ctx)
	if err != nil {
		return done, err
	}
	if webhook == nil {
		return done, fmt.Errorf("no webhook named %q: gateway webhooks register --url URL", r.title())
	}
	var patch []qlik.WebhookPatch
	if !webhook.Enabled {
		patch = append(patch, qlik.WebhookPatch{Path: "/enabled", Value: true})
	}
	if events := with(webhook.EventTypes, ingress.TypeReloadFinished); len(events) > len(webhook.EventTypes) {
		patch = append(patch, qlik.WebhookPatch{Path: "/eventTypes", Value: events})
	}
	for _, p := range patch {
		done.Changed = append(done.Changed, p.Path)
	}
	if len(patch) > 0 {
		if err := r.client.PatchWebhook(ctx, webhook.ID, patch...); err != nil {
			return done, err
		}
	}
	log, err := r.readLog(ctx, webhook.ID, since)
	if err != nil {
		return done, err
	}
	for _, missed := range log.missed {
		again, err := r.client.ResendWebhookDelivery(ctx, webhook.ID, missed.ID)
		if err == nil && !again.Delivered() {
			err = fmt.Errorf("it failed again: %s", again.StatusMessage)
		}
		if err != nil {
			done.Failed = append(done.Failed, fmt.Sprintf("event %s: %v", sentIn(missed).ID, err))
			continue
		}
		done.Resent++
	}
	return done, r.tell(ctx, webhook.URL, since, log.reloads, &done)
}

// tell tells the gateway of every reload that ended since a time and that Qlik's log
// does not know.
func (r *registrar) tell(ctx context.Context, address string, since time.Time, known map[string]bool, done *repair) error {
	for reload, err := range r.client.Reloads(ctx, qlik.ReloadQuery{Sort: "-creationTime", Limit: 100}) {
		if err != nil {
			return err
		}
		if reload.CreationTime.Before(since.Add(-longestReload)) {
			return nil
		}
		if known[reload.ID] || !reload.Status.Ended() || reload.EndTime.Before(since) {
			continue
		}
		if err := r.send(ctx, address, reload); err != nil {
			done.Failed = append(done.Failed, fmt.Sprintf("reload %s: %v", reload.ID, err))
			if errors.Is(err, errNotReached) {
				return nil // nor would it be for the others
			}
			continue
		}
		done.Listed++
	}
	return nil
}

// send tells the gateway of one reload, proven as Qlik proves itself.
func (r *registrar) send(ctx context.Context, address string, reload qlik.Reload) error {
	body, err := json.Marshal(map[string]any{
		"specversion": "1.0", "id": "reload/" + reload.ID, "source": "/tenants/" + r.source.Tenant, "type": ingress.TypeReloadListed,
		"time": reload.EndTime, "datacontenttype": "application/json",
		"data": map[string]any{
			"id": reload.ID, "appId": reload.AppID, "succeeded": reload.Status == qlik.ReloadSucceeded, "status": reload.Status, "type": reload.Type,
			"partial": reload.Partial, "errorCode": reload.ErrorCode, "errorMessage": reload.ErrorMessage,
			"creationTime": reload.CreationTime, "startTime": reload.StartTime,
		},
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	if err := r.sources.Prove(r.source.Name, request, body, time.Now()); err != nil {
		return err
	}
	var answer bytes.Buffer
	err = (&sending{}).send(request, &answer)
	if _, said := err.(exitCode); said { //nolint:errorlint // send returns it as it is
		return fmt.Errorf("the gateway answered %s", strings.ReplaceAll(strings.TrimSpace(answer.String()), "\n", " "))
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errNotReached, err)
	}
	return nil
}
