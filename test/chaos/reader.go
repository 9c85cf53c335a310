package chaos

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/test/chaos/check"
)

// reader looks at the results and the ratings of one replica, poll after poll.
type reader struct {
	crowd  *Crowd
	api    *client
	number int32
	rng    *rand.Rand
	views  []check.View
	odd    []string

	ratingViews []check.RatingView
}

type results struct {
	PollID   string `json:"poll_id"`
	Status   string `json:"status"`
	Version  int64  `json:"version"`
	Revision int64  `json:"revision"`
	Total    int64  `json:"total"`
	Identity string `json:"identity"`
	Options  []struct {
		Key   string `json:"key"`
		Count int64  `json:"count"`
	} `json:"options"`
	Words []struct {
		Text  string `json:"text"`
		Count int64  `json:"count"`
	} `json:"words"`
	Mean *float64 `json:"mean"`
}

// counts gives how often each answer of a kind was given; false: there are others, or the mean is
// not theirs.
func (s *results) counts(k *kind) (counts []int64, ok bool) {
	if k.own() {
		words := map[string]int64{}
		for _, w := range s.Words {
			words[w.Text] = w.Count
		}
		return k.counts(words)
	}
	var keys []string
	var sum, votes int64
	for i, o := range s.Options {
		keys, counts = append(keys, o.Key), append(counts, o.Count)
		sum, votes = sum+int64(i+1)*o.Count, votes+o.Count
	}
	ok = slices.Equal(keys, k.answers)
	if k.name == "rating" && votes > 0 {
		ok = ok && s.Mean != nil && math.Abs(*s.Mean-float64(sum)/float64(votes)) < 1e-9
	}
	return counts, ok
}

var hashSeed = maphash.MakeSeed()

// hash is never 0, which says that there is nothing.
func hash(b []byte) uint64 { return maphash.Bytes(hashSeed, b) | 1 }

// read looks until stop is closed.
func (r *reader) read(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(time.Duration(r.rng.IntN(60)) * time.Millisecond):
		}
		rooms := r.crowd.open()
		r.look(rooms[r.rng.IntN(len(rooms))], r.rng.IntN(roomPolls), r.rng.IntN(5) == 0)
		if r.rng.IntN(2) == 0 {
			r.ratings(r.crowd.talks[r.rng.IntN(len(r.crowd.talks))])
		}
	}
}

// look reads a poll's results, and its votes list if wanted. The list is taken down only if it was
// read between two equal final results: otherwise the poll may have been displayed again meanwhile.
func (r *reader) look(room *room, i int, withList bool) (seen results, list []byte, ok bool) {
	v, seen, ok := r.results(room, i)
	if !ok {
		return seen, nil, false
	}
	r.views = append(r.views, v)
	if !v.Final || !withList {
		return seen, nil, true
	}
	list, ok = r.api.get(room.path("/polls/"+room.polls[i]+"/votes"), room.token, nil)
	again, _, okAgain := r.results(room, i)
	if okAgain {
		if again.Final && again.Version == v.Version && ok {
			again.List = hash(list)
		}
		r.views = append(r.views, again)
	}
	return seen, list, ok && okAgain
}

func (r *reader) results(room *room, i int) (v check.View, seen results, ok bool) {
	v = check.View{Sent: r.crowd.now(), Replica: r.number, Poll: room.poll(i)}
	a := r.api.send(request{method: "GET", path: room.path("/polls/" + room.polls[i] + "/results"),
		token: room.token}, 10*time.Second)
	switch a.status {
	case 200:
	case 503:
		if !a.retryAfter {
			r.odd = append(r.odd, fmt.Sprintf("results of %s without Retry-After: %v",
				room.polls[i], a))
		}
		return v, seen, false
	case 0:
		return v, seen, false
	default:
		r.odd = append(r.odd, fmt.Sprintf("results of %s: %v", room.polls[i], a))
		return v, seen, false
	}
	if err := json.Unmarshal(a.body, &seen); err != nil || seen.PollID != room.polls[i] {
		r.odd = append(r.odd, fmt.Sprintf("results of %s: %v", room.polls[i], a))
		return v, seen, false
	}
	v.Done, v.Version, v.Revision, v.Final = r.crowd.now(), seen.Version, seen.Revision,
		seen.Status == "final"
	if _, ok := seen.counts(&kinds[i]); !ok { // and is compared all the same
		r.odd = append(r.odd, fmt.Sprintf("results of %s: %v", room.polls[i], a))
	}
	if seen.Status != "pending" && seen.Identity != room.identity() {
		r.odd = append(r.odd, fmt.Sprintf("results of %s: %v", room.polls[i], a))
	}
	v.Body = hash(a.body)
	v.Counted = hash(bytes.Replace(a.body, fmt.Appendf(nil, `"revision":%d`, v.Revision), nil, 1))
	return v, seen, true
}

// told reads what the replica says about a poll at the end.
func (r *reader) told(room *room, i int) (check.Told, error) {
	seen, list, ok := r.look(room, i, true)
	t := check.Told{Replica: r.number, Total: seen.Total}
	if !ok {
		return t, fmt.Errorf("replica %d does not tell about poll %d of room %d at the end",
			r.number, i, room.number)
	}
	t.Counts, _ = seen.counts(&kinds[i]) // what is wrong with it was said already
	if list == nil {                     // it was never displayed
		return t, nil
	}
	var lines []struct {
		ClientID uuid.UUID `json:"client_id"`
		VoterID  uuid.UUID `json:"voter_id"` // in its place, of those with a pass
		Key      string    `json:"key"`
		Keys     []string  `json:"keys"`
		Texts    []string  `json:"texts"`
	}
	if err := json.Unmarshal(list, &lines); err != nil {
		return t, err
	}
	for _, l := range lines {
		chosen := slices.Concat(l.Keys, l.Texts)
		if l.Key != "" {
			chosen = append(chosen, l.Key)
		}
		id := l.ClientID
		if room.passes {
			id = l.VoterID
		}
		t.List = append(t.List, check.Row{Poll: room.poll(i), Voter: r.crowd.voterOf(room, id),
			Answer: kinds[i].answer(chosen)})
	}
	return t, nil
}
