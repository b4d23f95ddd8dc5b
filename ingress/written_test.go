package ingress

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// What people write by hand, and what their shells and programs make of it.
func TestFailureIsNotReadAsSuccessHoweverItIsWritten(t *testing.T) {
	t.Parallel()
	formType := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	for _, tt := range []struct {
		preset, body string
		header       http.Header
		want         string
	}{
		{"generic", "job=x&outcome=failed", formType, "failed"},
		{"generic", "job=x&outcome=succeeded", formType, "succeeded"},
		{"generic", `{"job":"x","outcome":"failed"}`, formType, "failed"},
		{"generic", "\ufeff" + `{"job":"x","outcome":"failed"}`, nil, "failed"},
		{"generic", `{"job":"x","outcome":null}`, nil, "other"},
		{"generic", `{"job":"x","outcome":""}`, nil, "other"},
		{"generic", `{"job":"x","state":{"type":"FAILED"}}`, nil, "other"},
		{"generic", `{"job":"x","outcome":null,"status":"success"}`, nil, "succeeded"},
		{"generic", "done", formType, ""},
		{"generic", "job=x&outcome=failed&message=disk 100% full", formType, "failed"},
		{"generic", "job=x&outcome=failed&message=no table; stopped", formType, "failed"},
		{"generic", "job=x&outcome=failed&%zz=%", formType, "failed"},
		{"generic", "outcome=succeeded&job=x&outcome=failed", formType, "failed"},
		{"generic", `"{\"job\":\"x\",\"outcome\":\"failed\"}"`, nil, "failed"},
		{"generic", `"{\"job\":\"x\",\"outcome\":\"succeeded\"}"`, formType, "succeeded"},
		{"generic", `"done"`, nil, ""},
		{"aws-eventbridge", `{"detail":{"state":"FAILED"}}`, nil, "failed"},
		{"aws-eventbridge", `{"detail":{"status":"RUNNING"}}`, nil, "other"},
		{"aws-eventbridge", `{"detail":{"currentState":"SUCCEEDED"}}`, nil, "succeeded"},
		{"aws-eventbridge", `{"detail":{"bucket":{"name":"loads"}}}`, nil, ""},
	} {
		if a := readSample(t, presetSource(t, tt.preset), tt.header, []byte(tt.body)); a.Facts.Outcome != tt.want {
			t.Errorf("%s %s: %q, want %q", tt.preset, tt.body, a.Facts.Outcome, tt.want)
		}
	}
	for _, body := range []string{
		`{"job":"x","outcome":"failed"`, `{job: x, outcome: failed}`, ` [{"outcome":`, `'{outcome:failed}'`, `"{"outcome":"failed"}"`, `"{\"outcome\":\"failed\""`,
		"\xff\xfe" + `{"outcome":"failed"}`, "\xff\xfe{\x00\"\x00o\x00", "\xfe\xff\x00{\x00\"\x00o", "\x00{\x00\"",
	} {
		m := message{header: formType, body: []byte(body)}
		if _, err := presetSource(t, "generic").read(m); err == nil {
			t.Errorf("%q is taken for a body that says nothing", body)
		}
	}
	multipart := http.Header{"Content-Type": {"multipart/form-data; boundary=x"}}
	_, err := presetSource(t, "generic").read(message{header: multipart, body: []byte("--x\r\nContent-Disposition: form-data; name=\"outcome\"\r\n\r\nfailed\r\n--x--\r\n")})
	if refused := new(refusal); !errors.As(err, &refused) || refused.result != Unsupported {
		t.Errorf("a form in parts is answered %v", err)
	}
}

func TestFormOfTooManyFieldsIsRefused(t *testing.T) {
	t.Parallel()
	var body strings.Builder
	for i := range 2 * maxFields {
		fmt.Fprintf(&body, "f%d=&", i)
	}
	m := message{header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, body: []byte(body.String())}
	if _, err := presetSource(t, "generic").read(m); err == nil {
		t.Error("it is taken")
	}
}

func TestFormIsStoredAsTheObjectItStandsFor(t *testing.T) {
	t.Parallel()
	h := http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}}
	a := readSample(t, presetSource(t, "generic"), h, []byte("job=sales+nightly&run_id=7&outcome=succeeded"))
	if string(a.Event.Data()) != `{"job":"sales nightly","outcome":"succeeded","run_id":"7"}` || a.Event.DataContentType() != "application/json" || a.DedupeID != "sales nightly/7/succeeded" {
		t.Errorf("stored %s", a.Event)
	}
}

func TestDeliveriesOfDifferentRunsNeverShareAnID(t *testing.T) {
	t.Parallel()
	s := presetSource(t, "generic")
	id := func(body string) string { return readSample(t, s, nil, []byte(body)).DedupeID }
	for _, different := range [][2]string{
		{`{"job":"a/b","run_id":"c","outcome":"ok"}`, `{"job":"a","run_id":"b/c","outcome":"ok"}`},
		{`{"job":"a%2Fb","run_id":"c","outcome":"ok"}`, `{"job":"a/b","run_id":"c","outcome":"ok"}`},
		{`{"job":"a","run_id":"1","status":"running"}`, `{"job":"a","run_id":"1","status":"success"}`},
		{`{"run_id":"1","event":"began"}`, `{"run_id":"1","event":"done"}`},
	} {
		if id(different[0]) == id(different[1]) {
			t.Errorf("%s and %s are one: %s", different[0], different[1], id(different[0]))
		}
	}
	for _, same := range [][2]string{
		{`{"job":"a","run_id":"1"}`, `{"run_id":"1", "job":"a"}`},
		{`{"job":"a","run_id":"1","status":"success","at":"1"}`, `{"job":"a","run_id":"1","status":"success","at":"2"}`},
		{`{"run_id":"1","state":"ok"}`, `{"run_id":"1","state":"ok"}`},
	} {
		if id(same[0]) != id(same[1]) {
			t.Errorf("%s and %s are two: %s %s", same[0], same[1], id(same[0]), id(same[1]))
		}
	}
}

func TestJobNamedOddlyIsNoReasonToRefuseItsEvent(t *testing.T) {
	t.Parallel()
	for body, subject := range map[string]string{
		`{"job":"sales\nnightly"}`: "sales nightly", "{\"job\":\"caf\xe9s\"}": "caf s", `{"job":"\ud800"}`: "",
		`{"job":"` + strings.Repeat("é", 2000) + `"}`: strings.Repeat("é", 1024),
	} {
		if a := readSample(t, presetSource(t, "generic"), nil, []byte(body)); a.Event.Subject() != subject {
			t.Errorf("%q has the subject %q", body, a.Event.Subject())
		}
	}
}
