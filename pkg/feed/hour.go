package feed

import (
	"cmp"
	"slices"
	"time"

	"github.com/google/uuid"
)

// MaxHours is how many hours a poll's author is told of: those of 30 days.
const MaxHours = 720

// Hour says how many votes of a poll stand that were given in an hour.
type Hour struct {
	At    int64 // when it begins, in milliseconds since 1970
	Votes int64
}

// Time gives when an hour begins.
func (h Hour) Time() time.Time { return time.UnixMilli(h.At).UTC() }

const hourMillis = int64(time.Hour / time.Millisecond)

// hourOf gives when the hour of a time begins.
func hourOf(millis int64) int64 { return millis - millis%hourMillis }

// PollHour is an hour of a poll.
type PollHour struct {
	PollID uuid.UUID
	Hour
}

// hours are by how much votes of hours move.
type hours map[PollHour]int64 // without Votes

func (h hours) add(poll uuid.UUID, at, n int64) {
	h[PollHour{PollID: poll, Hour: Hour{At: hourOf(at)}}] += n
}

// moved gives those that move, in order.
func (h hours) moved() (all []PollHour) {
	for hour, n := range h {
		if hour.Votes = n; n != 0 {
			all = append(all, hour)
		}
	}
	slices.SortFunc(all, func(a, b PollHour) int {
		return cmp.Or(slices.Compare(a.PollID[:], b.PollID[:]), cmp.Compare(a.At, b.At))
	})
	return all
}

// Numbers is what is counted of the answers to a poll.
type Numbers struct {
	Tally
	Hours []Hour // that have votes, in order
}

// Equal says whether both say the same.
func (n Numbers) Equal(other Numbers) bool {
	return n.Tally.Equal(other.Tally) && slices.Equal(n.Hours, other.Hours)
}
