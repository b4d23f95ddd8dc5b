package ingress

import (
	"fmt"
	"net/http"
	"time"

	"github.com/qlikgateway/gateway/events"
)

// Understand makes of a delivery to a source what the gateway would make of it,
// without proof and without storing it: for trying rules on samples. Its errors say
// what a sender would be told.
func (s *Sources) Understand(name string, header http.Header, body []byte) ([]events.Arrival, error) {
	source, ok := s.byName[name]
	if !ok {
		return nil, fmt.Errorf("no source %q is configured", name)
	}
	return source.read(message{header: header, body: body, arrived: time.Now()})
}
