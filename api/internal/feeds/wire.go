package feeds

import (
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/api/internal/live"
	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/feed"
)

// newPoll is a poll as its author sends it. What is null is not said.
type newPoll struct {
	Title    string        `json:"title"`
	Options  []string      `json:"options"`
	Tags     []string      `json:"tags"`
	ClosesAt *string       `json:"closes_at"`
	Results  *feed.Results `json:"results"`
}

// poll makes a poll of an author, and takes note of what is wrong.
func (n *newPoll) poll(author uuid.UUID, wrongs *fault.Wrongs) feed.Poll {
	p := feed.Poll{Author: author, Title: n.Title, Options: n.Options, Tags: n.Tags}
	p.ClosesAt = web.ParseTime("closes_at", n.ClosesAt, wrongs)
	if n.Results != nil {
		if p.Results = *n.Results; p.Results == "" {
			wrongs.Add("results", feed.OneOfResults)
		}
	}
	return p
}

// wirePoll is a poll as somebody sees it.
type wirePoll struct {
	ID        uuid.UUID    `json:"poll_id"`
	Title     string       `json:"title"`
	Options   []string     `json:"options"`
	Tags      []string     `json:"tags"`
	CreatedAt time.Time    `json:"created_at"`
	ClosesAt  *time.Time   `json:"closes_at"`
	Closed    bool         `json:"closed"`
	Results   feed.Results `json:"results"`
	Mine      bool         `json:"mine"`
	Answer    *wireAnswer  `json:"answer"`
	Stats     *wireStats   `json:"stats"` // null: hidden
}

// wireAnswer is what an account has answered.
type wireAnswer struct {
	Option *int      `json:"option_index"` // null: it skipped the poll
	At     time.Time `json:"at"`
}

// wireStats are a poll's numbers.
type wireStats struct {
	ID       uuid.UUID   `json:"poll_id"`
	Votes    []wireCount `json:"votes"`
	Total    int64       `json:"total"`
	Skips    int64       `json:"skips"`
	Revision int64       `json:"revision"`
	More     bool        `json:"more,omitempty"` // the options' texts, which had no room
}

type wireCount struct {
	Option string `json:"option"`
	Count  int64  `json:"count"`
}

// Fit implements live.Fitting: it leaves out the texts, whose order is the poll's.
func (w wireStats) Fit(int) live.Fitting {
	votes := make([]wireCount, len(w.Votes))
	for i := range votes {
		votes[i].Count = w.Votes[i].Count
	}
	w.Votes, w.More = votes, true
	return w
}

func toStats(p *feed.Poll) wireStats {
	votes := make([]wireCount, len(p.Options))
	for i, option := range p.Options {
		votes[i] = wireCount{option, p.Votes[i]}
	}
	return wireStats{
		ID: p.ID, Votes: votes, Total: p.Total(), Skips: p.Skips, Revision: p.Revision,
	}
}

// shows says whether an account sees a poll's numbers that has given an answer; nil: none.
func shows(p *feed.Poll, account uuid.UUID, a *feed.Answer, now time.Time) bool {
	return p.Shows(account, a != nil && a.Option != feed.SkipOption, now)
}

// toPoll gives what of a poll an account sees that has given an answer; nil: none.
func toPoll(p *feed.Poll, account uuid.UUID, a *feed.Answer, now time.Time) wirePoll {
	w := wirePoll{
		ID: p.ID, Title: p.Title, Options: p.Options, Tags: p.Tags, CreatedAt: p.Created(),
		Closed: p.Over(now), Results: p.Results,
		Mine: account != uuid.Nil && p.Author == account,
	}
	if !p.ClosesAt.IsZero() {
		w.ClosesAt = &p.ClosesAt
	}
	if a != nil {
		w.Answer = &wireAnswer{At: a.Time()}
		if a.Option != feed.SkipOption {
			w.Answer.Option = &a.Option
		}
	}
	if shows(p, account, a, now) {
		w.Stats = new(toStats(p))
	}
	return w
}

// toPolls gives polls as an account sees them.
func toPolls(
	polls []feed.Poll, account uuid.UUID, answers map[uuid.UUID]feed.Answer, now time.Time,
) []wirePoll {
	all := make([]wirePoll, len(polls))
	for i := range polls {
		var answer *feed.Answer
		if a, ok := answers[polls[i].ID]; ok {
			answer = &a
		}
		all[i] = toPoll(&polls[i], account, answer, now)
	}
	return all
}

// wireQuota is how many votes an account has left. Without a limit there are no numbers.
type wireQuota struct {
	Limit     *int      `json:"limit"`
	Remaining *int      `json:"remaining"`
	ResetsAt  time.Time `json:"resets_at"`
}

func toQuota(q feed.Quota) wireQuota {
	w := wireQuota{ResetsAt: q.ResetsAt}
	if q.Limit > 0 {
		w.Limit, w.Remaining = &q.Limit, &q.Remaining
	}
	return w
}

// wireHidden is told on a stream in place of numbers that its client does not see.
type wireHidden struct {
	ID     uuid.UUID `json:"poll_id"`
	Hidden bool      `json:"hidden"`
}

// Fit implements live.Fitting: there is nothing to leave out.
func (w wireHidden) Fit(int) live.Fitting { return w }

// wireEnd tells on a stream that a poll takes no answers any more.
type wireEnd struct {
	ID      uuid.UUID `json:"poll_id"`
	Closed  bool      `json:"closed"`
	Deleted bool      `json:"deleted"`
}

// Fit implements live.Fitting: there is nothing to leave out.
func (w wireEnd) Fit(int) live.Fitting { return w }
