package ingress

import "github.com/qlikgateway/gateway/events"

// azurePresets are services of Microsoft Azure.
func azurePresets() []Preset {
	return []Preset{
		{
			Name: "azure-data-factory", Title: "Azure Data Factory and Synapse",
			Repeats: "as the retry policy of its activity says; without one not",
			Verify:  Verifier{Basic: &Basic{User: "azure"}},
			ID:      writtenID(), Type: []string{"{body.type}", "com.microsoft.datafactory.pipeline.completed"},
			Source: []string{"/azure-data-factory/{body.factory}/{body.job}", "/azure-data-factory/{body.job}"}, Subject: []string{"{body.job}"}, Time: []string{"{body.time}"},
			Outcome: written(),
			Job:     []string{"{body.job}"}, JobID: []string{"{body.job_id}", "{body.job}"}, RunID: []string{"{body.run_id}"},
			Callbacks: events.Callbacks{
				Field: events.CallbackFieldDataFactory, Mode: events.ModeDataFactory, Hosts: []string{"*.svc.datafactory.azure.com"},
			},
			Config: "{preset: azure-data-factory, secret: env:ADF_SECRET}",
			Setup: []string{
				"Last activity of the pipeline: Web, POST to {url}, Basic, user `azure`, password = the secret of the source; Webhook instead, with `Report status on callback`, waits for the reload and fails with it.",
				`Body: {"job": "@{pipeline().Pipeline}", "run_id": "@{pipeline().RunId}", "outcome": "succeeded"}; on the failure path "failed".`,
				"With managed identity instead: `verify: {jwt: {issuer: <of your Entra tenant>, audience: <resource>, claims: {oid: <of the identity>}}}`.",
			},
		},
		{
			Name: "azure-event-grid", Title: "Azure Event Grid",
			Repeats: "for 24 hours, at most 30 times",
			Verify:  Verifier{Query: &Query{}},
			Events:  EventsToo, Items: true,
			ID:      []string{"{body.id}"},
			Type:    []string{"{body.eventType}"},
			Source:  []string{"/azure-event-grid/{body.topic}"},
			Subject: []string{"{body.subject}"},
			Time:    []string{"{body.eventTime}"},
			Greetings: []Greeting{
				{Of: "{body.0.eventType}", Is: "Microsoft.EventGrid.SubscriptionValidationEvent", Answer: GreetValidate},
			},
			Origins: []string{"eventgrid.azure.net"},
			Config:  "{preset: azure-event-grid, secret: env:EVENTGRID_SECRET}",
			Setup: []string{
				"Event subscription, endpoint type web hook: {url}?token=<secret>.",
				"Schema: CloudEvents 1.0, or Event Grid's own; both validations are answered.",
				"With Entra ID instead: `verify: {jwt: {issuer: <of your Entra tenant>, audience: <application>, claims: {appid: <of Event Grid's caller>}}}`.",
			},
		},
	}
}

// amazonPresets are services of Amazon.
func amazonPresets() []Preset {
	return []Preset{
		{
			Name: "aws-sns", Title: "Amazon SNS",
			Repeats: "3 times, 20 s apart; more often where the topic's delivery policy says so",
			Verify:  Verifier{SNS: &SNS{}},
			ID:      []string{"{body.MessageId}"},
			Type:    []string{"com.amazonaws.sns.{body.Type}"},
			Source:  []string{"/aws-sns/{body.TopicArn}"},
			Subject: []string{"{body.Subject}"},
			Time:    []string{"{body.Timestamp}"},
			Job:     []string{"{body.TopicArn}"},
			JobID:   []string{"{body.TopicArn}"},
			RunID:   []string{"{body.MessageId}"},
			Greetings: []Greeting{
				{Of: "{body.Type}", Is: snsSubscribe, Answer: GreetConfirm},
				{Of: "{body.Type}", Is: snsUnsubscribe},
			},
			Config: "{preset: aws-sns, verify: {sns: {topics: ['arn:aws:sns:eu-west-1:123456789012:loads']}}}",
			Setup: []string{
				"Name the topics' ARNs in the source: Amazon signs for everybody's topics.",
				"Topic, Create subscription: protocol HTTPS, endpoint {url}, raw message delivery off. It is confirmed by itself.",
				"The message is text in `data.Message`; rules without `when` run for every one of them.",
			},
		},
		{
			Name: "aws-eventbridge", Title: "Amazon EventBridge (API destination)",
			Repeats: "for 24 hours, at most 185 times",
			Verify:  Verifier{Token: &Token{Header: "X-Api-Key"}},
			ID:      []string{"{body.id}"},
			Type:    []string{"com.amazonaws.events.{body.detail-type}"},
			Source:  []string{"/aws-eventbridge/{body.account}/{body.region}/{body.source}", "/aws-eventbridge/{body.source}"},
			Subject: []string{"{body.resources.0}"},
			Time:    []string{"{body.time}"},
			// Glue, Step Functions, EMR, Batch, Athena, CodeBuild and the Redshift Data API,
			// each with its own key; events of other services are no ends of jobs.
			Outcome: Verdict{
				Of:        []string{"{body.detail.state}", "{body.detail.status}", "{body.detail.currentState}", "{body.detail.build-status}"},
				Succeeded: []string{"SUCCEEDED", "COMPLETED", "FINISHED"},
				Failed:    []string{"FAILED", "TIMEOUT", "TIMED_OUT", "STOPPED", "ABORTED", "CANCELLED", "TERMINATED_WITH_ERRORS", "FAULT"},
				Optional:  true,
			},
			Job:    []string{"{body.detail-type}"},
			RunID:  []string{"{body.id}"},
			Config: "{preset: aws-eventbridge, secret: env:EVENTBRIDGE_SECRET}",
			Setup: []string{
				"Connection: API key, name `X-Api-Key`, value = the secret of the source.",
				"API destination: POST {url}; no input transformer: the outcome is read from `detail`, as Glue, Step Functions, EMR and others have it.",
				"Rule: the pattern of the events that count, target = the API destination. EventBridge waits 5 s and tries for 24 hours.",
			},
		},
	}
}

// googlePresets are services of Google.
func googlePresets() []Preset {
	return []Preset{
		{
			Name: "google-pubsub", Title: "Google Cloud Pub/Sub (push)",
			Repeats: "as long as the subscription keeps messages, 7 days by default",
			Verify: Verifier{JWT: &JWT{
				Issuer: "https://accounts.google.com", Claims: map[string][]string{"email_verified": {"true"}}, Needs: []string{"email"},
			}},
			ID:      []string{"{body.message.messageId}", "{body.message.message_id}"},
			Type:    []string{"google.cloud.pubsub.topic.v1.messagePublished"},
			Source:  []string{"/google-pubsub/{body.subscription}"},
			Subject: []string{"{body.message.orderingKey}"},
			Time:    []string{"{body.message.publishTime}", "{body.message.publish_time}"},
			JobID:   []string{"{body.subscription}"},
			RunID:   []string{"{body.message.messageId}", "{body.message.message_id}"},
			Config:  "{preset: google-pubsub, verify: {jwt: {audience: 'https://gateway.example.com/hooks/pubsub', claims: {email: push@project.iam.gserviceaccount.com}}}}",
			Setup: []string{
				"Push subscription: endpoint {url}, authentication on, with a service account of your own; no payload unwrapping.",
				"Name its audience (the endpoint, when left empty) and the account's e-mail in the source: Google gives tokens to everybody.",
				"Rules see `data.message.attributes`, and the message as `base64.decode(data.message.data)`.",
			},
		},
	}
}
