package chaos

import (
	"math/rand/v2"
	"slices"
)

// open gives the rooms that are open now.
func (c *Crowd) open() []*room {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clip(c.rooms)
}

// welcome opens one more room while the others go on. Its voters are its own and as many as another
// room's. They go in at each replica in turn.
func (c *Crowd) welcome(r *room, seed uint64) {
	c.service.opened(c.now())
	c.mu.Lock()
	c.rooms = append(c.rooms, r)
	c.mu.Unlock()
	n := c.pace.tellers / c.pace.rooms
	tellers := make([]*teller, n)
	for i := range tellers {
		tellers[i] = &teller{
			crowd: c, door: c.replicas[i%len(c.replicas)], every: c.pace.every(),
			rng: rand.New(rand.NewPCG(seed, uint64(i+1))),
		}
	}
	for i := range c.pace.voters / c.pace.rooms {
		tellers[i%n].voters = append(tellers[i%n].voters, newVoter(c.people, r))
		c.people++
	}
	c.tellers = append(c.tellers, tellers...)
	rng := rand.New(rand.NewPCG(seed, 0))
	c.all.Go(func() { r.present(c.looking, rng) })
	for _, t := range tellers {
		c.voted.Go(func() { t.vote(c.voting) })
	}
}
