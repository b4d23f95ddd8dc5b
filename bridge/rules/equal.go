package rules

import (
	"maps"
	"reflect"
	"slices"
)

// Equal says whether two plans ask for the same in every respect, so that one may
// stand for both.
func (p *Plan) Equal(o *Plan) bool {
	return p.Tenant == o.Tenant && p.Rule == o.Rule && p.Key == o.Key && p.Gather == o.Gather && p.Priority == o.Priority &&
		p.Deadline == o.Deadline && p.Retry.equal(o.Retry) && p.Join.equal(o.Join) && slices.EqualFunc(p.Steps, o.Steps, Step.equal)
}

func (r Retry) equal(o Retry) bool {
	return r.Attempts == o.Attempts && r.Base == o.Base && r.Cap == o.Cap && r.Wait == o.Wait && slices.Equal(r.On, o.On)
}

func (j *Join) equal(o *Join) bool {
	if j == nil || o == nil {
		return j == o
	}
	return j.Need == o.Need && j.Within == o.Within && j.Go == o.Go && slices.Equal(j.Parts, o.Parts) && slices.Equal(j.Is, o.Is)
}

func (s Step) equal(o Step) bool {
	return s.Name == o.Name && s.Action == o.Action && s.Turn == o.Turn && slices.Equal(s.Needs, o.Needs) &&
		maps.Equal(s.Late, o.Late) && s.Args.equal(o.Args)
}

func (a Args) equal(o Args) bool {
	return a.App == o.App && a.Space == o.Space && a.Target == o.Target && a.Name == o.Name && a.Description == o.Description &&
		a.Partial == o.Partial && a.Weight == o.Weight && a.That == o.That && a.Type == o.Type && a.Subject == o.Subject &&
		maps.Equal(a.Variables, o.Variables) && len(a.Data) == len(o.Data) && (len(a.Data) == 0 || reflect.DeepEqual(a.Data, o.Data))
}
