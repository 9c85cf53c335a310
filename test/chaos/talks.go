package chaos

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/test/chaos/check"
)

// talk is one that people rate, as long as they vote.
type talk struct {
	number int32
	id     string
}

const (
	talksPath   = "/api/v1/talks"
	ratingsPath = "/api/v1/ratings"
)

// newTalk makes a talk at a door, where nothing is wrong.
func newTalk(door *client, number int32) (talk, error) {
	a := door.send(request{method: "POST", path: talksPath, body: []byte(`{"title":"Chaos"}`)},
		10*time.Second)
	var created struct {
		TalkID string `json:"talk_id"`
	}
	if err := json.Unmarshal(a.body, &created); err != nil || a.status != http.StatusCreated {
		return talk{}, fmt.Errorf("create a talk: %v", a)
	}
	return talk{number, created.TalkID}, nil
}

// toRate is what a person sends who rates a talk, with what is to be written down of it.
type toRate struct {
	check.Rating
	request
}

// ratings has a voter rate now and then, beside voting: mostly one talk, and sometimes another.
func (t *teller) ratings(v *voter) {
	if t.rng.IntN(4) > 0 {
		return
	}
	at := int(v.number) % len(t.crowd.talks)
	if t.rng.IntN(4) == 0 {
		at = t.rng.IntN(len(t.crowd.talks))
	}
	r := t.newRating(v, t.crowd.talks[at])
	told := t.rate(&r, v.patience)
	if t.rng.IntN(3) == 0 { // changes its mind at once
		other := t.newRating(v, t.crowd.talks[at])
		t.rate(&other, v.patience)
	}
	// A page that is loaded again sends what was acknowledged once more. It must have no effect
	// again.
	if told == check.Acknowledged && r.Key != 0 && t.rng.IntN(5) == 0 {
		t.rate(&r, v.patience)
	}
}

// newRating makes a rating of a voter. Half of them have a comment, which no other one has, and
// half of them a key.
func (t *teller) newRating(v *voter, of talk) (r toRate) {
	number := t.crowd.ratings.Add(1)
	r.Rating = check.Rating{Person: v.number, Talk: of.number, Value: int8(1 + t.rng.IntN(5))}
	r.request = request{method: http.MethodPost, path: ratingsPath, prefer: v.prefer}
	comment := ""
	if t.rng.IntN(2) == 0 {
		r.Comment = number
		comment = fmt.Sprintf(`,"comment":"%d"`, number)
	}
	if t.rng.IntN(2) == 0 {
		r.Key, r.key = number, t.crowd.keyOf(number).String()
	}
	if t.rng.IntN(100) == 0 {
		r.Value, r.Wrong = int8(6*t.rng.IntN(2)), true
	}
	r.body = fmt.Appendf(nil, `{"talk_id":"%s","value":%d,"client_id":"%s"%s}`, of.id, r.Value,
		t.crowd.voterID(v.number), comment)
	return r
}

// keyOf gives the key of a rating, whose number is in its last bytes.
func (c *Crowd) keyOf(number int32) uuid.UUID {
	id := c.prefix
	id[0] ^= 0xff // no voter's
	binary.BigEndian.PutUint32(id[12:], uint32(number))
	return id
}

// rate sends a rating, and writes down what came of it. One with a key is sent again until it is
// known what did.
func (t *teller) rate(r *toRate, patience time.Duration) (last check.Outcome) {
	for try := range 8 {
		last = t.crowd.send(t.door, r, patience, &t.rated)
		if last != check.Unknown || r.Key == 0 {
			return last
		}
		time.Sleep(time.Duration(50+t.rng.IntN(100<<min(try, 3))) * time.Millisecond)
	}
	return last
}

// send sends a rating once, and writes it down.
func (c *Crowd) send(
	door *client, r *toRate, patience time.Duration, down *[]check.Rating,
) check.Outcome {
	r.Sent = c.now()
	a := door.send(r.request, patience)
	r.Done, r.Status, r.RetryAfter = c.now(), uint16(a.status), a.retryAfter
	*down = append(*down, r.Rating)
	if r.Outcome() == check.Acknowledged {
		c.rating.success(r.Talk, r.Sent, r.Done, a.status == http.StatusNoContent)
	}
	return r.Outcome()
}

// raterOf gives the number of a person who rated, -1 for a stranger. Behind the voters come those
// who rate last, one for each replica.
func (c *Crowd) raterOf(id uuid.UUID) int32 {
	person := binary.BigEndian.Uint32(id[12:])
	if int(person) >= c.people+len(c.replicas) || c.voterID(int32(person)) != id {
		return -1
	}
	return int32(person)
}

// commentOf gives the number of a comment: 0 for none, -1 for one of nobody's.
func commentOf(text string) int32 {
	if text == "" {
		return 0
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 1 {
		return -1
	}
	return int32(n)
}
