package ingress

// Presets returns every preset, in the order of the alphabet. Facts are from the
// vendors' documentation; event types follow the CloudEvents project's adapters:
// the vendor's domain reversed, then the vendor's own word.
func Presets() []Preset {
	return []Preset{
		{
			Name:  "dbt-cloud",
			Title: "dbt Cloud",
			// The header is the bare signature, without a scheme.
			Verify:  Verifier{HMAC: &HMAC{Header: "Authorization", Encoding: Hex}},
			ID:      []string{"{body.eventId}", "{body.accountId}/{body.data.runId}/{body.eventType}"},
			Type:    []string{"com.getdbt.{body.eventType}"},
			Source:  []string{"/dbt-cloud/{body.accountId}/{body.data.projectId}", "/dbt-cloud/{body.accountId}"},
			Subject: []string{"{body.data.jobId}"},
			Time:    []string{"{body.timestamp}"},
			// `job.run.completed` is sent for failed runs too, so only the code tells.
			Outcome: Verdict{Of: "{body.data.runStatusCode}", Succeeded: []string{"10"}, Failed: []string{"20"}},
			Job:     []string{"{body.data.jobName}"},
			JobID:   []string{"{body.data.jobId}"},
			RunID:   []string{"{body.data.runId}"},
		},
		{
			Name:   "fivetran",
			Title:  "Fivetran",
			Verify: Verifier{HMAC: &HMAC{Header: "X-Fivetran-Signature-256", Encoding: Hex}},
			// One sync may be reported FAILED and then SUCCESSFUL, so the status belongs
			// to the id. The test event has no sync_id: each is new.
			ID:      []string{"{body.sync_id}/{body.event}/{body.data.status}", "{body.sync_id}/{body.event}"},
			Type:    []string{"com.fivetran.{body.event}"},
			Source:  []string{"/fivetran/{body.destination_group_id}/{body.connector_id}", "/fivetran/{body.connector_id}"},
			Subject: []string{"{body.connector_id}"},
			Time:    []string{"{body.created}"},
			Outcome: Verdict{
				Of:        "{body.data.status}",
				Succeeded: []string{"SUCCESSFUL"},
				Failed:    []string{"FAILED", "FAILURE", "FAILURE_WITH_TASK"},
			},
			Job:   []string{"{body.connector_name}"},
			JobID: []string{"{body.connector_id}"},
			RunID: []string{"{body.sync_id}"},
		},
		{
			Name:   "qlik-cloud",
			Title:  "Qlik Cloud",
			Verify: Verifier{HMAC: &HMAC{Header: "Qlik-Signature", Encoding: Hex}},
			// A webhook's body is a CloudEvent, sent as application/json.
			CloudEvent: true,
			Outcome:    Verdict{Of: "{body.data.succeeded}", Succeeded: []string{"true"}, Failed: []string{"false"}},
			JobID:      []string{"{body.data.appId}"},
			RunID:      []string{"{body.data.id}"},
		},
	}
}
