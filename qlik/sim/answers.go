package sim

import (
	"net/http"
	"strconv"
	"time"

	"github.com/qlikgateway/gateway/qlik"
)

// problem is one error of Qlik's error body.
type problem struct {
	Code   string `json:"code,omitempty"`
	Title  string `json:"title"`
	Detail string `json:"detail,omitempty"`
	Status string `json:"status,omitempty"`
}

// problems is Qlik's error body.
type problems struct {
	Errors  []problem `json:"errors"`
	TraceID string    `json:"traceId,omitempty"`
}

// ok answers with a body.
func ok(status int, body any) answer { return answer{status: status, body: body} }

// fail answers with Qlik's error body. Without a code it is the status's own.
func (t *Tenant) fail(status int, code, detail string) answer {
	if code == "" {
		code = "HTTP-" + strconv.Itoa(status)
	}
	p := problem{Code: code, Title: http.StatusText(status), Detail: detail}
	b := problems{Errors: []problem{p}}
	if t.cfg.Dialect == qlik.Cloud {
		b.TraceID = t.newID() + t.newID()[:8]
	} else {
		b.Errors[0].Status = strconv.Itoa(status)
	}
	return answer{status: status, body: b}
}

// A moment is a time as Qlik writes it; the zero time is "".
type moment time.Time

// MarshalJSON writes RFC 3339 with milliseconds.
func (m moment) MarshalJSON() ([]byte, error) {
	t := time.Time(m)
	if t.IsZero() {
		return []byte(`""`), nil
	}
	return []byte(t.UTC().Format(`"2006-01-02T15:04:05.000Z"`)), nil
}

// IsZero lets a moment be left out of an answer.
func (m moment) IsZero() bool { return time.Time(m).IsZero() }

// href is an address within an answer.
type href struct {
	Href string `json:"href"`
}

// origin gives the tenant's address as the caller sees it.
func (r *request) origin() string {
	scheme := r.URL.Scheme
	if scheme == "" {
		scheme = "http"
		if r.TLS != nil {
			scheme = "https"
		}
	}
	return scheme + "://" + r.Host
}

// link gives the absolute address of a path of the API.
func (r *request) link(path string) href { return href{r.origin() + "/api/v1" + path} }
