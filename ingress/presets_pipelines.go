package ingress

// pipelinePresets are tools that load and transform data.
func pipelinePresets() []Preset {
	return []Preset{
		dbtPreset(), fivetranPreset(), airbytePreset(), databricksPreset(), airflowPreset(), openLineagePreset(),
	}
}

func dbtPreset() Preset {
	return Preset{
		Name: "dbt-cloud", Title: "dbt Cloud",
		Repeats: "5 times",
		// The header is the bare signature, without a scheme.
		Verify:  Verifier{HMAC: &HMAC{Header: "Authorization", Encoding: Hex}},
		ID:      []string{"{body.eventId}", "{body.accountId}/{body.data.runId}/{body.eventType}"},
		Type:    []string{"com.getdbt.{body.eventType}"},
		Source:  []string{"/dbt-cloud/{body.accountId}/{body.data.projectId}", "/dbt-cloud/{body.accountId}"},
		Subject: []string{"{body.data.jobId}"},
		Time:    []string{"{body.timestamp}"},
		// `job.run.completed` is sent for failed runs too, so only the code tells.
		Outcome: Verdict{Of: []string{"{body.data.runStatusCode}"}, Succeeded: []string{"10"}, Failed: []string{"20"}},
		Job:     []string{"{body.data.jobName}"},
		JobID:   []string{"{body.data.jobId}"},
		RunID:   []string{"{body.data.runId}"},
		Config:  "{preset: dbt-cloud, secret: env:DBT_SECRET}",
		Setup: []string{
			"Account settings, Webhooks, Create webhook: endpoint {url}.",
			"Events: `Run completed`, which is sent for failed runs too; choose the jobs.",
			"Copy the secret that is shown once into the secret of the source.",
		},
	}
}

func fivetranPreset() Preset {
	return Preset{
		Name: "fivetran", Title: "Fivetran",
		Repeats: "for 24 hours; then it disables the webhook",
		Verify:  Verifier{HMAC: &HMAC{Header: "X-Fivetran-Signature-256", Encoding: Hex}},
		// One sync may be reported FAILED and then SUCCESSFUL, so the status belongs
		// to the id.
		ID:      []string{"{body.sync_id}/{body.event}/{body.data.status}", "{body.sync_id}/{body.event}"},
		Type:    []string{"com.fivetran.{body.event}"},
		Source:  []string{"/fivetran/{body.destination_group_id}/{body.connector_id}", "/fivetran/{body.connector_id}"},
		Subject: []string{"{body.connector_id}"},
		Time:    []string{"{body.created}"},
		Outcome: Verdict{
			Of:        []string{"{body.data.status}"},
			Succeeded: []string{"SUCCESSFUL"},
			Failed:    []string{"FAILED", "FAILURE", "FAILURE_WITH_TASK"},
		},
		Job:       []string{"{body.connector_name}"},
		JobID:     []string{"{body.connector_id}"},
		RunID:     []string{"{body.sync_id}"},
		Greetings: []Greeting{{Of: "{body.event}", Is: "test_event"}},
		Config:    "{preset: fivetran, secret: env:FIVETRAN_SECRET}",
		Setup: []string{
			"Create a webhook of the account or of a group with the URL {url} (HTTPS), events `sync_end`, and a secret of your own.",
			"The test event that Fivetran sends at once is answered 200 and starts nothing.",
			"Fivetran tries again for 24 hours, and then disables the webhook: look there after a long outage.",
		},
	}
}

func airbytePreset() Preset {
	return Preset{
		Name: "airbyte", Title: "Airbyte",
		// Airbyte documents no signature; what it can send is the address.
		Verify:  Verifier{Query: &Query{}},
		ID:      []string{"{body.data.jobId}/{body.data.success}"},
		Type:    []string{"com.airbyte.sync.completed"},
		Source:  []string{"/airbyte/{body.data.workspace.id}/{body.data.connection.id}", "/airbyte/{body.data.connection.id}"},
		Subject: []string{"{body.data.connection.id}"},
		Time:    []string{"{body.data.finishedAt}"},
		Outcome: Verdict{Of: []string{"{body.data.success}"}, Succeeded: []string{"true"}, Failed: []string{"false"}},
		Job:     []string{"{body.data.connection.name}"},
		JobID:   []string{"{body.data.connection.id}"},
		RunID:   []string{"{body.data.jobId}"},
		Config:  "{preset: airbyte, secret: env:AIRBYTE_SECRET}",
		Setup: []string{
			"Workspace settings, Notifications: turn on the webhook for successful and failed syncs.",
			"URL: {url}?token=<secret>.",
			"Airbyte signs nothing: add its addresses with `verify: {all: [{query: {}}, {ip: [...]}]}` where they are known.",
		},
	}
}

