package sim

import (
	"net/http"
	"testing"
)

func TestTransportHidesNoPanicOfAHandler(t *testing.T) {
	t.Parallel()
	broken := within{http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("encode answer: broken") })}
	defer func() {
		if cause := recover(); cause != "encode answer: broken" {
			t.Errorf("the handler panicked, and the caller got %v", cause)
		}
	}()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://tenant/", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := broken.RoundTrip(request)
	t.Errorf("got %v, %v", response, err)
}
