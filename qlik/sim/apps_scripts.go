package sim

import (
	"net/http"
	"slices"
	"time"

	"github.com/qlikgateway/gateway/qlik"
)

// A script is one version of an app's script.
type script struct {
	id, text, by, message string
	made                  time.Time
}

// addScript makes a text the current script of an app.
func (a *app) addScript(t *Tenant, by *user, text string) *script {
	a.scripts = append(slices.Clip(a.scripts), script{id: t.newID(), text: text, by: by.id, made: t.now()})
	return &a.scripts[len(a.scripts)-1]
}

// script gives the app's current script.
func (a *app) script() string {
	if len(a.scripts) == 0 {
		return ""
	}
	return a.scripts[len(a.scripts)-1].text
}

// documentScript is a version as the document writes it.
type documentScript struct {
	ID           string `json:"id"`
	Script       string `json:"script"`
	CreatedDate  moment `json:"createdDate"`
	ModifiedDate moment `json:"modifiedDate"`
}

func (s script) document() documentScript {
	return documentScript{s.id, s.text, moment(s.made), moment(s.made)}
}

// cloudScript is a version as the live service lists it, without its text.
type cloudScript struct {
	ScriptID       string `json:"scriptId"`
	ModifierID     string `json:"modifierId"`
	ModifiedTime   moment `json:"modifiedTime"`
	Size           int    `json:"size"`
	VersionMessage string `json:"versionMessage,omitempty"`
}

// getAppScripts lists the versions of a script, the newest first.
func (t *Tenant) getAppScripts(r *request) answer {
	a, refused := t.findApp(r, mayRead)
	if refused != nil {
		return *refused
	}
	if t.cfg.Dialect != qlik.Cloud {
		list := []documentScript{}
		for _, s := range slices.Backward(a.scripts) {
			list = append(list, s.document())
		}
		return ok(http.StatusOK, list)
	}
	list := []cloudScript{}
	for _, s := range slices.Backward(a.scripts) {
		list = append(list, cloudScript{s.id, s.by, moment(s.made), len(s.text), s.message})
	}
	return ok(http.StatusOK, map[string]any{"scripts": list, "privileges": []string{}, "links": pageLinks{Self: r.link(r.path())}})
}

// getAppScript gives one version with its text; the live service alone has it.
func (t *Tenant) getAppScript(r *request) answer {
	a, refused := t.findApp(r, mayRead)
	if refused != nil {
		return *refused
	}
	id := r.PathValue("scriptId")
	for i, s := range a.scripts {
		if s.id == id || (id == "current" && i == len(a.scripts)-1) {
			return ok(http.StatusOK, map[string]string{"script": s.text, "versionMessage": s.message})
		}
	}
	return *t.notFound("Script version", id)
}

func (t *Tenant) setAppScript(r *request) answer {
	a, refused := t.findApp(r, mayUpdate)
	if refused != nil {
		return *refused
	}
	var body struct{ Script, VersionMessage string }
	t.decode(r, &body)
	s := a.addScript(t, r.user, body.Script)
	a.modified = r.now
	if t.cfg.Dialect == qlik.Cloud {
		s.message = body.VersionMessage
		return answer{status: http.StatusOK}
	}
	return ok(http.StatusOK, s.document())
}
