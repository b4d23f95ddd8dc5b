package bridge_test

import (
	"strings"
	"time"

	"github.com/qlikgateway/gateway/qlik/sim"
)

// A chaosOutcome is an outcome as far as the judge of TestChaos looks at it.
type chaosOutcome struct {
	ID   string `json:"id"`
	Type string `json:"type"`
	Data struct {
		Run      string `json:"run"`
		Rule     string `json:"rule"`
		Step     string `json:"step"`
		ReloadID string `json:"reload_id"`
		Status   string `json:"status"`
		Causes   struct {
			Count     int      `json:"count"`
			Sequences []uint64 `json:"sequences"`
		} `json:"causes"`
	} `json:"data"`
}

func (o chaosOutcome) noun() string {
	return strings.TrimPrefix(o.Type, "io.qlikgateway.v1.")
}

// judge holds what was promised against the tenant's log and the outcomes.
func (c *chaos) judge(what string) {
	outcomes, journal := c.records()
	lost, doubledEvents := c.judgeEvents(outcomes, journal)
	doubled, untold := c.judgeReloads(outcomes)
	repeated := c.judgeIDs(outcomes)
	c.judgeQuota()
	c.t.Logf("%s, events sent %d, answered 202 %d, lost %d, in two runs %d, reloads %d, started twice %d, not told %d, outcomes %d, stored twice %d, longest start to first 202 %s",
		what, c.sent, len(c.accepted), lost, doubledEvents, len(c.tenant.State().Reloads), doubled, untold, len(outcomes), repeated, c.longest.Round(time.Millisecond))
}

// judgeEvents: every event answered 202 is a cause of exactly one run of its rule
// that ended (I1, I5).
func (c *chaos) judgeEvents(outcomes []chaosOutcome, journal map[uint64]string) (lost, doubled int) {
	ends := map[string]map[string]bool{}
	for _, outcome := range outcomes {
		if noun := outcome.noun(); !strings.HasPrefix(noun, "run.") || noun == "run.held" {
			continue
		}
		causes := outcome.Data.Causes
		if causes.Count != len(causes.Sequences) {
			c.t.Fatalf("run %s has %d causes and names %d: the test sends too fast", outcome.Data.Run, causes.Count, len(causes.Sequences))
		}
		for _, sequence := range causes.Sequences {
			event := journal[sequence]
			if ends[event] == nil {
				ends[event] = map[string]bool{}
			}
			ends[event][outcome.Data.Run] = true
		}
	}
	for event, rule := range c.accepted {
		switch runs := ends[event]; {
		case len(runs) == 0:
			lost++
			c.t.Errorf("I1: %s (%s) was answered 202 and has no end", event, rule)
		case len(runs) > 1:
			doubled++
			c.t.Errorf("I1: %s (%s) is a cause of %d runs", event, rule, len(runs))
		}
	}
	return lost, doubled
}

// judgeReloads: a step started at most one reload, every reload was told, and no
// two reloads of one app ran at once (I2, I3).
func (c *chaos) judgeReloads(outcomes []chaosOutcome) (doubled, untold int) {
	owner, starts := map[string]string{}, map[string]map[string]bool{}
	claimed := map[string]bool{} // told of two steps: see below
	for _, outcome := range outcomes {
		if id := outcome.Data.ReloadID; id != "" {
			step := outcome.Data.Run + "/" + outcome.Data.Step
			if before := owner[id]; before != "" && before != step {
				claimed[id] = true
			}
			owner[id] = step
			if starts[step] == nil {
				starts[step] = map[string]bool{}
			}
			starts[step][id] = true
		}
	}
	reloads := map[string]sim.ReloadState{}
	for _, reload := range c.tenant.State().Reloads {
		reloads[reload.ID] = reload
	}
	forgotten := func(id string) bool {
		return reloads[id].CreationTime.After(c.gap.from) && reloads[id].CreationTime.Before(c.gap.to)
	}
	for _, ids := range starts {
		// A reload whose owner was forgotten with a backup may be taken for that of
		// another run of its app: its owner's is still to be made. And events that the
		// backup held unread may join a run since, and give its step another app.
		for id := range ids {
			otherwise := false
			for other := range ids {
				otherwise = otherwise || reloads[other].AppID != reloads[id].AppID
			}
			if forgotten(id) && (claimed[id] || otherwise) {
				delete(ids, id)
			}
		}
	}
	for step, ids := range starts {
		if len(ids) > 1 {
			doubled++
			c.t.Errorf("I2: step %s started %d reloads", step, len(ids))
			for id := range ids {
				c.t.Logf("reload %s of app %s at %s, told of two steps: %t", id, reloads[id].AppID, reloads[id].CreationTime, claimed[id])
			}
		}
	}
	var last = map[string]sim.ReloadState{}
	for _, reload := range c.tenant.State().Reloads {
		if owner[reload.ID] == "" && !(reload.CreationTime.After(c.gap.from) && reload.CreationTime.Before(c.gap.to)) {
			untold++
			c.t.Errorf("I2: reload %s of app %s was started and nobody was told", reload.ID, reload.AppID)
		}
		if before, ok := last[reload.AppID]; ok && reload.CreationTime.Before(before.EndTime) {
			c.t.Errorf("I3: reload %s of app %s was started before %s had ended", reload.ID, reload.AppID, before.ID)
		}
		last[reload.AppID] = reload
	}
	return doubled, untold
}

// judgeIDs: the stream holds every outcome under one id, once (I5).
func (c *chaos) judgeIDs(outcomes []chaosOutcome) (repeated int) {
	ids := map[string]bool{}
	for _, outcome := range outcomes {
		if ids[outcome.ID] {
			repeated++
			c.t.Errorf("I5: outcome %s is stored twice", outcome.ID)
		}
		ids[outcome.ID] = true
	}
	return repeated
}

// judgeQuota: the tenant never had to refuse a call for its rate (I4), but where a
// fault said so.
func (c *chaos) judgeQuota() {
	var starts []time.Time
	for _, call := range c.tenant.Calls() {
		if call.OperationID == "reloadApp" || call.OperationID == "cancelReload" {
			starts = append(starts, call.Time)
		}
	}
	for i := chaosQuota; i < len(starts); i++ {
		if starts[i].Sub(starts[i-chaosQuota]) < time.Minute {
			c.t.Errorf("I4: more than %d reload calls within a minute", chaosQuota)
			return
		}
	}
}
