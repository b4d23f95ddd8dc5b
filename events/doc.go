// Package events tells: it keeps accepted events on the journal and publishes
// the outcomes of what was done for them.
//
// The way in: an Arrival is appended to the Journal, one message for each
// tenant whose rules it matched, and comes back from it as an Entry, in order.
// What cannot be carried out goes to the DeadLetters.
//
// The way out: an Outcome, made by NewOutcome with typed data, is published by
// the Publisher as a CloudEvent under an id that is the same however often it
// is published. Catalog lists every type there is.
package events

//go:generate go test . -run "DocumentsAreThose|WhatWasPromised" -update
