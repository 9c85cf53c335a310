package polls

import "time"

const (
	// latelySteps and latelyStep are how finely a minute is told apart.
	latelySteps = 6
	latelyStep  = 10 * time.Second
	// latelyMost bounds the addresses that are told apart in a step. Where there are more, none of
	// them has much.
	latelyMost = 10_000
)

// lately counts what each address got in the last minute. The zero value is ready. It is not safe
// for use by many goroutines.
type lately struct {
	steps  [latelySteps]map[int64]int // by address
	newest int64                      // number of the step that is counted now
}

// forward drops the steps that are over.
func (l *lately) forward(now time.Time) {
	step := now.UnixNano() / int64(latelyStep)
	for gone := min(step-l.newest, latelySteps); gone > 0; gone-- {
		l.steps[(step-gone+1)%latelySteps] = nil
	}
	l.newest = max(l.newest, step)
}

// add counts one for an address.
func (l *lately) add(now time.Time, address int64) {
	l.forward(now)
	step := &l.steps[l.newest%latelySteps]
	if *step == nil {
		*step = map[int64]int{}
	}
	if _, known := (*step)[address]; known || len(*step) < latelyMost {
		(*step)[address]++
	}
}

// most gives the address that got the most, and how much; 0: none got anything.
func (l *lately) most(now time.Time) (n int, address int64) {
	l.forward(now)
	all := map[int64]int{}
	for _, step := range l.steps {
		for a, got := range step {
			all[a] += got
			if all[a] > n || all[a] == n && a < address {
				n, address = all[a], a
			}
		}
	}
	return n, address
}
