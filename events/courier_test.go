package events_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/qlikgateway/gateway/events"
)

func TestRedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	target := newReceiver(t, nil)
	r := newReceiver(t, nil)
	r.Config.Handler = http.RedirectHandler(target.URL, http.StatusTemporaryRedirect)
	s := newSite(t)
	sub := to("alerts", r)
	sub.Unvalidated = true
	s.run(sub)
	s.publish(0, 1, 1)
	s.eventually("it failed", func() bool { return strings.Contains(s.log.String(), "answered 307") })
	if target.tries() > 0 {
		t.Error("the redirect was followed")
	}
}

func TestBinaryModeHasAttributesInHeaders(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := newReceiver(t, nil)
	sub := to("alerts", r)
	sub.Mode = events.ModeBinary
	s.run(sub)
	s.publish(0, 1, 1)
	r.until(t, "it is delivered", func() bool { return len(r.ids()) == 1 })
	d := r.deliveries()[0]
	for name, want := range map[string]string{
		"ce-specversion": "1.0", "ce-id": d.id, "ce-source": "/qlikgateway/acme", "ce-type": events.TypeReloadSucceeded, "ce-rule": "refresh",
		"ce-time": "2026-11-23T16:00:00Z", "content-type": "application/json",
	} {
		if got := d.header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	var data events.ReloadData
	if err := json.Unmarshal(d.body, &data); err != nil || data.App.Name != "Sales" {
		t.Errorf("data %+v, %v", data, err)
	}
}

func TestChatsGetMessagesOfTheirOwn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	slack, teams := newReceiver(t, nil), newReceiver(t, nil)
	for mode, r := range map[events.Mode]*receiver{events.ModeSlack: slack, events.ModeTeams: teams} {
		sub := to(string(mode), r)
		sub.Mode, sub.Secrets = mode, nil
		s.run(sub)
	}
	kind := events.Catalog()[3] // reload.failed
	data := sample(kind).(events.ReloadData)
	data.Error = "field <Amount> not found & more"
	if err := publisherOn(s.Broker).Publish(t.Context(), outcome(t, kind, data)); err != nil {
		t.Fatal(err)
	}
	slack.until(t, "slack is told", func() bool { return len(slack.ids()) == 1 })
	teams.until(t, "teams is told", func() bool { return len(teams.ids()) == 1 })
	var message struct{ Text string }
	if err := json.Unmarshal(slack.deliveries()[0].body, &message); err != nil || message.Text != "*reload failed: Sales*\n"+
		"tenant acme · rule refresh · run r1 · reason reload_failed\n>field &lt;Amount&gt; not found &amp; more\n<https://acme.eu.qlikcloud.com/sense/app/2f1c|Open the app>" {
		t.Errorf("slack: %q, %v", message.Text, err)
	}
	var card struct {
		Type        string
		Attachments []struct {
			ContentType string
			Content     struct {
				Body    []struct{ Text string }
				Actions []struct{ URL string }
			}
		}
	}
	if err := json.Unmarshal(teams.deliveries()[0].body, &card); err != nil || card.Type != "message" || len(card.Attachments) != 1 ||
		len(card.Attachments[0].Content.Body) != 3 || len(card.Attachments[0].Content.Actions) != 1 {
		t.Errorf("teams: %s, %v", teams.deliveries()[0].body, err)
	}
	if slack.asked+teams.asked > 0 {
		t.Error("a chat was asked for its consent")
	}
}
