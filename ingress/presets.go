package ingress

import (
	"slices"
	"strings"
)

// Presets returns every preset, in the order of the alphabet. Facts are from the
// vendors' documentation; event types follow the CloudEvents project's adapters:
// the vendor's domain reversed, then the vendor's own word.
func Presets() []Preset {
	all := slices.Concat(pipelinePresets(), azurePresets(), amazonPresets(), googlePresets(), forgePresets(), qlikPresets(), openPresets())
	slices.SortFunc(all, func(a, b Preset) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// LookupPreset returns the preset of a name. It is false when there is none.
func LookupPreset(name string) (Preset, bool) {
	all := Presets()
	i := slices.IndexFunc(all, func(p Preset) bool { return p.Name == name })
	if i < 0 {
		return Preset{}, false
	}
	return all[i], true
}

// openPresets are standards, and what any program can send.
func openPresets() []Preset {
	return []Preset{
		{
			Name: "cloudevents", Title: "CloudEvents",
			Repeats: "as it is written",
			// The webhook specification wants targets to take both.
			Verify: Verifier{Any: []Verifier{Bearer(), {Query: &Query{Name: "access_token"}}}},
			Events: EventsOnly,
			Config: "{preset: cloudevents, secret: env:CE_SECRET}",
			Setup: []string{
				"Send CloudEvents 1.0 over HTTP to {url}: structured, binary or batched.",
				"Add the header `Authorization: Bearer <secret>`, or `?access_token=<secret>` where no header can be set.",
				"Ids are unique per source: an event that is sent again with its id is taken once.",
			},
		},
		{
			Name: "standard-webhooks", Title: "Standard Webhooks (Svix and others)",
			Repeats: "as the service says; the standard advises days",
			Verify:  StandardWebhooks(), AnyBody: true,
			ID:     []string{"{header.Webhook-Id}"},
			Type:   []string{"{body.type}"},
			Time:   []string{"{body.timestamp}"},
			Config: "{preset: standard-webhooks, secret: env:WEBHOOK_SECRET}",
			Setup: []string{
				"Add an endpoint with the URL {url}.",
				"Copy its signing secret (`whsec_...`, or the public key `whpk_...`) into the secret of the source. Svix's own `svix-` headers are read as well.",
				"To change it without a gap, list both secrets until the sender uses the new one.",
			},
		},
		{
			Name: "generic", Title: "Any program (Dagster, Prefect, Matillion, Informatica, Talend jobs, scripts)",
			Repeats: "as it is written",
			Verify:  Bearer(), AnyBody: true,
			ID: writtenID(), Type: []string{"{body.type}"}, Subject: []string{"{body.job_id}", "{body.job}"}, Time: []string{"{body.time}"},
			Outcome: written(),
			Job:     []string{"{body.job}"}, JobID: []string{"{body.job_id}"}, RunID: []string{"{body.run_id}"},
			Config: "{preset: generic, secret: env:JOBS_SECRET}",
			Setup: []string{
				"POST to {url} with the header `Authorization: Bearer <secret>`.",
				`Send a JSON body such as {"job": "sales nightly", "run_id": "4711", "outcome": "succeeded"}; "failed" is the other outcome.`,
				"Give each delivery an `Idempotency-Key` header, or a run_id, so that one that is sent again is taken once.",
			},
		},
	}
}
