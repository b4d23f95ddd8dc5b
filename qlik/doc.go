// Package qlik talks to one Qlik Cloud tenant: one method per operation of its
// API, one attempt per call.
//
// A Client is made by New. Each method checks its arguments, proves who is
// calling (API key, or OAuth client credentials), sends one request and gives
// back what Qlik answered, or an *Error that says what is known: the status, the
// code, whether the request may have reached Qlik, and when to come back. It
// never repeats a request, because a reload sent twice is two reloads; whoever
// calls decides. The one exception is a 401 after an OAuth token went stale or a
// key was exchanged (Client.Renew): such a request was not carried out, and is
// sent once more with a fresh one.
//
// The files follow the chapters of Qlik's API: apps, publish, scripts, data,
// spaces, assignments, reloads. Operations lists them all. Breaker stands in
// front of a tenant that does not answer.
package qlik
