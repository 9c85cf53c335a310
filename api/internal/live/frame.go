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

// frame is an event that is encoded when it is wanted first. A topic has one for each part. A frame
// that cannot be encoded leaves in its place what its part has shown before.
type frame struct {
	seq          uint64
	made         time.Time
	part         any
	data, veiled func() []byte // empty: it cannot be encoded. veiled nil: data is for all
	shown        *shown
}

// newFrame makes a part's next frame. s is what the part has shown; nil: the part is new.
func newFrame(e Event, seq uint64, made time.Time, s *shown, logger *slog.Logger) frame {
	if s == nil {
		s = &shown{}
	}
	encoded := func(toAll, toOthers bool) func() []byte {
		return sync.OnceValue(func() []byte {
			data, err := e.Encode(toAll)
			if err != nil {
				logger.Error("an event cannot be encoded", "event", e.Name, "error", err)
				return nil
			}
			s.show(encoding{seq, data}, toAll, toOthers)
			return data
		})
	}
	f := frame{seq: seq, made: made, part: e.Part, shown: s, data: encoded(true, e.Veiled == nil)}
	if e.Veiled != nil {
		f.veiled = encoded(false, true)
	}
	return f
}

// to gives what a viewer is sent.
func (f frame) to(seesAll bool) []byte { return f.after(0, seesAll) }

// after gives what a viewer is sent who has seen all up to a seq; empty: there is nothing new.
func (f frame) after(seen uint64, seesAll bool) []byte {
	encoded := f.data
	if f.veiled != nil && !seesAll {
		encoded = f.veiled
	}
	if data := encoded(); len(data) > 0 || f.shown == nil {
		return data
	}
	if before := f.shown.last(seesAll); before.seq > seen {
		return before.data
	}
	return nil
}

// encoding is a frame that was encoded.
type encoding struct {
	seq  uint64
	data []byte
}

// shown is a part's newest encodings: for viewers who see all, and for others. These are kept
// apart, so others never get what is hidden from them.
type shown struct {
	mu          sync.Mutex
	all, others encoding
}

// show notes what is shown from now on, unless that is older.
func (s *shown) show(e encoding, toAll, toOthers bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if toAll && e.seq > s.all.seq {
		s.all = e
	}
	if toOthers && e.seq > s.others.seq {
		s.others = e
	}
}

func (s *shown) last(seesAll bool) encoding {
	s.mu.Lock()
	defer s.mu.Unlock()
	if seesAll {
		return s.all
	}
	return s.others
}
