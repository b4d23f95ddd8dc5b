// Package sim pretends to be a Qlik Cloud tenant: stateful, believable, and
// able to misbehave on demand.
//
// New makes a Tenant with sample apps and spaces. It answers over sockets
// (Handler, Serve) or within the process (Transport), in the dialect of Qlik's
// document or of the live service. A request passes, in this order: the faults
// that were injected, the proof of who calls, the quotas, the operation itself;
// then it is written down in the list of calls, which is the judge of what
// really happened. Reloads run on the tenant's clock alone: their state is
// computed from the time at which somebody looks, so that they take no goroutine
// and no time under testing/synctest.
package sim
