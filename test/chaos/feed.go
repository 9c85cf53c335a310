package chaos

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/test/chaos/check"
)

const (
	feedPath    = "/api/v1/polls"
	feedOptions = 3
	// feedQuota is met soon by accounts that are keen, and lasts others into the fault.
	feedQuota = 12
)

// feedSettings are those of every process.
var feedSettings = []string{
	"PLENARY_DAILY_VOTES=" + strconv.Itoa(feedQuota), "PLENARY_FEED_UNDO=1h",
}

// feed is what accounts look at, and who they are.
type feed struct {
	polls   []string // ids; nobody answers the last one, see lastActs
	members []*member
	devices []*device
	keys    atomic.Int32 // the last number given
	began   time.Time

	mu   sync.Mutex
	last []check.Act // see lastActs
}

// member is an account.
type member struct {
	number    int32
	id, token string
}

// device is one of several that an account uses at once.
type device struct {
	*member
	crowd *Crowd
	rng   *rand.Rand
	next  []int32 // what it has seen last of the feed
	acts  []check.Act
	pages []check.Page
	odd   []string // answers that no account should ever get
}

// devicesEach is how many devices an account has.
const devicesEach = 2

// use has an account use a device until stop is closed. What has begun is ended.
func (d *device) use(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(between(d.rng, d.crowd.pace.act)):
		}
		d.once()
	}
}

// once does one thing, mostly with one of the first polls in the feed, as the other device does.
func (d *device) once() {
	a := d.newAct()
	told := d.wish(&a)
	if told == check.Acknowledged && a.Key != 0 && d.rng.IntN(5) == 0 {
		d.wish(&a) // a page that is loaded again: it must have no effect again
	}
	if told == check.Acknowledged && d.rng.IntN(2) == 0 || d.rng.IntN(3) == 0 {
		d.read()
	}
}

// newAct makes an act. Half of them have a key. Every other account is keen to vote.
func (d *device) newAct() check.Act {
	a := check.Act{Account: d.number, Poll: int32(d.rng.IntN(d.crowd.pace.polls))}
	if len(d.next) > 0 && d.rng.IntN(2) == 0 {
		a.Poll = d.next[d.rng.IntN(min(3, len(d.next)))]
	}
	keen := 4
	if d.number%2 == 0 {
		keen = 10
	}
	switch n := d.rng.IntN(20); {
	case n < keen:
		a.Action = check.Vote
	case n < 14:
		a.Action = check.Skip
	case n < 17:
		a.Action = check.Unskip
	case n < 19:
		a.Action = check.Change
	default:
		a.Action = check.Withdraw
	}
	if a.Action == check.Vote || a.Action == check.Change {
		a.Option = int8(d.rng.IntN(feedOptions))
		if d.rng.IntN(100) == 0 {
			a.Option, a.Wrong = feedOptions, true
		}
	}
	if d.rng.IntN(2) == 0 {
		a.Key = d.crowd.feed.keys.Add(1)
	}
	return a
}

// wish sends an act, and again until it is known what came of it. Without a key that is another
// act, as of somebody who taps again, and is not always done.
func (d *device) wish(a *check.Act) (last check.Outcome) {
	for try := range 8 {
		last = d.crowd.act(d.crowd.door, d.member, d.manner(), a)
		d.acts = append(d.acts, *a)
		if last != check.Unknown || a.Key == 0 && d.rng.IntN(2) == 0 {
			return last
		}
		time.Sleep(time.Duration(50+d.rng.IntN(100<<min(try, 3))) * time.Millisecond)
	}
	return last
}

// manner is how a device asks this time.
func (d *device) manner() manner {
	m := manner{patience: 7 * time.Second}
	switch d.rng.IntN(12) {
	case 0:
		m.prefer = "respond-async"
	case 1:
		m.prefer = "wait=3"
	case 2:
		m.patience = 1500 * time.Millisecond // hangs up before the server gives up
	}
	return m
}

// act sends an act once, and writes down what came of it. A refusal is a decision of a worker's,
// too.
func (c *Crowd) act(door *client, m *member, how manner, a *check.Act) check.Outcome {
	path := feedPath + "/" + c.feed.polls[a.Poll] + "/vote"
	r := request{method: http.MethodPost, token: m.token, prefer: how.prefer}
	switch a.Action {
	case check.Skip:
		path = feedPath + "/" + c.feed.polls[a.Poll] + "/skip"
	case check.Unskip:
		r.method, path = http.MethodDelete, feedPath+"/"+c.feed.polls[a.Poll]+"/skip"
	case check.Change:
		r.method = http.MethodPatch
	case check.Withdraw:
		r.method = http.MethodDelete
	}
	if r.path = path; a.Action == check.Vote || a.Action == check.Change {
		r.body = fmt.Appendf(nil, `{"option_index":%d}`, a.Option)
	}
	if a.Key != 0 {
		r.key = c.wishKey(a.Key).String()
	}
	a.Sent = c.now()
	got := door.send(r, how.patience)
	a.Done, a.Status, a.RetryAfter = c.now(), uint16(got.status), got.retryAfter
	var problem struct {
		Code string `json:"code"`
	}
	_ = json.Unmarshal(got.body, &problem) // what has no code has none
	a.Code = problem.Code
	if a.Outcome() != check.Unknown && !a.Wrong {
		c.acting.success(m.number, a.Sent, a.Done, a.Status != http.StatusAccepted)
	}
	return a.Outcome()
}

// wishKey gives the key of an act, whose number is in its last bytes.
func (c *Crowd) wishKey(number int32) uuid.UUID {
	id := c.prefix
	id[0] ^= 0x55 // no voter's, and no rating's
	binary.BigEndian.PutUint32(id[12:], uint32(number))
	return id
}

// read reads the whole feed.
func (d *device) read() {
	p := check.Page{Sent: d.crowd.now(), Account: d.number}
	a := d.crowd.door.send(request{method: http.MethodGet, path: feedPath + "?limit=100",
		token: d.token}, 10*time.Second)
	p.Done = d.crowd.now()
	if a.status == 0 || a.status == http.StatusServiceUnavailable && a.retryAfter {
		return
	}
	var page struct {
		Items []struct {
			ID     string `json:"poll_id"`
			Answer any    `json:"answer"`
		} `json:"items"`
		Next  any `json:"next"`
		Quota struct{ Limit, Remaining int }
	}
	err := json.Unmarshal(a.body, &page)
	d.next = d.next[:0]
	for _, item := range page.Items {
		poll := int32(slices.Index(d.crowd.feed.polls, item.ID))
		if poll < 0 || item.Answer != nil {
			err = fmt.Errorf("%s has the answer %v", item.ID, item.Answer)
		}
		p.Polls = append(p.Polls, poll)
		if int(poll) < d.crowd.pace.polls {
			d.next = append(d.next, poll)
		}
	}
	if err != nil || a.status != http.StatusOK || page.Next != nil {
		d.odd = append(d.odd, fmt.Sprintf("the feed of account %d: %v (%v)", d.number, a, err))
		return
	}
	p.Limit, p.Remaining = page.Quota.Limit, page.Quota.Remaining
	d.pages = append(d.pages, p)
}
