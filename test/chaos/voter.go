package chaos

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/test/chaos/check"
)

// manner is how a voter's program behaves. It depends on the voter's number only.
type manner struct {
	seq      bool   // orders its answers itself
	prefer   string // as in RFC 7240
	patience time.Duration
}

func mannerOf(voter int32) manner {
	m := manner{seq: voter%10 < 3, patience: 7 * time.Second}
	switch voter / 10 % 10 {
	case 0:
		m.prefer = "respond-async"
	case 1:
		m.prefer = "wait=3"
	case 2:
		m.patience = 1500 * time.Millisecond // hangs up before the server gives up
	}
	return m
}

// voter is one person, or one device of one.
type voter struct {
	number int32
	manner
	seqs *atomic.Int32 // the last number given; used if the manner says so
	pass string        // empty: none yet, or none is needed
	room *room
}

func newVoter(number int, r *room) voter {
	v := voter{number: int32(number), room: r, seqs: new(atomic.Int32)}
	v.manner = mannerOf(v.number)
	return v
}

// newHot makes the two devices of a voter who changes its mind all the time, on both at once. By
// turns such voters have no seq, one that their devices share, and one on each device, which may
// give a number twice.
func (c *Crowd) newHot(number int, seed uint64) (devices []*teller) {
	v := newVoter(number, c.rooms[number%len(c.rooms)])
	v.manner = manner{patience: 7 * time.Second, seq: number%3 > 0}
	if number%2 == 0 {
		v.prefer = "respond-async"
	}
	for device := range uint64(2) {
		if number%3 == 2 {
			v.seqs = new(atomic.Int32)
		}
		devices = append(devices, &teller{
			crowd: c, door: c.door, every: 100 * time.Millisecond, voters: []voter{v},
			rng: rand.New(rand.NewPCG(seed, uint64(number)<<8|device)),
		})
	}
	return devices
}

// teller votes for a share of the voters, one after the other.
type teller struct {
	crowd  *Crowd
	door   *client // where its voters go in
	rng    *rand.Rand
	every  time.Duration // a logical vote, on average
	voters []voter
	casts  []check.Cast
	rated  []check.Rating
}

// vote has people vote until stop is closed. A logical vote that has begun is ended.
func (t *teller) vote(stop <-chan struct{}) {
	next := time.Now().Add(time.Duration(t.rng.Int64N(int64(t.every))))
	for {
		select {
		case <-stop:
			return
		case <-time.After(time.Until(next)):
		}
		// What an outage held up is not made up for: a room does not vote twice as fast after it.
		if next = next.Add(between(t.rng, t.every)); time.Since(next) > time.Second {
			next = time.Now()
		}
		voter := &t.voters[t.rng.IntN(len(t.voters))]
		t.one(voter)
		if t.rng.IntN(4) == 0 { // changes its mind at once
			t.one(voter)
		}
		t.ratings(voter)
	}
}

