package events

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
)

// requestOrigin is who asks a URL whether it wants events.
const requestOrigin = "qlikgateway.io"

// A consent is a URL's word that it wants our events.
type consent struct {
	perMinute int // how many of them; 0 = any number
}

// ask validates the URL as the CloudEvents "HTTP 1.1 Web Hooks" specification,
// section 4, has it: nothing is delivered to who did not ask for it.
func (c *courier) ask(ctx context.Context) answer {
	ctx, cancel := context.WithTimeout(ctx, c.to.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodOptions, c.to.URL, nil)
	if err != nil {
		return answer{reason: ReasonNotValidated, err: fmt.Errorf("ask for consent: the address cannot be used")}
	}
	request.Header.Set("WebHook-Request-Origin", requestOrigin)
	request.Header.Set("User-Agent", "qlikgateway")
	response, err := c.client.Do(request)
	if err != nil {
		return failed(err)
	}
	defer drop(response.Body)
	a := judge(response)
	origin := response.Header.Get("WebHook-Allowed-Origin")
	switch {
	case a.reason == ReasonGone, a.reason == ReasonRateLimited, a.reason == ReasonServerError:
		return a
	case a.reason != "" || (origin != "*" && origin != requestOrigin):
		a.reason = ReasonNotValidated
		a.err = fmt.Errorf("OPTIONS answered %d without WebHook-Allowed-Origin: %s; a receiver that knows no such handshake needs validate: false", a.status, requestOrigin)
		return a
	}
	a.consent = &consent{}
	if rate, err := strconv.Atoi(response.Header.Get("WebHook-Allowed-Rate")); err == nil && rate > 0 {
		a.consent.perMinute = rate
	}
	return a
}
