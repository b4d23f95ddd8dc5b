package bridge

import (
	"cmp"
	"context"
	"errors"

	"github.com/qlikgateway/gateway/qlik"
)

// meet learns Qlik's clock and which user we are there. No step is called before:
// should the answer be lost, what the call made is known by them.
func (w *worker) meet(ctx context.Context, report *Report) error {
	if w.identity.Load() != nil {
		return nil
	}
	before := w.renewals()
	id, err := w.client.Me(ctx)
	if w.client.Dialect() != qlik.Cloud {
		_, err = w.client.GetAppsPrivileges(ctx)
	}
	var failure *qlik.Error
	if errors.As(err, &failure) && (failure.Reason() == qlik.ReasonForbidden || failure.Reason() == qlik.ReasonNotFound) {
		err = nil // it does not say who we are, but it told its time
	}
	if err != nil {
		return err
	}
	w.renewing.Lock()
	defer w.renewing.Unlock()
	if w.renewed != before {
		return errUnmet // that may be who we were before
	}
	if w.identity.Load() == nil {
		w.identity.Store(&id)
	}
	report.Identity = id
	return nil
}

// renewals returns how often credentials were exchanged.
func (w *worker) renewals() int {
	w.renewing.Lock()
	defer w.renewing.Unlock()
	return w.renewed
}

// renew exchanges the credentials. Who they stand for is asked before the next call.
func (w *worker) renew(cfg qlik.Config) error {
	w.renewing.Lock()
	defer w.renewing.Unlock()
	w.identity.Store(nil) // first: no call with the new ones is taken for one of the old user's
	w.renewed++
	return w.client.Renew(cfg)
}

// unsure takes back whose call it was, where credentials were exchanged during it.
func (w *worker) unsure(id *string, report *Report) {
	if w.identity.Load() != id {
		report.Identity = ""
	}
}

// introduce meets Qlik in place of the first call, which is to be made again. Whatever
// comes of that, nothing was called; only that Qlik refuses us says more.
func (w *worker) introduce(ctx context.Context, report *Report) Verdict {
	verdict := Judge(cmp.Or(w.through(ctx, w.meet, report), errUnmet), true)
	if verdict.Kind != VerdictHold {
		verdict.Kind = VerdictAgain
	}
	return verdict
}
