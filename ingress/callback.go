package ingress

import "github.com/qlikgateway/gateway/events"

// noteCallbacks reads which addresses events ask to call back. One that must not be
// called refuses the delivery: who waits for it should not wait in vain.
func (s *source) noteCallbacks(arrivals []events.Arrival) error {
	for i := range arrivals {
		address, err := s.callbacks.Asked(arrivals[i].Event.Data())
		if err != nil {
			return refuse(Denied, err)
		}
		arrivals[i].Facts.Callback = address
	}
	return nil
}

// Callbacks returns how the source of that name calls back now; the zero value when
// there is none.
func (in *Ingress) Callbacks(name string) events.Callbacks {
	_, s := in.source(name)
	if s == nil {
		return events.Callbacks{}
	}
	return s.callbacks
}
