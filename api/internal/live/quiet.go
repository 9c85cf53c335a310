package live

import "time"

const (
	// quietLeast is when a topic is due after it heard of anything. Each look that finds nothing
	// doubles that, up to quietMost.
	quietLeast = time.Second
	quietMost  = 15 * time.Second
)

// quiet is when a topic is looked at next.
type quiet struct {
	at    time.Time
	every time.Duration
}

// heard says that there is life in a topic. It puts nothing off: a topic that hears of votes all
// the time may miss something else.
func (q *quiet) heard(now time.Time) {
	q.every = quietLeast
	if at := now.Add(q.every); q.at.IsZero() || at.Before(q.at) {
		q.at = at
	}
}

// looked says that a look found something, or that something is about to come; or nothing.
func (q *quiet) looked(now time.Time, live bool) {
	if q.every = min(2*q.every, quietMost); live {
		q.every = quietLeast
	}
	q.at = now.Add(q.every)
}
