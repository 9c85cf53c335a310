// Package outbox is facts on their way to whoever wants them. A feature's store writes a fact in
// the transaction that makes it, and with it a delivery for each integration that wants it. Workers
// claim deliveries and hand them to sinks, until each is delivered or given up. It does no I/O.
package outbox

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/fault"
)

// Fact is something that happened and that others may want to know.
type Fact struct {
	ID      uuid.UUID
	Type    string    // such as plenary.form.response.created
	Thing   uuid.UUID // what integrations hang on, such as a form
	Source  string    // the thing's path
	Subject string    // what of the thing it is about; facts about one subject have an order
	At      int64     // in milliseconds since 1970
	Data    json.RawMessage
}

// Event gives a fact as a CloudEvents 1.0 message in JSON.
func (f *Fact) Event() ([]byte, error) {
	return json.Marshal(struct {
		Version string          `json:"specversion"`
		ID      uuid.UUID       `json:"id"`
		Source  string          `json:"source"`
		Type    string          `json:"type"`
		Subject string          `json:"subject,omitempty"`
		Time    string          `json:"time"`
		Content string          `json:"datacontenttype"`
		Data    json.RawMessage `json:"data"`
	}{
		"1.0", f.ID, f.Source, f.Type, f.Subject,
		time.UnixMilli(f.At).UTC().Format("2006-01-02T15:04:05.000Z07:00"), "application/json",
		f.Data,
	})
}

// Integration is where facts about one thing are sent.
type Integration struct {
	ID      uuid.UUID
	Thing   uuid.UUID       // Nil: every thing
	Sink    string          // such as webhook
	Types   []string        // of the facts that it wants; none: all
	Config  json.RawMessage // the sink's own, secrets included
	Ordered bool            // facts about one subject are delivered one after the other
	Off     string          // why nothing is delivered; empty: it is on
	MadeAt  int64           // in milliseconds since 1970
}

// State is how far a delivery is.
type State int

// The states.
const (
	Pending   State = 0
	Delivered State = 1
	Failed    State = 2 // given up
)

// Delivery is one fact on its way to one integration.
type Delivery struct {
	ID          uuid.UUID
	Integration uuid.UUID
	Place       int64 // in the order in which facts were written
	Fact
	State State
	Tries int    // that have begun
	DueAt int64  // when it may be tried next, in milliseconds since 1970
	Error string // of the last try; empty: there was none
}

// Job is deliveries to one integration that a worker has claimed.
type Job struct {
	Integration Integration
	Deliveries  []Delivery // in the order of their places
}

// Result is what became of a claimed delivery.
type Result struct {
	ID    uuid.UUID
	Tries int // as it was claimed: a later claim has another one, and this result no effect
	State State
	DueAt int64 // of a delivery that is Pending
	Error string
}

// pauses are those before the next tries: three quick ones, then growing ones, for about a day.
var pauses = []time.Duration{
	time.Second, 5 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 8 * time.Hour,
}

// MaxTries is how many tries a delivery has.
const MaxTries = 12

// Errors by which a sink says more than that a try failed.
var (
	// ErrRefused says that no other try of this delivery can succeed.
	ErrRefused = errors.New("refused for good")
	// ErrGone says that the integration is to be switched off.
	ErrGone = errors.New("gone")
)

// maxError is how many bytes of an error are kept.
const maxError = 500

// result says what becomes of a delivery after a try, which gave err. A sink that says when another
// try may help is heard.
func (d *Delivery) result(err error, now time.Time) Result {
	r := Result{ID: d.ID, Tries: d.Tries, State: Delivered}
	if err == nil {
		return r
	}
	r.Error = err.Error()
	if len(r.Error) > maxError {
		r.Error = r.Error[:maxError]
	}
	if errors.Is(err, ErrRefused) || errors.Is(err, ErrGone) || d.Tries >= MaxTries {
		r.State = Failed
		return r
	}
	pause := pauses[max(0, min(d.Tries, len(pauses))-1)]
	if e, ok := errors.AsType[*fault.Error](err); ok {
		pause = max(pause, min(e.Wait, pauses[len(pauses)-1]))
	}
	r.State, r.DueAt = Pending, now.Add(pause).UnixMilli()
	return r
}

// Jobs is for stores. It gives each integration its deliveries, which are in the order of their
// places. One without any is left out.
func Jobs(integrations []Integration, deliveries []Delivery) (jobs []Job) {
	for _, i := range integrations {
		job := Job{Integration: i}
		for _, d := range deliveries {
			if d.Integration == i.ID {
				job.Deliveries = append(job.Deliveries, d)
			}
		}
		if len(job.Deliveries) > 0 {
			jobs = append(jobs, job)
		}
	}
	return jobs
}
