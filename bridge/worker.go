package bridge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
	"github.com/qlikgateway/gateway/qlik"
)

// errStalled is how a command ends that was not carried out, because too much time
// had passed since it was decided: another dispatcher may be at work by now.
var errStalled = errors.New("the command waited too long to be carried out; nothing was called")

// errUnmet is how the first call ends when Qlik's clock was not known yet, and so
// not written down with it.
var errUnmet = errors.New("the clock of Qlik had to be learned first; nothing was called")

// A worker carries out commands, one attempt each. It keeps no state that matters.
type worker struct {
	client  *qlik.Client
	breaker *qlik.Breaker
	entry   func(context.Context, uint64) (events.Entry, error) // reads the journal
	limits  Limits

	identity atomic.Pointer[string] // our Qlik user, once known
	renewing sync.Mutex             // held while credentials are exchanged, and while identity is noted
	renewed  int                    // how often they were; guarded by renewing
	bare     atomic.Bool            // the tenant refuses resource ids
}

// do carries out a command and reports what became of it.
func (w *worker) do(ctx context.Context, command Command) (report Report) {
	report = Report{Command: command, Sent: true, Began: time.Now()}
	report.QlikTime = w.client.ServerTime(report.Began)
	id := w.identity.Load()
	if id != nil {
		report.Identity = *id
		defer w.unsure(id, &report)
	}
	var err error
	idempotent := true
	switch command.Kind {
	case KindResolve:
		report.Verdict = w.resolve(ctx, &report)
		return report
	case KindFind:
		err = w.through(ctx, w.find, &report)
	case KindCall:
		if idempotent = command.repeatable(); command.Step.Action == rules.Emit {
			report.Sent = false
			break
		}
		if w.identity.Load() == nil {
			report.Sent, report.Verdict = false, w.introduce(ctx, &report)
			return report
		}
		err = w.while(ctx, w.call, &report)
	case KindPoll:
		err = w.through(ctx, w.poll, &report)
	case KindLook:
		err = w.through(ctx, w.glance, &report)
	case KindLog:
		err = w.beside(ctx, w.readLog, &report)
	case KindName:
		err = w.beside(ctx, w.askName, &report)
	case KindReconcile:
		err = w.while(ctx, w.reconcile, &report)
	case KindCancel:
		err = w.while(ctx, w.cancel, &report)
	case KindProbe:
		err = w.probe(ctx)
	}
	report.Verdict = Judge(err, idempotent)
	if errors.Is(err, qlik.ErrOpen) || errors.Is(err, errStalled) {
		report.Sent = false
	}
	var failure *qlik.Error
	if errors.As(err, &failure) {
		report.Sent = failure.Sent || failure.Status != 0
		w.forgetResourceID(failure, &report)
	}
	return report
}

// while makes a call that must not come from a dispatcher whose time is over.
func (w *worker) while(ctx context.Context, f func(context.Context, *Report) error, report *Report) error {
	if err := report.Command.fresh(time.Now(), w.limits.Bound); err != nil {
		return err
	}
	return w.through(ctx, f, report)
}

// fresh refuses a command that was decided too long ago, by the monotonic clock or
// by the wall's: a machine that slept must not call on what it knew before.
func (c Command) fresh(now time.Time, bound time.Duration) error {
	if now.Sub(c.At) > bound || now.Round(0).Sub(c.At.Round(0)) > bound {
		return errStalled
	}
	return nil
}

// through makes a call unless the breaker is open.
func (w *worker) through(ctx context.Context, f func(context.Context, *Report) error, report *Report) error {
	return w.breaker.Do(ctx, func(ctx context.Context) error { return f(ctx, report) })
}

func (w *worker) resolve(ctx context.Context, report *Report) Verdict {
	if report.Command.Parts != nil {
		return w.resolveJoin(ctx, report)
	}
	entry, err := w.entry(ctx, report.Command.Cause)
	if err != nil {
		return Verdict{Kind: VerdictAgain, Reason: events.ReasonTransport, Text: "read the cause: " + err.Error()}
	}
	report.Step, err = rules.Resolve(report.Command.Step, entry.View(), report.Command.Results)
	if err != nil {
		return Verdict{Kind: VerdictFail, Reason: events.ReasonBadArgument, Text: err.Error()}
	}
	return Verdict{Kind: VerdictDone}
}

