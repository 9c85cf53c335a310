// Package live sends people what changes, on event streams (server-sent events). It knows no
// feature: a feature says what a topic reads, what its events are called, and what is in them.
package live

import "time"

// Pace is the least time between two reads of one thing, and between two events about it. So they
// come ten times a second while it changes all the time. Nothing else says how often that is.
const Pace = 100 * time.Millisecond

const (
	// paceWrites bounds what a topic's body costs a replica: about so many socket writes a second.
	// With more than 300 viewers it so comes less often than each Pace, but still once every
	// paceMost, whatever other topics do. A head is not held back by that, nor is the stage.
	paceWrites = 3_000
	paceMost   = time.Second
	// paceViewerBytes and paceBytes bound it in bytes as well, for each of the crowd and for all of
	// it, however long it then takes.
	paceViewerBytes = 24 << 10
	paceBytes       = 16 << 20
	// paceMoment is how fine the moments of a crowd are told apart. Some dozens of viewers share
	// one: then neither this process nor a proxy has to wake up for each event by itself.
	paceMoment = 10 * time.Millisecond
	// paceAll and paceAllBytes bound what the bodies of all topics cost it: when they want more,
	// each comes less often by as much.
	paceAll      = 2 * paceWrites
	paceAllBytes = 2 * paceBytes
)

// never is when there is nothing to do.
var never = time.Unix(1<<40, 0)

// lasting is how long bytes last at so many a second.
func lasting(bytes, aSecond int64) time.Duration {
	return time.Duration(float64(bytes) / float64(aSecond) * float64(time.Second))
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
