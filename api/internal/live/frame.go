package live

import (
	"encoding/json"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// MaxEvent is how many bytes an event has at most, with its id and its name. Data that does not
// fit is left out, and read elsewhere where it is needed: a room is sent one person's text again
// and again.
const MaxEvent = 16 << 10

// Fitting is the data of an event, which can do with less. It is written as JSON, and must not
// change.
type Fitting interface {
	// Fit gives as much of it as so many bytes of JSON hold, and has it say that there is more.
	Fit(room int) Fitting
}

// Event is what a topic tells of one of its parts.
type Event struct {
	Part     any // comparable; nil: the topic's head. An event replaces its part's last one
	Name, ID string
	Data     Fitting
	Veiled   Fitting // for viewers from whom something is hidden; nil: they get Data, too
}

// Encode gives the event as it is sent: to a viewer who sees all, or to others.
func (e Event) Encode(seesAll bool) ([]byte, error) {
	v := e.Data
	if e.Veiled != nil && !seesAll {
		v = e.Veiled
	}
	frame := []byte("id: " + e.ID + "\nevent: " + e.Name + "\ndata: ")
	const end = "\n\n"
	room := MaxEvent - len(frame) - len(end)
	data, err := json.Marshal(v) // which has no line ends
	if err == nil && len(data) > room {
		data, err = json.Marshal(v.Fit(room))
	}
	if err != nil {
		return nil, err
	}
	return slices.Concat(frame, data, []byte(end)), nil
}

// frame is an event that is encoded when it is wanted first. A topic has one for each part.
type frame struct {
	seq          uint64
	made         time.Time
	part         any
	data, veiled func() []byte // veiled nil: data is for all
}

func newFrame(e Event, seq uint64, made time.Time, logger *slog.Logger) frame {
	encoded := func(seesAll bool) func() []byte {
		return sync.OnceValue(func() []byte {
			data, err := e.Encode(seesAll)
			if err != nil {
				logger.Error("an event cannot be encoded", "event", e.Name, "error", err)
			}
			return data
		})
	}
	f := frame{seq: seq, made: made, part: e.Part, data: encoded(true)}
	if e.Veiled != nil {
		f.veiled = encoded(false)
	}
	return f
}

// to gives what a viewer is sent.
func (f frame) to(seesAll bool) []byte {
	if f.veiled != nil && !seesAll {
		return f.veiled()
	}
	return f.data()
}
