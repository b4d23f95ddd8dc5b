package ingress

// forgePresets are places where code is kept and built.
func forgePresets() []Preset {
	return []Preset{
		{
			Name: "github", Title: "GitHub",
			Repeats: "not by itself: redeliver by hand",
			Verify:  Verifier{HMAC: &HMAC{Header: "X-Hub-Signature-256", Encoding: Hex, Prefix: "sha256="}},
			ID:      []string{"{header.X-Github-Delivery}"},
			Type:    []string{"com.github.{header.X-Github-Event}.{body.action}", "com.github.{header.X-Github-Event}"},
			Source:  []string{"/github/{body.repository.full_name}", "/github/{body.organization.login}"},
			Subject: []string{"{body.workflow.path}"},
			Time:    []string{"{body.workflow_run.updated_at}"},
			Outcome: Verdict{Of: []string{"{body.workflow_run.conclusion}"}, Succeeded: []string{"success"}, Failed: []string{"failure", "timed_out", "cancelled"}},
			Job:     []string{"{body.workflow.name}", "{body.workflow_run.name}"},
			JobID:   []string{"{body.workflow.id}", "{body.workflow_run.workflow_id}"},
			RunID:   []string{"{body.workflow_run.id}"},
			Greetings: []Greeting{
				{Of: "{header.X-Github-Event}", Is: "ping"},
			},
			Config: "{preset: github, secret: env:GITHUB_SECRET}",
			Setup: []string{
				"Repository or organization, Settings, Webhooks, Add webhook: payload URL {url}, content type application/json.",
				"Secret: the secret of the source. Events: `Workflow runs` alone.",
				"GitHub does not try again by itself: after an outage, redeliver under Recent Deliveries.",
			},
		},
		{
			Name: "gitlab", Title: "GitLab",
			// The signing token is a Standard Webhooks secret; the older secret token is
			// sent as it is.
			Verify:  Verifier{Any: []Verifier{StandardWebhooks(), {Token: &Token{Header: "X-Gitlab-Token"}}}},
			ID:      []string{"{header.Webhook-Id}", "{header.Idempotency-Key}"},
			Type:    []string{"com.gitlab.{body.object_kind}.{body.object_attributes.status}", "com.gitlab.{body.object_kind}"},
			Source:  []string{"/gitlab/{body.project.path_with_namespace}"},
			Subject: []string{"{body.object_attributes.ref}"},
			Outcome: Verdict{Of: []string{"{body.object_attributes.status}"}, Succeeded: []string{"success"}, Failed: []string{"failed"}},
			Job:     []string{"{body.project.path_with_namespace}"},
			JobID:   []string{"{body.project.id}"},
			RunID:   []string{"{body.object_attributes.id}"},
			Config:  "{preset: gitlab, secret: env:GITLAB_SECRET}",
			Setup: []string{
				"Project or group, Settings, Webhooks, Add new webhook: URL {url}, trigger `Pipeline events`.",
				"Signing token: copy it (`whsec_...`) into the secret of the source. Where there is none yet, set the secret token to the secret of the source.",
				"Hooks that keep failing are disabled by GitLab: look there after a long outage.",
			},
		},
	}
}
