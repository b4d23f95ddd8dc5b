// Package rules decides: which rules an event matches, and what each of them asks for.
//
// It is pure: no NATS, no Qlik, no clock. Compile turns definitions into a Set and
// reports every mistake at once; Set.Route names the rules an event matches;
// Set.Plan gives the steps of one of them; Resolve fills in the arguments that
// had to wait for an earlier step.
package rules
