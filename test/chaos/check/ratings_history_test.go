package check

import (
	"math/rand/v2"
	"slices"
	"time"
)

const (
	talks  = 3
	raters = 60
)

// programme makes histories of ratings that keep every promise.
type programme struct {
	*RatingHistory
	rng      *rand.Rand
	now      time.Duration
	number   int32 // the last key and comment
	stand    map[key]RatingRow
	revision [talks]int64
}

// goodRatings makes a history of people who rate, change their mind and try again.
func goodRatings(seed uint64) *RatingHistory {
	p := &programme{
		RatingHistory: &RatingHistory{}, rng: rand.New(rand.NewPCG(seed, 2)),
		stand: map[key]RatingRow{},
	}
	for range 400 {
		p.rate()
		if p.rng.IntN(5) == 0 {
			p.look(int32(p.rng.IntN(2)), int32(p.rng.IntN(talks)))
		}
	}
	p.End = p.store()
	p.Later = p.store()
	return p.RatingHistory
}

func (p *programme) pass(ms int) { p.now += time.Duration(1+p.rng.IntN(ms)) * time.Millisecond }

// rate sends a rating. One with a key is sent until it is acknowledged, and perhaps once more after
// another one.
func (p *programme) rate() {
	p.number++
	s := Rating{
		Talk: int32(p.rng.IntN(talks)), Person: int32(p.rng.IntN(raters)),
		Value: int8(1 + p.rng.IntN(5)),
	}
	if p.rng.IntN(2) == 0 {
		s.Comment = p.number
	}
	switch p.rng.IntN(20) {
	case 0:
		s.Value, s.Wrong = 6, true
		p.send(s, 400)
		return
	case 1, 2, 3, 4, 5, 6, 7, 8:
		s.Key = p.number
	}
	switch p.rng.IntN(8) {
	case 0: // it comes, or it does not
		if p.rng.IntN(2) == 0 {
			p.count(s)
		}
		p.send(s, []uint16{0, 503}[p.rng.IntN(2)])
		if s.Key == 0 {
			return
		}
		p.count(s) // which it does now, at the latest
		p.send(s, 204)
	default:
		p.count(s)
		p.send(s, []uint16{204, 204, 202}[p.rng.IntN(3)])
	}
	if s.Key != 0 && p.rng.IntN(2) == 0 {
		other := s
		other.Key, other.Comment, other.Value = 0, 0, 1+s.Value%5
		p.count(other)
		p.send(other, 204)
		p.send(s, 204) // again, without an effect
	}
}

// count has a rating stand.
func (p *programme) count(s Rating) {
	row := RatingRow{Talk: s.Talk, Person: s.Person, Value: s.Value, Comment: s.Comment}
	if k := (key{s.Talk, s.Person}); p.stand[k] != row {
		p.stand[k] = row
		p.revision[s.Talk]++
	}
}

// send has a request take its time, and be answered.
func (p *programme) send(s Rating, status uint16) {
	s.Sent = p.now
	p.pass(50)
	s.Done, s.Status, s.RetryAfter = p.now, status, status == 503
	p.Sent = append(p.Sent, s)
	p.pass(5)
}

func (p *programme) look(replica, talk int32) {
	v := RatingView{Sent: p.now, Replica: replica, Talk: talk, Revision: p.revision[talk]}
	for k := range p.stand {
		if k.poll == talk {
			v.Count++
		}
	}
	p.pass(5)
	v.Done, v.Body = p.now, uint64(v.Revision)*7+uint64(talk)
	p.Views = append(p.Views, v)
}

// store gives what the store holds.
func (p *programme) store() (all Programme) {
	for _, row := range p.stand {
		all.Rows = append(all.Rows, row)
	}
	slices.SortFunc(all.Rows, func(a, b RatingRow) int {
		return key{a.Talk, a.Person}.compare(key{b.Talk, b.Person})
	})
	for talk := range int32(talks) {
		all.Talks = append(all.Talks, TalkEnd{Talk: talk, Revision: p.revision[talk]})
	}
	all.remake()
	return all
}

// remake makes tallies, and what replicas say of them, fit the rows.
func (p *Programme) remake() {
	for i := range p.Talks {
		t := &p.Talks[i]
		t.Counts, t.Told = make([]int64, 5), nil
		for _, row := range p.Rows {
			if row.Talk == t.Talk {
				t.Counts[row.Value-1]++
			}
		}
		for replica := range int32(2) {
			t.Told = append(t.Told,
				TalkTold{Replica: replica, Counts: slices.Clone(t.Counts), Count: sum(t.Counts)})
		}
	}
}