func databricksPreset() Preset {
	return Preset{
		Name: "databricks", Title: "Databricks jobs",
		Verify:  Verifier{Basic: &Basic{User: "databricks"}},
		ID:      []string{"{body.workspace_id}/{body.run.run_id}/{body.task.task_key}/{body.event_type}", "{body.workspace_id}/{body.run.run_id}/{body.event_type}"},
		Type:    []string{"com.databricks.{body.event_type}"},
		Source:  []string{"/databricks/{body.workspace_id}/{body.job.job_id}", "/databricks/{body.workspace_id}"},
		Subject: []string{"{body.job.job_id}"},
		Outcome: Verdict{Of: []string{"{body.event_type}"}, Succeeded: []string{"jobs.on_success"}, Failed: []string{"jobs.on_failure"}},
		Job:     []string{"{body.job.name}"},
		JobID:   []string{"{body.job.job_id}"},
		RunID:   []string{"{body.run.run_id}"},
		Config:  "{preset: databricks, secret: env:DATABRICKS_SECRET}",
		Setup: []string{
			"Workspace settings, Notifications, Add destination: webhook, URL {url}.",
			"User name `databricks`; the password is the secret of the source.",
			"In the job, Job notifications: add the destination for success and failure (`on_success` also means succeeded with failures).",
		},
	}
}

func airflowPreset() Preset {
	return Preset{
		Name: "airflow", Title: "Apache Airflow (HttpNotifier)",
		Repeats: "not: the notifier tries once",
		Verify:  Verifier{Any: []Verifier{{Basic: &Basic{User: "airflow"}}, Bearer()}},
		ID:      writtenID(), Type: []string{"{body.type}", "org.apache.airflow.dag_run.completed"},
		Source: []string{"/airflow/{body.job_id}", "/airflow/{body.job}"}, Subject: []string{"{body.job_id}", "{body.job}"}, Time: []string{"{body.time}"},
		Outcome: written(),
		Job:     []string{"{body.job}"}, JobID: []string{"{body.job_id}", "{body.job}"}, RunID: []string{"{body.run_id}"},
		Config: "{preset: airflow, secret: env:AIRFLOW_SECRET}",
		Setup: []string{
			"Connection `gateway`: HTTP, the gateway's address, login `airflow`, password = the secret of the source.",
			"DAG: `on_success_callback=HttpNotifier(http_conn_id=\"gateway\", endpoint=\"{path}\", json={\"job\": \"{{ dag.dag_id }}\", \"run_id\": \"{{ run_id }}\", \"outcome\": \"succeeded\"})`.",
			"`on_failure_callback`: the same with \"failed\". The notifier tries once; with OpenLineage installed, the preset openlineage needs no callbacks.",
		},
	}
}

func openLineagePreset() Preset {
	return Preset{
		Name: "openlineage", Title: "OpenLineage (Airflow, dbt, Spark, Flink, Dagster)",
		Repeats: "as its transport is configured",
		Verify:  Bearer(),
		ID:      []string{"{body.run.runId}/{body.eventType}"},
		Type:    []string{"io.openlineage.run.{body.eventType}"},
		Source:  []string{"/openlineage/{body.job.namespace}/{body.job.name}"},
		Subject: []string{"{body.job.name}"},
		Time:    []string{"{body.eventTime}"},
		Outcome: Verdict{Of: []string{"{body.eventType}"}, Succeeded: []string{"COMPLETE"}, Failed: []string{"FAIL", "ABORT"}},
		Job:     []string{"{body.job.name}"},
		JobID:   []string{"{body.job.namespace}/{body.job.name}"},
		RunID:   []string{"{body.run.runId}"},
		Config:  "{preset: openlineage, secret: env:LINEAGE_SECRET}",
		Setup: []string{
			"OpenLineage transport: type `http`, url = the gateway's address, endpoint `{path}`.",
			"auth: type `api_key`, apiKey = the secret of the source.",
			"Rules can look at what was written: `data.outputs.exists(o, o.name == \"sales.orders\")`.",
		},
	}
}
