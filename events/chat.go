package events

import (
	"cmp"
	"encoding/json"
	"strings"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
)

// longestChat bounds an error's text in a chat.
const longestChat = 600

// A told is what the data of outcomes say that a chat shows.
type told struct {
	Tenant       string `json:"tenant"`
	Rule         string `json:"rule"`
	Run          string `json:"run"`
	App          AppRef `json:"app"`
	Subscription string `json:"subscription"`
	Reason       Reason `json:"reason"`
	Error        string `json:"error"`
}

// chatMessage returns an outcome as a chat's incoming webhook takes it. Of data that
// is not the gateway's own it shows what it finds.
func chatMessage(mode Mode, event cloudevents.Event) ([]byte, error) {
	var t told
	_ = json.Unmarshal(event.Data(), &t)
	kind := strings.TrimPrefix(event.Type(), TypePrefix)
	about := cmp.Or(t.App.Name, t.App.ID, t.Subscription, t.Run, t.Tenant)
	title := strings.TrimSpace(strings.NewReplacer(".", " ", "_", " ").Replace(kind)) + ": " + about
	var facts []string
	for _, fact := range [][2]string{{"tenant", t.Tenant}, {"rule", t.Rule}, {"run", t.Run}, {"reason", string(t.Reason)}} {
		if fact[1] != "" {
			facts = append(facts, fact[0]+" "+fact[1])
		}
	}
	detail := strings.Join(facts, " · ")
	if runes := []rune(t.Error); len(runes) > longestChat {
		t.Error = string(runes[:longestChat]) + "…"
	}
	if mode == ModeTeams {
		return json.Marshal(teamsMessage(title, detail, t))
	}
	return json.Marshal(map[string]any{"text": slackText(title, detail, t)})
}

// slackText writes Slack's markup, with its three special characters escaped.
func slackText(title, detail string, t told) string {
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace
	text := "*" + escape(title) + "*\n" + escape(detail)
	if t.Error != "" {
		text += "\n>" + strings.ReplaceAll(escape(t.Error), "\n", "\n>")
	}
	if t.App.Link != "" {
		text += "\n<" + escape(t.App.Link) + "|Open the app>"
	}
	return text
}

// teamsMessage returns an adaptive card in the envelope of Teams' workflows.
func teamsMessage(title, detail string, t told) any {
	block := func(text string, more map[string]any) map[string]any {
		more["type"], more["text"], more["wrap"] = "TextBlock", text, true
		return more
	}
	card := map[string]any{
		"type": "AdaptiveCard", "$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "version": "1.4",
	}
	body := []any{block(title, map[string]any{"weight": "Bolder", "size": "Medium"}), block(detail, map[string]any{"isSubtle": true})}
	if t.Error != "" {
		body = append(body, block(t.Error, map[string]any{"fontType": "Monospace"}))
	}
	card["body"] = body
	if t.App.Link != "" {
		card["actions"] = []any{map[string]any{"type": "Action.OpenUrl", "title": "Open the app", "url": t.App.Link}}
	}
	return map[string]any{
		"type":        "message",
		"attachments": []any{map[string]any{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}},
	}
}