// find looks for the published app that a publish replaces. The document's dialect
// cannot search; there, replacing is tried first.
func (w *worker) find(ctx context.Context, report *Report) error {
	if w.client.Dialect() != qlik.Cloud {
		report.Sent, report.Mode = false, PublishTry
		return nil
	}
	args := report.Command.Step.Args
	twins, err := w.client.FindPublished(ctx, args.App, args.Space)
	if err != nil {
		return err
	}
	report.Mode = PublishNew
	if len(twins) > 0 {
		newest := twins[0]
		for _, twin := range twins[1:] {
			if twin.PublishTime.After(newest.PublishTime) {
				newest = twin
			}
		}
		report.Mode, report.Result.AppID = PublishReplace, newest.ResourceID
	}
	return nil
}

func (w *worker) call(ctx context.Context, report *Report) error {
	command := report.Command
	args := command.Step.Args
	switch command.Step.Action {
	case rules.Reload:
		create := qlik.ReloadCreate{AppID: args.App, Partial: args.Partial, Variables: args.Variables, Weight: args.Weight}
		if !w.bare.Load() {
			create.ResourceType, create.ResourceID = "api", ResourceID(command.Token)
		}
		reload, err := w.client.ReloadApp(ctx, create)
		report.Reload = &reload
		return err
	case rules.Copy:
		app, err := w.client.CopyApp(ctx, args.App, qlik.AppCopy{
			Name: args.Name, SpaceID: args.Space, Description: args.Description + mark(command.Token),
		})
		report.Result = Result{AppID: app.ID, AppName: app.Name}
		return err
	case rules.Publish:
		return w.publish(ctx, report)
	case rules.Move:
		app, err := w.client.MoveAppToSpace(ctx, args.App, args.Space)
		report.Result = Result{AppID: app.ID, AppName: app.Name}
		return err
	case rules.Delete:
		return w.client.DeleteApp(ctx, args.App)
	case rules.Assert:
		return w.assert(ctx, args)
	}
	return fmt.Errorf("action %s: %w", command.Step.Action, qlik.ErrInvalid)
}

func (w *worker) publish(ctx context.Context, report *Report) error {
	args := report.Command.Step.Args
	to := qlik.AppPublish{SpaceID: args.Space, TargetID: args.Target, Name: args.Name, Description: args.Description}
	send := w.client.RepublishApp
	if report.Command.Mode == PublishNew {
		send = w.client.PublishApp
	}
	app, err := send(ctx, args.App, to)
	report.Result = Result{AppID: app.ID, AppName: app.Name, Replaced: report.Command.Mode != PublishNew}
	return err
}

func (w *worker) poll(ctx context.Context, report *Report) error {
	reload, err := w.client.GetReload(ctx, report.Command.ReloadID)
	report.Reload = &reload
	return err
}

// glance asks about a reload that may be somebody else's: who we are must be known.
func (w *worker) glance(ctx context.Context, report *Report) error {
	if err := w.meet(ctx, report); err != nil {
		return err
	}
	return w.poll(ctx, report)
}

func (w *worker) cancel(ctx context.Context, report *Report) error {
	_, err := w.client.CancelReload(ctx, report.Command.ReloadID)
	return err
}

// probe asks whether the tenant answers and lets us work.
func (w *worker) probe(ctx context.Context) error {
	if w.breaker.State() != qlik.StateClosed {
		return w.breaker.Probe(ctx)
	}
	_, err := w.client.GetAppsPrivileges(ctx)
	return err
}

// forgetResourceID stops sending resource ids to a tenant that refuses a reload
// which had one: the call had no effect and is made again without.
func (w *worker) forgetResourceID(failure *qlik.Error, report *Report) {
	command := report.Command
	if command.Kind == KindCall && command.Step.Action == rules.Reload && failure.Status == 400 &&
		w.client.Dialect() == qlik.Cloud && w.bare.CompareAndSwap(false, true) {
		report.Verdict.Kind = VerdictAgain
	}
}

// ResourceID is the resource id of the reload that an attempt starts, where the
// API keeps one: 24 hexadecimal digits, like Qlik's own ids.
func ResourceID(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:12])
}

// mark is what an attempt adds to the description of the app it makes, so that it
// can be told from every other.
func mark(token string) string { return " [qlikgateway " + ResourceID(token) + "]" }
