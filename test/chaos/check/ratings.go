package check

import (
	"cmp"
	"encoding/binary"
	"net/http"
	"slices"
	"time"
)

// RatingHistory is all that people who rate talks saw, and what was found at the end.
type RatingHistory struct {
	Sent  []Rating
	Views []RatingView // of each replica in their order
	End   Programme
	Later Programme // when nothing should have happened for long; without talks: nobody looked
}

// Rating is one request that rates a talk.
type Rating struct {
	Sent, Done   time.Duration
	Person, Talk int32
	Key          int32 // the same for a retry, which has no effect of its own; 0: none
	Value        int8
	Comment      int32  // the number that it is; 0: there is none
	Status       uint16 // of the answer; 0: none came
	Wrong        bool   // a talk takes no such value
	RetryAfter   bool   // the answer says when to try again
}

// RatingView is one reading of a talk's ratings.
type RatingView struct {
	Sent, Done    time.Duration
	Replica, Talk int32
	Revision      int64
	Count         int64
	Body          uint64 // hash of the ratings as they came
}

// Programme is what the store holds of talks, all of it at one moment.
type Programme struct {
	Rows  []RatingRow
	Talks []TalkEnd
}

// RatingRow is a rating that stands.
type RatingRow struct {
	Talk    int32 // -1: none of ours
	Person  int32 // -1: nobody of ours
	Value   int8
	Comment int32 // 0: there is none; -1: none of ours
}

// TalkEnd is a talk with its tally.
type TalkEnd struct {
	Talk     int32
	Counts   []int64 // of 1 to 5
	Revision int64
	Told     []TalkTold // by each replica, while the store held this
}

// TalkTold is what a replica says of a talk.
type TalkTold struct {
	Replica int32
	Counts  []int64
	Count   int64
}

// Outcome reads the status by the product's contract.
func (r *Rating) Outcome() Outcome { return (&Cast{Status: r.Status}).Outcome() }

// Ratings looks for every broken promise about talks.
func Ratings(h *RatingHistory) *Report {
	r := &Report{of: "talk", Sent: len(h.Sent), Counted: len(h.End.Rows)}
	for i := range h.Sent {
		r.tell(h.Sent[i].Outcome())
		r.ratingAnswer(&h.Sent[i])
	}
	rated := r.rated(h)
	for _, g := range rated {
		all := g.ratings()
		if g.row != nil && len(all) == 0 {
			r.unexplainedRating(g)
			continue
		}
		r.standing(g, all)
		r.linearizable(g, all)
	}
	r.ratingViews(h)
	r.programme("at the end", &h.End)
	if len(h.Later.Talks) > 0 {
		r.programme("long after the end", &h.Later)
		r.ratingsLater(h, rated)
	}
	return r
}

// ratingAnswer judges what somebody was told by itself.
func (r *Report) ratingAnswer(s *Rating) {
	why := ""
	switch s.Status {
	case 0:
	case http.StatusNoContent, http.StatusAccepted:
		if s.Wrong {
			why = "acknowledges a value that no talk takes"
		}
	case http.StatusBadRequest:
		if !s.Wrong {
			why = "refuses a rating that is in order"
		}
	case http.StatusServiceUnavailable:
		if !s.RetryAfter {
			why = "does not say when to try again"
		}
	default:
		why = "is none that a rating may get"
	}
	if why != "" {
		r.add(Odd, s.Talk, s.Person, "the answer %d at %s to what was sent at %s %s", s.Status,
			s.Done, s.Sent, why)
	}
}

// content tells ratings apart by what a row has of them.
func content(value int8, comment int32) (id ID) {
	id[0] = byte(value)
	binary.BigEndian.PutUint32(id[12:], uint32(comment))
	return id
}

