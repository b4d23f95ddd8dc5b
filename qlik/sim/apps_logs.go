package sim

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/qlikgateway/gateway/qlik"
)

// documentLog tells about a log as the document does.
type documentLog struct {
	ID          string `json:"id"`
	CreatedDate moment `json:"createdDate"`
	Success     bool   `json:"success"`
	Duration    int64  `json:"duration"` // milliseconds
}

// cloudLog tells about a log as the live service does.
type cloudLog struct {
	ReloadID string          `json:"reloadId"`
	EndTime  moment          `json:"endTime"`
	Success  bool            `json:"success"`
	Duration int64           `json:"duration"` // milliseconds
	Links    map[string]href `json:"links"`
}

// getAppReloadLogs lists the logs of an app's reloads that have ended, the
// newest first.
func (t *Tenant) getAppReloadLogs(r *request) answer {
	a, refused := t.findApp(r, mayRead)
	if refused != nil {
		return *refused
	}
	document, cloud := []documentLog{}, []cloudLog{}
	for _, x := range slices.Backward(t.reloadsOf[a.id]) {
		if !x.logged(r.now) {
			continue
		}
		success, took := x.status(r.now) == qlik.ReloadSucceeded, x.end().Sub(x.starts).Milliseconds()
		document = append(document, documentLog{x.id, moment(x.starts), success, took})
		cloud = append(cloud, cloudLog{x.id, moment(x.end()), success, took, map[string]href{"log": r.link(r.path() + "/" + x.id)}})
	}
	if t.cfg.Dialect == qlik.Cloud {
		return ok(http.StatusOK, map[string]any{"data": cloud})
	}
	return ok(http.StatusOK, document)
}

// logged says that the reload has ended after it began, and so has a log.
func (x *reload) logged(now time.Time) bool {
	return x.status(now).Ended() && x.starts.Before(x.end())
}

func (t *Tenant) getAppReloadLog(r *request) answer {
	a, refused := t.findApp(r, mayRead)
	if refused != nil {
		return *refused
	}
	x, found := t.reloads.byID[r.PathValue("reloadId")]
	if !found || x.appID != a.id || !x.logged(r.now) {
		return *t.notFound("The log of reload", r.PathValue("reloadId"))
	}
	return answer{
		status: http.StatusOK, body: []byte(x.log(r.now)),
		header: http.Header{"Content-Type": {"text/plain; charset=UTF-8"}},
	}
}

// log writes the log of a reload that has ended, in lines that end as Windows
// ends them.
func (x *reload) log(now time.Time) string {
	var b strings.Builder
	line := func(at time.Time, format string, args ...any) {
		b.WriteString(at.Format("2006-01-02 15:04:05 ") + fmt.Sprintf(format, args...) + "\r\n")
	}
	line(x.starts, "      Execution started.")
	line(x.starts, "      Reload %s of app %s, partial: %t", x.id, x.appID, x.partial)
	for _, name := range slices.Sorted(maps.Keys(x.variables)) {
		line(x.starts, "      SET %s='%s'", name, x.variables[name])
	}
	for i, l := range x.course.loads {
		line(x.starts, "%04d  %s", i+1, l.statement)
		line(x.end(), "      %d fields found: %s", len(l.fields), strings.Join(l.fields, ", "))
		line(x.end(), "      %s << %s %d lines fetched", l.table, l.source, x.before.fetched(l))
	}
	switch x.status(now) {
	case qlik.ReloadSucceeded:
		line(x.end(), "      Execution finished.")
	case qlik.ReloadCanceled:
		line(x.end(), "      Execution cancelled.")
	case qlik.ReloadExceededLimit:
		line(x.end(), "      Execution stopped: it took longer than allowed.")
	default:
		line(x.end(), "      Error: %s", x.errorText)
		line(x.end(), "      Execution failed.")
	}
	return b.String()
}
