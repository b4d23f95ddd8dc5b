package ingress

// qlikPresets are Qlik's own webhooks, whose bodies are CloudEvents sent as
// application/json.
func qlikPresets() []Preset {
	signature := Verifier{HMAC: &HMAC{Header: "Qlik-Signature", Encoding: Hex}}
	return []Preset{
		{
			Name: "qlik-cloud", Title: "Qlik Cloud",
			Repeats: "not documented; its history of 7 days can resend",
			Verify:  signature, CloudEvent: true, Qlik: true, Reloads: true,
			Outcome: Verdict{
				Of:        []string{"{body.data.succeeded}", "{body.data.status}"},
				Succeeded: []string{"true", "ok"},
				Failed:    []string{"false", "error"},
			},
			Job:    []string{"{body.data.name}"},
			JobID:  []string{"{body.data.appId}", "{body.toplevelresourceid}"},
			RunID:  []string{"{body.data.reloadId}", "{body.data.id}"},
			Config: "{preset: qlik-cloud, secret: env:QLIK_HOOK}",
			Setup: []string{
				"`gateway webhooks register --url {url}` does all of this. By hand: Administration, Webhooks, Create new: URL {url} (HTTPS, a name and no address, no redirects).",
				"Events: `com.qlik.v1.reload.finished` (every reload, also those that others start; their ends wake the gateway, and are events for rules).",
				"Secret: the secret of the source, 32 to 64 characters. With several tenants, each has a source of its own that names it: `tenant: acme`.",
			},
		},
		{
			Name: "qlik-talend", Title: "Qlik Talend Cloud (data integration)",
			Repeats: "not documented; its history of 7 days can resend",
			Verify:  signature, CloudEvent: true, Qlik: true,
			Outcome: Verdict{
				Of:        []string{"{body.type}"},
				Succeeded: []string{"com.qlik.v1.di-projects.di-tasks.completed"},
				Failed:    []string{"com.qlik.v1.di-projects.di-tasks.failed"},
			},
			Job:    []string{"{body.data.dataTask.name}"},
			JobID:  []string{"{body.data.dataTask.id}"},
			RunID:  []string{"{body.id}"},
			Config: "{preset: qlik-talend, secret: env:QLIK_TALEND_SECRET}",
			Setup: []string{
				"Administration, Webhooks, Create new: URL {url} (HTTPS, a name and no address, no redirects).",
				"Events: `com.qlik.v1.di-projects.di-tasks.completed` and `.failed`.",
				"Secret: the secret of the source, 32 to 64 characters. Jobs of the Talend Management Console call the preset generic from their last step.",
			},
		},
	}
}