// rated groups a history: a register for each person and talk, whose casts are ratings. The
// requests of one key are one rating, whose effect comes before the first acknowledgement.
func (r *Report) rated(h *RatingHistory) []*register {
	type attempt struct {
		key
		number int32
	}
	sent := slices.Clone(h.Sent)
	slices.SortStableFunc(sent, func(a, b Rating) int { return cmp.Compare(a.Sent, b.Sent) })
	votes, keyed := &History{}, map[attempt]int{}
	for i := range sent {
		s := &sent[i]
		c := Cast{
			Sent: s.Sent, Done: s.Done, Poll: s.Talk, Voter: s.Person, Status: s.Status,
			Answer: 1 << max(s.Value-1, 0), ID: content(s.Value, s.Comment),
		}
		if s.Key != 0 {
			name := attempt{key{s.Talk, s.Person}, s.Key}
			if first, again := keyed[name]; again {
				votes.Casts[first].again(&c)
				continue
			}
			keyed[name] = len(votes.Casts)
		}
		votes.Casts = append(votes.Casts, c)
	}
	for _, row := range h.End.Rows {
		votes.Rows = append(votes.Rows, Row{
			Poll: row.Talk, Voter: row.Person, ID: content(row.Value, row.Comment),
		})
	}
	return r.registers(votes)
}

// again takes a retry into account.
func (c *Cast) again(retry *Cast) {
	switch {
	case c.Outcome() == Acknowledged:
	case retry.Outcome() == Acknowledged:
		c.Status, c.Done = retry.Status, retry.Done
	default:
		c.Done = max(c.Done, retry.Done)
		if retry.Outcome() == Unknown {
			c.Status = retry.Status
		}
	}
}

// ratings gives those that the row may be.
func (g *register) ratings() (all []*Cast) {
	if g.row == nil {
		return nil
	}
	for _, c := range g.casts {
		if c.ID == g.row.ID && c.Outcome() != Refused {
			all = append(all, c)
		}
	}
	return all
}

// unexplainedRating says what is wrong with a row that is no rating that counts or may count.
func (r *Report) unexplainedRating(g *register) {
	kind := Ghost
	if slices.ContainsFunc(g.casts, func(c *Cast) bool { return c.ID == g.row.ID }) {
		kind = Revived
	}
	r.add(kind, g.poll, g.voter, "%v", g)
}

// programme judges what the store holds at a moment, and what replicas said of it.
func (r *Report) programme(when string, p *Programme) {
	counts := map[int32][]int64{}
	for _, t := range p.Talks {
		counts[t.Talk] = make([]int64, len(t.Counts))
	}
	for _, row := range p.Rows {
		all, ok := counts[row.Talk]
		if !ok || row.Value < 1 || int(row.Value) > len(all) {
			r.add(Ghost, row.Talk, row.Person, "%s: %+v is a rating of nothing", when, row)
			continue
		}
		all[row.Value-1]++
	}
	for _, t := range p.Talks {
		if !slices.Equal(t.Counts, counts[t.Talk]) {
			r.add(Tally, t.Talk, -1, "%s the store's tally is %v, a recount gives %v", when,
				t.Counts, counts[t.Talk])
		}
		for _, told := range t.Told {
			if !slices.Equal(told.Counts, t.Counts) || told.Count != sum(t.Counts) {
				r.add(Tally, t.Talk, -1, "%s replica %d says %d of %v, the store %v", when,
					told.Replica, told.Count, told.Counts, t.Counts)
			}
		}
	}
}

func sum(counts []int64) (n int64) {
	for _, c := range counts {
		n += c
	}
	return n
}

// ratingsLater: a row changes after the end only by a rating whose outcome nobody knew.
func (r *Report) ratingsLater(h *RatingHistory, rated []*register) {
	all := map[key]*register{}
	for _, g := range rated {
		all[g.key] = g
	}
	seen := map[key]bool{}
	for _, row := range h.Later.Rows {
		k := key{row.Talk, row.Person}
		if seen[k] {
			r.add(Double, k.poll, k.voter, "has a second row long after the end")
		}
		seen[k] = true
		id, g := content(row.Value, row.Comment), all[k]
		if g == nil {
			r.add(Changed, k.poll, k.voter, "long after the end there is %+v", row)
			continue
		}
		late := func(c *Cast) bool { return c.ID == id && c.Outcome() == Unknown }
		if (g.row == nil || g.row.ID != id) && !slices.ContainsFunc(g.casts, late) {
			r.add(Changed, k.poll, k.voter, "long after the end the row is %+v: %v", row, g)
		}
	}
	for _, g := range rated {
		if g.row != nil && !seen[g.key] {
			r.add(Changed, g.poll, g.voter, "long after the end there is no row any more: %v", g)
		}
	}
}
