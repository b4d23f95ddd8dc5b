package sim

import (
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/qlikgateway/gateway/qlik"
)

// A meterKey names one user's share of one class.
type meterKey struct {
	user  string
	class qlik.Class
}

// meter counts a call, or refuses it when its user has used up the class. What
// is refused does not count.
func (t *Tenant) meter(r *request) (answer, bool) {
	limit := t.limit(r.op.Class)
	if limit.Calls <= 0 || limit.Per <= 0 {
		return answer{}, false
	}
	key := meterKey{r.user.id, r.op.Class}
	window := t.meters[key]
	for len(window) > 0 && r.now.Sub(window[0]) >= limit.Per {
		window = window[1:]
	}
	if len(window) < limit.Calls {
		t.meters[key] = append(window, r.now)
		return answer{}, false
	}
	t.meters[key] = window
	return t.limited(window[len(window)-limit.Calls].Add(limit.Per).Sub(r.now)), true
}

// limit gives the limit of a class.
func (t *Tenant) limit(class qlik.Class) Limit {
	switch class {
	case qlik.ClassReload:
		return t.cfg.Quota.Reload
	case qlik.ClassWrite:
		return t.cfg.Quota.Write
	case qlik.ClassRead:
		return t.cfg.Quota.Read
	}
	return Limit{}
}

// limited answers a call that came too soon. Only the live service says when to
// come back.
func (t *Tenant) limited(wait time.Duration) answer {
	const status = http.StatusTooManyRequests
	if t.cfg.Dialect != qlik.Cloud {
		return ok(status, problems{Errors: []problem{{
			Title: http.StatusText(status), Detail: "Rate limit exceeded.", Status: strconv.Itoa(status),
		}}})
	}
	seconds := strconv.Itoa(int(math.Ceil(wait.Seconds())))
	a := ok(status, problems{Errors: []problem{{
		Code: qlik.CodeRateLimit, Title: "API rate limit reached.",
		Detail: "You need to wait " + seconds + " seconds until limit is lifted.",
	}}})
	a.header = http.Header{"Retry-After": {seconds}}
	return a
}