// one is one answer of one voter, repeated until it is known what became of it, or the slide has
// moved on.
func (t *teller) one(v *voter) {
	r := v.room
	if !t.join(r, v) {
		return
	}
	at := r.shown.Load()
	// A page that missed the change. While the slide is empty nothing else is sent. So no vote for
	// another poll has a replica look again, and what it believes is trusted for as long as it may
	// be.
	if at < 0 && t.rng.IntN(3) == 0 || t.rng.IntN(20) == 0 {
		at = r.before.Load()
	}
	if at < 0 {
		return
	}
	c := check.Cast{Voter: v.number, Poll: r.poll(int(at)),
		Answer: 1 << t.rng.IntN(len(kinds[at].answers))}
	if kinds[at].several {
		c.Answer = check.Answer(1 + t.rng.IntN(1<<len(kinds[at].answers)-1))
	}
	switch t.rng.IntN(200) {
	case 0:
		c.Answer, c.Wrong = unknownOption, true
	case 1, 2, 3, 4, 5, 6, 7, 8, 9, 10:
		c.Answer = check.TakenBack
	}
	if v.seq {
		c.Seq = v.seqs.Add(1)
	}
	req := request{method: "POST", path: r.path("/polls/current/votes"),
		body: t.ballot(r, v, at, &c), prefer: v.prefer}
	for try := range 8 {
		c.Sent = t.crowd.now()
		a := t.door.send(req, v.patience)
		c.Done, c.Status, c.RetryAfter, c.Edge = t.crowd.now(), uint16(a.status),
			a.retryAfter, a.edge()
		c.ID = check.ID{} // one that cannot be read is none, and that is a violation
		if id, err := uuid.Parse(a.voteID); err == nil {
			c.ID = check.ID(id)
		}
		t.casts = append(t.casts, c)
		t.crowd.note(r, &c)
		if c.Status == http.StatusNoContent {
			t.door.counted.Add(1)
		}
		if c.Status == http.StatusUnauthorized || c.Status == http.StatusForbidden {
			t.crowd.gate.oddly("a vote of voter %d in room %d: %v", c.Voter, r.number, a)
		}
		if c.Outcome() != check.Unknown || r.shown.Load() != at && try > 1 {
			return
		}
		time.Sleep(time.Duration(50+t.rng.IntN(100<<min(try, 3))) * time.Millisecond)
	}
}

// unknownOption is an answer that no poll has.
const unknownOption check.Answer = 1 << 15

func (t *teller) ballot(r *room, v *voter, at int32, c *check.Cast) []byte {
	var chosen []string
	k := &kinds[at]
	for i, key := range k.answers {
		if c.Answer&(1<<i) != 0 {
			chosen = append(chosen, key)
		}
	}
	if c.Answer == unknownOption {
		chosen = []string{"Z"}
	}
	choice := `"keys":["` + strings.Join(chosen, `","`) + `"]`
	switch {
	case c.Answer == check.TakenBack:
		choice = []string{`"keys":[]`, `"texts":[]`}[v.number%2]
	case k.own() && !c.Wrong: // a key is wrong there, whichever
		choice = `"texts":["` + strings.Join(chosen, `","`) + `"]`
	case !k.several:
		choice = `"key":"` + chosen[0] + `"`
	}
	seq := ""
	if c.Seq > 0 {
		seq = fmt.Sprintf(`,"seq":%d`, c.Seq)
	}
	who := fmt.Sprintf(`"client_id":"%s"`, t.crowd.voterID(c.Voter))
	if r.passes {
		who = `"pass":"` + v.pass + `"`
	}
	return fmt.Appendf(nil, `{"poll_id":"%s",%s,%s%s}`, r.polls[at], choice, who, seq)
}

// voterID gives the id of a voter, whose number is in its last bytes.
func (c *Crowd) voterID(voter int32) uuid.UUID {
	id := c.prefix
	binary.BigEndian.PutUint32(id[12:], uint32(voter))
	return id
}

// voterOf gives the number of a voter's id in a room, -1 for a stranger's.
func (c *Crowd) voterOf(r *room, id uuid.UUID) int32 {
	if r.passes {
		if voter, ok := c.passed[id]; ok {
			return voter
		}
		return -1
	}
	voter := binary.BigEndian.Uint32(id[12:])
	if int(voter) >= c.people || c.voterID(int32(voter)) != id {
		return -1
	}
	return int32(voter)
}

// answer reads keys or texts as they are stored or told; 0: not an answer of ours.
func (k *kind) answer(chosen []string) (a check.Answer) {
	for _, one := range chosen {
		i := slices.Index(k.answers, one)
		if i < 0 {
			return 0
		}
		a |= 1 << i
	}
	return a
}

// counts brings how often each word was said into the order of the answers; false: one is not ours.
func (k *kind) counts(words map[string]int64) ([]int64, bool) {
	counts := make([]int64, len(k.answers))
	for word, n := range words {
		i := slices.Index(k.answers, word)
		if i < 0 {
			return nil, false
		}
		counts[i] = n
	}
	return counts, true
}
