package polls

import (
	"encoding/json"

	"github.com/plenary-live/plenary/api/internal/live"
)

// Fit leaves out all options where there is no room for all: half a ballot would pass for a whole
// one.
func (w wireShown) Fit(int) live.Fitting {
	if w.Poll != nil {
		p := *w.Poll
		p.Options = []wireOption{}
		w.Poll, w.More = &p, true
	}
	return w
}

// Fit keeps the first options and words.
func (w wireResults[O]) Fit(room int) live.Fitting {
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
