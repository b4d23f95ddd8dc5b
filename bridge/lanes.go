package bridge

// A lane lets one run at a time touch an app.
type lane struct {
	holder  *task
	waiting queue
}

// lanesOf returns the apps that a run is known to touch.
func (t *task) lanesOf() []string {
	if t.apps == nil {
		t.apps = t.run.Plan.Apps()
	}
	return t.apps
}

// takeLanes takes the lanes of all apps the run is known to touch, or none: then
// the run waits in the lane that was busy.
func (s *Scheduler) takeLanes(t *task) bool {
	if t.run.Lanes != nil {
		return true
	}
	apps := t.lanesOf()
	for _, app := range apps {
		if l := s.lanes[app]; l != nil && l.holder != nil {
			l.waiting.enter(t)
			s.offer(apps)
			return false
		}
	}
	s.holdLanes(t, apps)
	return true
}

func (s *Scheduler) holdLanes(t *task, apps []string) {
	t.run.Lanes = apps
	for _, app := range apps {
		if s.lanes[app] == nil {
			s.lanes[app] = &lane{}
		}
		s.lanes[app].holder = t
	}
}

// freeLanes gives a run's lanes to those who wait for them.
func (s *Scheduler) freeLanes(t *task) {
	apps := t.run.Lanes
	t.run.Lanes = nil
	for _, app := range apps {
		if l := s.lanes[app]; l != nil && l.holder == t {
			l.holder = nil
		}
	}
	s.offer(apps)
}

// withdraw takes a run out of the queue it waits in. Where it had been offered a
// free lane, the next in that lane may try instead.
func (s *Scheduler) withdraw(t *task) {
	if t.queue == nil {
		return
	}
	t.leave()
	if t.run.Lanes == nil {
		s.offer(t.lanesOf())
	}
}

// offer lets the first run that waits for each free lane try again.
func (s *Scheduler) offer(apps []string) {
	for _, app := range apps {
		l := s.lanes[app]
		switch {
		case l == nil || l.holder != nil:
		case len(l.waiting) == 0:
			delete(s.lanes, app)
		default:
			s.offered++
			s.enqueue(l.waiting[0])
		}
	}
}
