package talks

import (
	"math"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/api/internal/live"
	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/talk"
)

// written is a talk as its owner writes it. Times are texts of RFC 3339; null: none.
type written struct {
	Title    string   `json:"title"`
	Speaker  string   `json:"speaker"`
	StartsAt *string  `json:"starts_at"`
	EndsAt   *string  `json:"ends_at"`
	Settings settings `json:"settings"`
}

type settings struct {
	OpensAt    *string       `json:"opens_at"`
	ClosesAt   *string       `json:"closes_at"`
	MinRatings int           `json:"min_ratings"`
	Comments   talk.Comments `json:"comments"`
	Voters     access.Voters `json:"voters"`
}

func toWritten(t *talk.Talk) written {
	return written{
		Title: t.Title, Speaker: t.Speaker, StartsAt: timeText(t.StartsAt),
		EndsAt: timeText(t.EndsAt),
		Settings: settings{
			OpensAt: timeText(t.OpensAt), ClosesAt: timeText(t.ClosesAt), MinRatings: t.MinRatings,
			Comments: t.Comments, Voters: t.Voters,
		},
	}
}

// empty is what a new talk begins with.
func empty() written { return toWritten(&talk.Talk{Settings: usual}) }

// usual are the settings of a talk whose owner says nothing else.
var usual = talk.Settings{Comments: talk.Shown, Voters: access.Anyone}

// into puts what was written into a talk, and takes note of what is wrong. An empty text of a
// setting is said, and is none.
func (w *written) into(t *talk.Talk, wrongs *fault.Wrongs) {
	t.Title, t.Speaker = w.Title, w.Speaker
	for _, at := range []struct {
		field string
		text  *string
		into  *time.Time
	}{
		{"starts_at", w.StartsAt, &t.StartsAt}, {"ends_at", w.EndsAt, &t.EndsAt},
		{"settings.opens_at", w.Settings.OpensAt, &t.OpensAt},
		{"settings.closes_at", w.Settings.ClosesAt, &t.ClosesAt},
	} {
		*at.into = web.ParseTime(at.field, at.text, wrongs)
	}
	if w.Settings.Comments == "" {
		wrongs.Add("settings.comments", talk.OneOfComments)
	}
	if w.Settings.Voters == "" {
		wrongs.Add("settings.voters", access.OneOf)
	}
	t.MinRatings, t.Comments, t.Voters = w.Settings.MinRatings, w.Settings.Comments,
		w.Settings.Voters
}

func timeText(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	return new(t.Format(time.RFC3339Nano))
}

// wireTalk is a talk as everybody reads it.
type wireTalk struct {
	ID   uuid.UUID `json:"talk_id"`
	Code string    `json:"code"`
	written
	Role string `json:"role"`
}

func toWire(t *talk.Talk, owner bool) wireTalk {
	role := access.Anybody
	if owner {
		role = access.Owner
	}
	return wireTalk{t.ID, t.Code, toWritten(t), role.String()}
}

// wireRatings is a talk's ratings. Of hidden ones there are no numbers.
type wireRatings struct {
	ID        uuid.UUID        `json:"talk_id"`
	Hidden    bool             `json:"hidden"`
	Histogram map[string]int64 `json:"histogram"`
	Count     *int64           `json:"count"`
	Average   *float64         `json:"average"`
	Median    *float64         `json:"median"`
	Identity  access.Identity  `json:"identity"`
	Revision  int64            `json:"revision"`
}

// Fit implements live.Fitting: the numbers are few.
func (w wireRatings) Fit(int) live.Fitting { return w }

// toRatings gives what of a talk's ratings its owner sees, or others.
func toRatings(t *talk.Talk, owner bool) wireRatings {
	w := wireRatings{ID: t.ID, Hidden: t.Hidden(), Identity: t.Identity(), Revision: t.Revision}
	if w.Hidden && !owner {
		return w
	}
	w.Histogram = make(map[string]int64, len(t.Tally))
	for i, n := range t.Tally {
		w.Histogram[string(rune('0'+talk.Least+i))] = n
	}
	w.Count = new(t.Count())
	if mean, ok := t.Average(); ok {
		w.Average = &mean
	}
	if median, ok := t.Median(); ok {
		w.Median = &median
	}
	return w
}

// shown is what is told of a talk on its stream.
type shown struct {
	ID   uuid.UUID `json:"talk_id"`
	Code string    `json:"code"`
	written
}

// Fit implements live.Fitting: a talk's texts are short.
func (s shown) Fit(int) live.Fitting { return s }

// wireComment is a comment as the owner reads it.
type wireComment struct {
	ID     uuid.UUID `json:"comment_id"`
	Text   string    `json:"text"`
	Value  int       `json:"value"`
	Hidden bool      `json:"hidden"`
	At     time.Time `json:"at"`
}

func toComment(c talk.Comment) wireComment {
	seconds, nanos := c.ID.Time().UnixTime()
	at := time.Unix(seconds, nanos).UTC().Truncate(time.Millisecond)
	return wireComment{c.ID, c.Text, c.Value, c.Hidden, at}
}

// newRating is what somebody sends who rates a talk.
type newRating struct {
	TalkID  *string  `json:"talk_id"`
	Value   *float64 `json:"value"`
	Comment string   `json:"comment"`
	Client  *string  `json:"client_id"`
	Pass    *string  `json:"pass"`
}

// value gives a rating's value: a JSON number without a fraction.
func (n *newRating) value(wrongs *fault.Wrongs) int {
	switch v := n.Value; {
	case v == nil:
		wrongs.Add("value", "is missing")
	case *v < talk.Least || *v > talk.Most || *v != math.Trunc(*v):
		wrongs.Add("value", "must be %d to %d, and whole", talk.Least, talk.Most)
	default:
		return int(*v)
	}
	return 0
}
