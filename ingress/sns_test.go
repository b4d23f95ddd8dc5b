package ingress

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestOnlyAmazonsSignatureForOurTopicIsProven(t *testing.T) {
	t.Parallel()
	now := time.Now()
	right, theirs := newAmazon(t, now.Add(time.Hour)), newAmazon(t, now.Add(time.Hour))
	p, err := SNS{Topics: []string{snsTopic}}.proof()
	if err != nil {
		t.Fatal(err)
	}
	with := func(name string, value any) map[string]any {
		fields := notice(now)
		fields[name] = value
		return fields
	}
	changed := func(name string, value any) []byte {
		var fields map[string]any
		if err := json.Unmarshal(right.message(t, "1", notice(now)), &fields); err != nil {
			t.Fatal(err)
		}
		fields[name] = value
		body, _ := json.Marshal(fields)
		return body
	}
	replay := []byte(strings.Replace(string(right.message(t, "1", notice(now))), `"MessageId":"22`, `"messageid":"22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324","MessageId":"new-22`, 1))
	for name, tt := range map[string]struct {
		body []byte
		want bool
	}{
		"version 1":                   {right.message(t, "1", notice(now)), true},
		"version 2":                   {right.message(t, "2", notice(now)), true},
		"no subject":                  {right.message(t, "1", with("Subject", nil)), true},
		"a confirmation":              {right.message(t, "1", confirmation(now, "https://sns.eu-west-1.amazonaws.com/?Action=x")), true},
		"sent an hour ago":            {right.message(t, "1", notice(now.Add(-time.Hour))), true},
		"sent yesterday":              {right.message(t, "1", notice(now.Add(-24*time.Hour))), false},
		"from the future":             {right.message(t, "1", notice(now.Add(time.Hour))), false},
		"another topic":               {right.message(t, "1", with("TopicArn", "arn:aws:sns:eu-west-1:999999999999:eve")), false},
		"another's signature":         {theirs.message(t, "1", notice(now)), false},
		"version 1 said to be 2":      {changed("SignatureVersion", "2"), false},
		"version 3":                   {changed("SignatureVersion", "3"), false},
		"another message":             {changed("Message", "{}"), false},
		"another id":                  {changed("MessageId", "x"), false},
		"another time":                {changed("Timestamp", now.Add(time.Minute).UTC().Format(time.RFC3339)), false},
		"two ids":                     {replay, false},
		"a subject added":             {changed("Subject", "x"), false},
		"an unknown type":             {changed("Type", "Other"), false},
		"a certificate of others":     {changed("SigningCertURL", "https://sns.eu-west-1.amazonaws.com.example.com/a.pem"), false},
		"a certificate in the clear":  {changed("SigningCertURL", strings.Replace(snsCert, "https", "http", 1)), false},
		"a certificate at a port":     {changed("SigningCertURL", "https://sns.eu-west-1.amazonaws.com:8443/a.pem"), false},
		"a certificate with a user":   {changed("SigningCertURL", "https://sns.eu-west-1.amazonaws.com@example.com/a.pem"), false},
		"a certificate with a query":  {changed("SigningCertURL", snsCert+"?a=.pem"), false},
		"an action for a certificate": {changed("SigningCertURL", "https://sns.eu-west-1.amazonaws.com/?x=.pem"), false},
		"another service's host":      {changed("SigningCertURL", "https://s3.eu-west-1.amazonaws.com/a.pem"), false},
		"a line feed in the host":     {changed("SigningCertURL", "https://sns.eu-west-1.amazonaws.com\n/a.pem"), false},
		"no signature":                {changed("Signature", ""), false},
		"no message":                  {[]byte("{}"), false},
		"no JSON":                     {[]byte("hello"), false},
		"nothing":                     {nil, false},
	} {
		err := p.prove(t.Context(), &evidence{body: tt.body, now: now, outside: newOutside(right)})
		if (err == nil) != tt.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCertificatesOfAmazonAreFetchedOnceAndHaveToBeValid(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, tt := range map[string]struct {
		change func(*amazon)
		want   bool
	}{
		"right":      {func(*amazon) {}, true},
		"404":        {func(a *amazon) { a.answer = 404 }, false},
		"redirected": {func(a *amazon) { a.forward = "https://example.com/a.pem" }, false},
		"no PEM":     {func(a *amazon) { a.pem = []byte("hello") }, false},
		"expired":    {func(a *amazon) { *a = *newAmazon(t, now.Add(-time.Minute)) }, false},
		"too large":  {func(a *amazon) { a.pem = append(make([]byte, fetchMost), a.pem...) }, false},
	} {
		a := newAmazon(t, now.Add(time.Hour))
		tt.change(a)
		p, _ := SNS{Topics: []string{snsTopic}}.proof()
		out := newOutside(a)
		for range 3 {
			if err := p.prove(t.Context(), &evidence{body: a.message(t, "1", notice(now)), now: now, outside: out}); (err == nil) != tt.want {
				t.Errorf("%s: %v", name, err)
			}
		}
		if len(a.asked) != 1 || <-a.asked != snsCert {
			t.Errorf("%s: fetched again or elsewhere", name)
		}
	}
}

// TestUnprovenMessageOfManyFieldsIsNotTakenApart: anybody may send one, and 512 KiB of them
// would take 30 MiB.
func TestUnprovenMessageOfManyFieldsIsNotTakenApart(t *testing.T) { //nolint:paralleltest // it counts what all goroutines allocate
	p, err := SNS{Topics: []string{snsTopic}}.proof()
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{
		`{"":0` + strings.Repeat(`,"":0`, 100_000) + "}", `{"\n":0` + strings.Repeat(`,"\n":0`, 60_000) + "}",
	} {
		e := &evidence{header: http.Header{}, body: []byte(body), now: time.Now()}
		took := testing.AllocsPerRun(2, func() {
			if p.prove(t.Context(), e) == nil {
				t.Error("it is proven")
			}
		})
		if took > 500 {
			t.Errorf("%.20s takes %.0f allocations", body, took)
		}
	}
}
