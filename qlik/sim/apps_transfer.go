package sim

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/qlikgateway/gateway/qlik"
)

// How long an exported file can be fetched, how many are kept, and up to which
// size one is unpacked.
const (
	exportTime  = time.Hour
	maxExports  = 20
	maxUnpacked = 256 << 20
)

// magic begins every exported file.
const magic = "QLIKSIM1"

// appFile is what an exported file holds.
type appFile struct {
	Name, Description, Usage string
	Script                   string
	LastReload               time.Time
	Tables                   []fileTable
	CPU                      time.Duration
	Peak, Reloads            int64
}

type fileTable struct {
	Name   string
	Fields []string
	Rows   int64
}

// An export is an exported file that waits to be fetched.
type export struct {
	id      string
	user    *user
	content []byte
	expires time.Time
}

// pack writes an app into a file.
func pack(a *app, noData bool) ([]byte, error) {
	f := appFile{Name: a.name, Description: a.description, Usage: a.usage, Script: a.script()}
	if !noData {
		f.LastReload, f.CPU, f.Peak, f.Reloads = a.lastReload, a.data.cpu, a.data.peak, a.data.reloads
		for _, t := range a.data.tables {
			f.Tables = append(f.Tables, fileTable{t.name, t.fields, t.rows})
		}
	}
	var b bytes.Buffer
	b.WriteString(magic)
	z := gzip.NewWriter(&b)
	if err := json.NewEncoder(z).Encode(f); err != nil {
		return nil, fmt.Errorf("pack app: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("pack app: %w", err)
	}
	return b.Bytes(), nil
}

// unpack reads a file that pack wrote.
func unpack(content []byte) (appFile, error) {
	var f appFile
	packed, found := bytes.CutPrefix(content, []byte(magic))
	if !found {
		return f, fmt.Errorf("unpack app: it does not begin with %s", magic)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return f, fmt.Errorf("unpack app: %w", err)
	}
	if err := json.NewDecoder(io.LimitReader(z, maxUnpacked)).Decode(&f); err != nil {
		return f, fmt.Errorf("unpack app: %w", err)
	}
	return f, nil
}

func (t *Tenant) exportApp(r *request) answer {
	a, refused := t.findApp(r, mayExport)
	if refused != nil {
		return *refused
	}
	var body struct{ NoData bool }
	t.decode(r, &body)
	if t.cfg.Dialect == qlik.Cloud {
		body.NoData = strings.EqualFold(r.URL.Query().Get("NoData"), "true")
	}
	content, err := pack(a, body.NoData)
	if err != nil {
		return t.fail(http.StatusInternalServerError, "", err.Error())
	}
	x := &export{id: t.newID(), user: r.user, content: content, expires: r.now.Add(exportTime)}
	if t.exports = append(t.exports, x); len(t.exports) > maxExports {
		t.exports = t.exports[1:]
	}
	path := r.link("/temp-contents/" + x.id).Href
	if t.cfg.Dialect == qlik.Cloud {
		return answer{status: http.StatusCreated, header: http.Header{"Location": {strings.TrimPrefix(path, r.origin())}}}
	}
	return ok(http.StatusOK, map[string]string{"downloadPath": path})
}

// download gives an exported file to whoever exported it.
func (t *Tenant) download(r *request) answer {
	id := r.PathValue("contentId")
	for _, x := range t.exports {
		if x.id == id && x.user == r.user && r.now.Before(x.expires) {
			return answer{
				status: http.StatusOK, body: x.content,
				header: http.Header{"Content-Type": {"application/octet-stream"}},
			}
		}
	}
	return *t.notFound("The file", id)
}

// importApp makes an app of a file, or, in mode autoreplace, gives its content
// to the caller's app of the same name in the same space.
func (t *Tenant) importApp(r *request) answer {
	q := r.URL.Query()
	if refused := t.place(r, q.Get("spaceId"), http.StatusBadRequest); refused != nil {
		return *refused
	}
	f, err := unpack(r.body)
	if err != nil {
		return *t.invalid("The file is not an app: " + err.Error() + ".")
	}
	name := q.Get("name")
	setDefault(&name, f.Name)
	if name == "" {
		return *t.invalid("name is required.")
	}
	var a *app
	if strings.EqualFold(q.Get("mode"), qlik.ImportAutoReplace) {
		a = t.replaceable(r.user, name, q.Get("spaceId"))
	}
	if a == nil {
		a = t.addApp(r.user, name, f.Description, q.Get("spaceId"))
	}
	a.addScript(t, r.user, f.Script)
	a.usage, a.lastReload, a.modified, a.description = f.Usage, f.LastReload, r.now, f.Description
	a.data = data{cpu: f.CPU, peak: f.Peak, reloads: f.Reloads, sources: readScript(t.words, f.Script).loads}
	for _, d := range f.Tables {
		a.data.tables = append(a.data.tables, dataTable{d.Name, d.Fields, d.Rows})
	}
	r.call.AppID = a.id
	return t.showApp(r, a)
}

// replaceable gives the app that an import replaces, if there is one.
func (t *Tenant) replaceable(u *user, name, spaceID string) *app {
	for _, a := range t.apps.all() {
		if a.name == name && a.spaceID == spaceID && t.may(u, mayUpdate, a) {
			return a
		}
	}
	return nil
}
