// Package bridge does: it carries out what rules ask for, once, and says how it ended.
//
// One Dispatcher is active per tenant. It reads the journal in order, admits each
// event to a run (Scheduler.Admit), writes every change to the Ledger before its
// effect, hands the commands that Scheduler.Next allows to a worker, judges each
// answer by one table (Judge), and puts the outcome of every step and run into the
// run's outbox, from where it is published under a stable id.
//
//	events.Journal -> Dispatcher -> Scheduler (pure) -> Ledger -> worker -> qlik.Client
//	                                    ^                            |
//	                                    +---- Verdict <- Judge <-----+
//
// A call whose answer was lost is never repeated blindly: the step stays `calling`
// until reconcile has found out what became of it.
package bridge
