package ingress

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/qlikgateway/gateway/events"
)

const confirmURL = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=" + snsTopic + "&Token=2336"

// Only a subscription of a topic that is taken, signed by Amazon, is confirmed,
// and only at Amazon.
func TestSubscriptionsAreConfirmedOnlyAfterProofAndOnlyAtAmazon(t *testing.T) {
	t.Parallel()
	now := time.Now()
	signer, stranger := newAmazon(t, now.Add(time.Hour)), newAmazon(t, now.Add(time.Hour))
	other := confirmation(now, confirmURL)
	other["TopicArn"] = "arn:aws:sns:eu-west-1:999999999999:eve"
	redirecting := *signer
	redirecting.forward, redirecting.part = "https://metadata.example.com/", "Action="
	for name, tt := range map[string]struct {
		amazon *amazon
		source string
		body   []byte
		status int
		asked  string
	}{
		"right":                     {signer, "sns", signer.message(t, "1", confirmation(now, confirmURL)), 200, confirmURL},
		"signed by another":         {signer, "sns", stranger.message(t, "1", confirmation(now, confirmURL)), 401, ""},
		"another topic":             {signer, "sns", signer.message(t, "1", other), 401, ""},
		"another host":              {signer, "sns", signer.message(t, "2", confirmation(now, "https://169.254.169.254/?Action=ConfirmSubscription")), 400, ""},
		"a host that only ends so":  {signer, "sns", signer.message(t, "2", confirmation(now, "https://evil.example/sns.eu-west-1.amazonaws.com?Action=ConfirmSubscription")), 400, ""},
		"in the clear":              {signer, "sns", signer.message(t, "2", confirmation(now, strings.Replace(confirmURL, "https", "http", 1))), 400, ""},
		"another action":            {signer, "sns", signer.message(t, "2", confirmation(now, "https://sns.eu-west-1.amazonaws.com/?Action=DeleteTopic")), 400, ""},
		"a token proves no topic":   {signer, "token", signer.message(t, "1", confirmation(now, confirmURL)), 403, ""},
		"answered by a redirection": {&redirecting, "sns", signer.message(t, "1", confirmation(now, confirmURL)), 503, confirmURL},
	} {
		a := *tt.amazon
		a.asked = make(chan string, 8)
		status := deliverTo(t, &a, tt.source, tt.body)
		var asked []string
		for len(a.asked) > 0 {
			if address := <-a.asked; address != snsCert {
				asked = append(asked, address)
			}
		}
		if status != tt.status || strings.Join(asked, " ") != tt.asked {
			t.Errorf("%s: answered %d, asked %v", name, status, asked)
		}
	}
}

// What cannot be asked is told by its host alone: the rest of the address confirms the
// subscription, whoever asks for it.
func TestConfirmationThatFailsShowsNoToken(t *testing.T) {
	t.Parallel()
	_, err := newOutside(nowhere{}).get(t.Context(), confirmURL)
	if err == nil || strings.Contains(err.Error(), "2336") || !strings.Contains(err.Error(), "sns.eu-west-1.amazonaws.com") {
		t.Errorf("it fails with %v", err)
	}
}

// deliverTo posts a body to an ingress that sees Amazon through a transport.
func deliverTo(t *testing.T, transport http.RoundTripper, source string, body []byte) int {
	t.Helper()
	in, err := New(Config{
		Append: func(context.Context, events.Arrival, []events.Target, uint64) (events.Receipt, error) {
			t.Error("a confirmation was stored")
			return events.Receipt{}, nil
		},
		Registerer: prometheus.NewRegistry(), Log: zerolog.Nop(), Transport: transport,
	})
	if err != nil {
		t.Fatal(err)
	}
	sources, problems := Compile([]Source{
		{Name: "sns", Preset: "aws-sns", Verify: Verifier{SNS: &SNS{Topics: []string{snsTopic}}}},
		{Name: "token", Preset: "aws-sns", Verify: Bearer(), Secrets: []string{"a-token-that-is-long-enough"}},
	})
	if sources == nil {
		t.Fatal(problems)
	}
	in.Set(Live{Sources: sources})
	handler, err := in.Handler()
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/hooks/"+source, strings.NewReader(string(body)))
	r.Header.Set("Authorization", "Bearer a-token-that-is-long-enough")
	r.Header.Set("Content-Type", "text/plain; charset=UTF-8")
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w.Code
}
