package chaos

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/test/chaos/check"
)

// pace says how many vote, and how fast.
type pace struct {
	rooms, voters, tellers int
	rate                   float64 // logical votes a second
	// voters who change their minds all the time, on two devices at once
	hot   int
	slide time.Duration // about how long a poll is displayed
	slips int           // of ten moves: there and back within a lease

	accounts, polls int           // of the feed
	act             time.Duration // about how long a device waits between two acts
}

// Crowd is everybody who uses a stack: voters, who rate talks as well, presenters, accounts in the
// feed, and those who look at results.
type Crowd struct {
	pace     pace
	door     *client   // where everybody goes in
	replicas []*client // each API by itself
	rooms    []*room   // while readers read, ask with open
	talks    []talk    // as many as there are rooms at first
	people   int       // voters have the numbers below
	tellers  []*teller
	readers  []*reader
	prefix   uuid.UUID
	gate     gate
	feed     feed
	// the voters with a pass, once they are known, by the ids that the product derives
	passed map[uuid.UUID]int32
	began  time.Time

	sent    atomic.Int64
	unknown atomic.Int64 // of these, without an answer that says whether the vote counts
	moved   atomic.Int64 // transitions
	edited  atomic.Int64 // polls
	ratings atomic.Int32 // the number of the last one, and of its comment and key
	service service      // of votes, by room
	rating  service      // of ratings, by talk
	acting  service      // of what is done in the feed, by account
	// what those wrote down who rated at each replica, when nobody else did any more
	lastRated []check.Rating

	voting  chan struct{} // closed: nobody votes any more
	voted   sync.WaitGroup
	looking chan struct{} // closed: nobody presents or reads any more
	all     sync.WaitGroup
	mu      sync.Mutex // of rooms
}

// newCrowd makes the rooms, and people who do nothing yet.
func newCrowd(url string, replicas []string, p pace, seed uint64) (*Crowd, error) {
	c := &Crowd{pace: p, door: newClient(url), began: time.Now(), voting: make(chan struct{}),
		looking: make(chan struct{})}
	c.people = p.voters + p.hot
	rng := rand.New(rand.NewPCG(seed, 0))
	binary.BigEndian.PutUint64(c.prefix[:], rng.Uint64())
	c.prefix[6], c.prefix[8] = c.prefix[6]&0x0f|0x40, 0x80 // the form of a random UUID
	for _, url := range replicas {
		c.replicas = append(c.replicas, newClient(url))
	}
	for i := range p.rooms {
		r, err := newRoom(c, c.door, int32(i), (uint64(i)+seed)%2 == 0)
		if err != nil {
			return nil, err
		}
		c.rooms = append(c.rooms, r)
		t, err := newTalk(c.door, int32(i))
		if err != nil {
			return nil, err
		}
		c.talks = append(c.talks, t)
	}
	c.service.last, c.rating.last = make([]success, p.rooms), make([]success, p.rooms)
	if err := c.newFeed(seed); err != nil {
		return nil, err
	}
	for i := range p.tellers {
		t := &teller{crowd: c, door: c.door, every: p.every()}
		t.rng = rand.New(rand.NewPCG(seed, uint64(i+1)))
		for voter := i; voter < p.voters; voter += p.tellers {
			t.voters = append(t.voters, newVoter(voter, c.rooms[voter%p.rooms]))
		}
		c.tellers = append(c.tellers, t)
	}
	for i := range p.hot {
		c.tellers = append(c.tellers, c.newHot(p.voters+i, seed)...)
	}
	for i, api := range c.replicas {
		c.readers = append(c.readers,
			&reader{crowd: c, api: api, number: int32(i),
				rng: rand.New(rand.NewPCG(seed, uint64(i)<<32))})
	}
	return c, nil
}

// every is how long a teller takes for a logical vote, on average.
func (p pace) every() time.Duration {
	return time.Duration(float64(time.Second) * float64(p.tellers) / p.rate)
}

// now is the one clock of the history.
func (c *Crowd) now() time.Duration { return time.Since(c.began) }

// begin has everybody do what they do.
func (c *Crowd) begin(seed uint64) {
	for _, s := range c.services() {
		s.begin(c.now())
	}
	for _, t := range c.talks { // which is never over
		c.rating.slide(t.number, false, c.now())
	}
	for _, m := range c.feed.members { // who always may act
		c.acting.slide(m.number, false, c.now())
	}
	for _, d := range c.feed.devices {
		c.voted.Go(func() { d.use(c.voting) })
	}
	for i, r := range c.rooms {
		c.all.Go(func() { r.present(c.looking, rand.New(rand.NewPCG(seed, uint64(i)<<40))) })
	}
	for _, t := range c.tellers {
		c.voted.Go(func() { t.vote(c.voting) })
	}
	for _, r := range c.readers {
		c.all.Go(func() { r.read(c.looking) })
	}
}

// end has voters finish, then presenters clear their slides, and returns when nobody does anything
// any more.
func (c *Crowd) end() {
	close(c.voting)
	c.voted.Wait()
	for _, s := range c.services() {
		s.end(c.now())
	}
	close(c.looking)
	c.all.Wait()
}

// services are of votes, of ratings and of the feed.
func (c *Crowd) services() []*service { return []*service{&c.service, &c.rating, &c.acting} }

// history puts together what everybody wrote down.
func (c *Crowd) history() *check.History {
	h := &check.History{}
	for _, t := range c.tellers {
		h.Casts = append(h.Casts, t.casts...)
	}
	for _, r := range c.rooms {
		h.Moves = append(h.Moves, r.moves...)
	}
	for _, r := range c.readers {
		h.Views = append(h.Views, r.views...)
	}
	return h
}

// ratingHistory puts together what everybody wrote down of ratings.
func (c *Crowd) ratingHistory() *check.RatingHistory {
	h := &check.RatingHistory{Sent: c.lastRated}
	for _, t := range c.tellers {
		h.Sent = append(h.Sent, t.rated...)
	}
	for _, r := range c.readers {
		h.Views = append(h.Views, r.ratingViews...)
	}
	return h
}

// odd lists the answers that no client should ever have got.
func (c *Crowd) odd() (all []string) {
	for _, r := range c.rooms {
		all = append(all, r.odd...)
	}
	for _, r := range c.readers {
		all = append(all, r.odd...)
	}
	for _, d := range c.feed.devices {
		all = append(all, d.odd...)
	}
	all = append(all, c.gate.odd...)
	slices.Sort(all)
	return all
}

func (c *Crowd) close() {
	c.door.close()
	for _, r := range c.replicas {
		r.close()
	}
}
