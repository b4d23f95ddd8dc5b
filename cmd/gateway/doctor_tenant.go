package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/qlik"
)

// wrongClock is how far our clock may be from Qlik's before it is worth a word: the
// Date header has whole seconds, and an answer takes a moment.
const wrongClock = 5 * time.Second

// examineTenant looks whether a tenant answers, lets us in, and has what the rules
// name.
func (d *doctor) examineTenant(ctx context.Context, cfg *config, name string) {
	what := "tenant " + name
	client, err := qlik.New(cfg.Tenants[name].Qlik)
	if err != nil {
		d.add(gradeFail, what, err.Error(), "")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 4*doctorLimit)
	defer cancel()
	if _, err = client.GetAppsPrivileges(ctx); err != nil {
		d.add(gradeFail, what, err.Error(), tenantHint(err))
		return
	}
	d.ok(what, cfg.Tenants[name].Qlik.URL+" answers, and takes the credentials")
	d.examineScopes(cfg, name)
	now := time.Now()
	if off := client.ServerTime(now).Sub(now); off.Abs() > wrongClock {
		d.add(gradeWarn, what+", clock", fmt.Sprintf("ours is %s from Qlik's", off.Round(time.Second)), "have this machine's clock set by NTP: quotas, deadlines and signatures go by it")
	} else {
		d.ok(what+", clock", "within seconds of Qlik's")
	}
	if user, err := client.Me(ctx); err != nil {
		d.add(gradeWarn, what+", user", err.Error(), "without it, a reload whose answer was lost is harder to find: allow the OAuth client the scope user_default")
	} else if user != "" {
		d.ok(what+", user", user)
	}
	d.examineNamed(ctx, cfg, name, client)
}

// tenantHint says what to do when a tenant cannot be asked.
func tenantHint(err error) string {
	var failure *qlik.Error
	if !errors.As(err, &failure) {
		return "look at the tenant's url"
	}
	switch failure.Reason() {
	case qlik.ReasonUnauthorized:
		return "the API key or OAuth client is refused: make a new one in Qlik's management console, and check that it belongs to this tenant"
	case qlik.ReasonForbidden:
		return "the credentials may not work with apps: give the OAuth client the scope apps, or the user of the API key a role"
	case qlik.ReasonTransport, qlik.ReasonTimeout:
		return "look at the tenant's url, at DNS, and at proxies and firewalls between here and Qlik"
	}
	return "if it stays so, ask Qlik; the gateway waits meanwhile and loses nothing"
}

// examineNamed looks for each app and space that a rule of the tenant names.
func (d *doctor) examineNamed(ctx context.Context, cfg *config, tenant string, client *qlik.Client) {
	apps, spaces := map[string]bool{}, map[string]bool{}
	for _, rule := range cfg.Definitions {
		if rule.Tenant == tenant || rule.Tenant == "" && len(cfg.Tenants) == 1 {
			named(rule, cfg, apps, spaces)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(apps)) {
		what := "tenant " + tenant + ", app " + id
		app, err := client.GetApp(ctx, id)
		if !d.judge(what, app.Name, err, "name an app that is there, or give the gateway's user access: a role in the app's space, and the scope apps to an OAuth client") {
			continue
		}
		if _, err := client.ListReloads(ctx, qlik.ReloadQuery{AppID: id, Limit: 1}); err != nil {
			d.add(gradeFail, what+", reloads", err.Error(), "the credentials have to be allowed to see and start reloads: the scope apps, and a role that may reload in the app's space")
		}
	}
	for _, id := range slices.Sorted(maps.Keys(spaces)) {
		space, err := client.GetSpace(ctx, id)
		found := space.Name + " (" + space.Type + ")"
		d.judge("tenant "+tenant+", space "+id, found, err, "name a space that is there, make the gateway's user a member (publishing takes the role facilitator or publisher), and allow its OAuth client the scope spaces")
	}
}

// named collects the ids of apps and spaces that a rule names, in whichever of its
// steps, or leaves to what the app says. What an event decides is known only then.
func named(rule rules.Definition, cfg *config, apps, spaces map[string]bool) {
	app := func(text string) {
		for id, name := range cfg.Apps {
			if name == text {
				text = id
			}
		}
		note(apps, text)
	}
	app(rule.App)
	for _, step := range slices.Concat(rule.Do, rule.OnFailure, rule.Always) {
		text := map[string]string{"app": rule.App}
		for key, value := range step.Args {
			text[key], _ = value.(string)
		}
		if step.Action == string(rules.Publish) {
			to := cfg.PublishTo[cmp.Or(cfg.Apps[strings.ToLower(text["app"])], text["app"])]
			text["space"], text["target"] = cmp.Or(text["space"], to.Space), cmp.Or(text["target"], to.Target)
		}
		app(text["app"])
		app(text["target"])
		note(spaces, text["space"])
	}
}

func note(ids map[string]bool, text string) {
	if text != "" && !strings.Contains(text, "${") {
		ids[text] = true
	}
}

// examineWebhooks looks at the webhooks at Qlik that the gateway is told by.
func (d *doctor) examineWebhooks(ctx context.Context, cfg *config) {
	for _, source := range cfg.FromQlik {
		what := "webhook of source " + source.Name
		r := registrar{path: d.path, name: source.Name}
		if err := r.open(cfg); err != nil {
			d.add(gradeWarn, what, err.Error(), "without it, ends of reloads are seen by asking Qlik, a little later")
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, doctorLimit)
		webhook, err := r.find(ctx)
		var found inspection
		if err == nil && webhook != nil && webhook.Enabled {
			found, err = r.inspect(ctx, time.Now().Add(-24*time.Hour))
		}
		reached := reach(ctx, webhook)
		cancel()
		switch {
		case err != nil:
			d.add(gradeWarn, what, err.Error(), "a tenant administrator's credentials are needed to look; `gateway webhooks check` says more")
		case webhook == nil:
			d.add(gradeWarn, what, "is not registered at Qlik", "`gateway webhooks register --source "+source.Name+"`")
		case !webhook.Enabled:
			d.add(gradeWarn, what, "is registered and disabled", "`gateway webhooks repair --source "+source.Name+"`")
		case reached != nil:
			d.add(gradeWarn, what, reached.Error(), "Qlik sends there: compare the address with http.addr and whatever is in front of the gateway")
		case len(found.Problems) > 0:
			d.add(gradeWarn, what, strings.Join(found.Problems, "; "), "`gateway webhooks check --source "+source.Name+"` says more")
		default:
			d.ok(what, fmt.Sprintf("is registered and enabled, and its address answers; %s delivered within a day", count(found.Delivered, "event")))
		}
	}
}

// reach looks whether the address that Qlik sends to answers as the gateway does: a
// request that nothing proves is refused there, and not unknown.
func reach(ctx context.Context, webhook *qlik.Webhook) error {
	if webhook == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, doctorLimit/3)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, webhook.URL, strings.NewReader("{}"))
	if err != nil {
		return fmt.Errorf("its address is none: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("its address cannot be reached from here: %w", err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusUnauthorized {
		return fmt.Errorf("its address answers a stranger with %s, where the gateway answers 401", response.Status)
	}
	return nil
}
