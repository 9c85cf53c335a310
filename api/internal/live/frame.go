package httpapi

import (
	"encoding/json"
	"slices"
)

// maxFrame is how many bytes an event has at most, with its id and its name. What does not fit is left out and read by
// who needs it: a room is sent what one of it wrote, again and again.
const maxFrame = 16 << 10

// fitting is the data of an event, which can do with less.
type fitting interface {
	// fit gives as much of it as so many bytes of JSON hold, and has it say that there is more.
	fit(room int) fitting
}

func encodeEvent(event string, id eventID, v fitting) ([]byte, error) {
	frame := []byte("id: " + id.String() + "\nevent: " + event + "\ndata: ")
	const end = "\n\n"
	room := maxFrame - len(frame) - len(end)
	data, err := json.Marshal(v) // which has no line ends
	if err == nil && len(data) > room {
		data, err = json.Marshal(v.fit(room))
	}
	if err != nil {
		return nil, err
	}
	return slices.Concat(frame, data, []byte(end)), nil
}

// fit leaves out all options where there is no room for all: half a ballot would pass for a whole one.
func (w wireShown) fit(int) fitting {
	if w.Poll != nil {
		p := *w.Poll
		p.Options = []wireOption{}
		w.Poll, w.More = &p, true
	}
	return w
}

// fit keeps the first options and words.
func (w wireResults[O]) fit(room int) fitting {
	all := w
	w.Options, w.Words, w.More = all.Options[:0], all.Words[:0], true
	room -= jsonSize(w)
	w.Options, room = holding(all.Options, room)
	w.Words, _ = holding(all.Words, room)
	return w
}

// holding gives the first of a list for which there is room, and what room is left then.
func holding[E any](list []E, room int) ([]E, int) {
	for i, e := range list {
		size := jsonSize(e) + len(",")
		if size > room {
			return list[:i], 0
		}
		room -= size
	}
	return list, room
}

// jsonSize is how many bytes something takes that can be written.
func jsonSize(v any) int {
	b, _ := json.Marshal(v)
	return len(b)
}
