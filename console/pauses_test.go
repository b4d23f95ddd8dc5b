package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Without a dispatcher a pause that makes sense fails late, for nobody takes the order;
// one that makes none is refused before.
func TestPauseOfWhatIsNotThereIsRefused(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	const app = "8f4f7f6e-1111-4222-8333-444455556666"
	for _, test := range []struct{ what, lasts, says string }{
		{"acme.rule.refresh", "1h", "no dispatcher"},
		{"acme.app." + strings.ToUpper(app), "", "no dispatcher"},
		{"acme.rule.gone", "", "no rule &#34;gone&#34;"},
		{"acme.app.gone", "", "no app is called &#34;gone&#34;"},
		{"gone.tenant", "", "no tenant &#34;gone&#34;"},
		{"acme.lane", "", "nothing that can be paused"},
		{"acme.rule.refresh", "for long", "expected how long"},
	} {
		form := url.Values{"what": {test.what}, "for": {test.lasts}}
		page := d.ask(http.MethodPost, "/pauses", form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
		if page.StatusCode < 400 || !strings.Contains(page.body, test.says) {
			t.Errorf("%s for %q: %s, without %q in\n%s", test.what, test.lasts, page.Status, test.says, page.body)
		}
	}
}
