package ingress

import "time"

// A delivery is what is known about one message while it is judged, and in the
// end its log line: one, wide, at the edge.
type delivery struct {
	via     string // http or nats
	source  string // configured name, or noSource
	from    string // address or subject
	began   time.Time
	bytes   int
	batch   bool
	wait    time.Duration // for the end of its run
	answers []Answer
	greeted any // answer to a greeting; nil = it was none
	result  Result
	refusal *refusal
}

// end sets how the delivery ended.
func (d *delivery) end(answers []Answer, err error) {
	if err != nil {
		d.refusal = refusalOf(err)
		d.result = d.refusal.result
		return
	}
	d.answers, d.result = answers, sum(answers)
}

// answer returns what the sender reads.
func (d *delivery) answer(instance string) any {
	switch {
	case d.refusal != nil:
		return d.refusal.problem(instance)
	case d.greeted != nil:
		return d.greeted
	case d.batch || len(d.answers) != 1:
		return Batch{Events: d.answers}
	}
	return d.answers[0]
}

// mediaType is the type of the answer.
func (d *delivery) mediaType() string {
	if d.refusal != nil {
		return "application/problem+json"
	}
	return "application/json"
}

// record counts and logs a delivery. Neither secrets nor bodies are in it.
func (in *Ingress) record(d *delivery) {
	took := time.Since(d.began)
	in.metrics.done(d.source, d.result, took)
	line := in.config.Log.Info()
	switch {
	case d.result == Broken || d.result == Full || d.result == Unavailable:
		line = in.config.Log.Error()
	case d.refusal != nil:
		more, log := in.bursts.next(d.source, d.result, d.began)
		if !log {
			return
		}
		line = in.config.Log.Warn()
		if more > 0 {
			line = line.Int("more", more)
		}
	}
	line = line.Str("source", d.source).Str("result", string(d.result)).Int("status", d.result.Status()).
		Str("via", d.via).Str("from", d.from).Int("bytes", d.bytes).Dur("took", took)
	if d.refusal != nil {
		line = line.Err(d.refusal)
	}
	if d.batch {
		line = line.Int("events", len(d.answers))
	} else if len(d.answers) == 1 {
		line = line.Str("event_id", d.answers[0].ID).Strs("matches", d.answers[0].Matches)
	}
	line.Msg("delivery")
}
