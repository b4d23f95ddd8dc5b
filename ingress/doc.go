// Package ingress listens: it decides who may send, understands what was sent,
// and answers only when the event is safe on the journal.
//
// The way of one delivery, the same for HTTP and NATS:
//
//	receive  (http.go, nats.go)   cap the body, find the source
//	prove    (verifier.go)        the sender, over the raw bytes
//	read     (reader.go)          one CloudEvent, a batch of them, or a body that a preset understands
//	admit    (admit.go)           route by the rules, append to the journal, answer
//
// Verifiers and presets are data: a new sender is a new entry in presets.go.
// Everything that a reload of the configuration can change hangs on one pointer,
// which Ingress.Set swaps; a delivery sees one configuration from its first byte
// to its answer.
package ingress
