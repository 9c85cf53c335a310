package outbox

import "time"

// At has a dispatcher tell the time by a clock.
func (d *Dispatcher) At(now func() time.Time) *Dispatcher {
	d.now = now
	return d
}

// Idle waits until no job is under way.
func (d *Dispatcher) Idle() { d.running.Wait() }

// ResultOf is what becomes of a delivery.
func ResultOf(d *Delivery, err error, now time.Time) Result { return d.result(err, now) }
