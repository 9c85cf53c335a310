package polls

import (
	"bufio"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/api/internal/live"
	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/poll"
)

// inBubble runs a claim about a room's hub by a clock that does not wait.
func inBubble(t *testing.T, claim func(t *testing.T, r *room, h *hub)) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t)
		h, end := newHub(t.Context(), r, r.bus)
		claim(t, r, h)
		end()
	})
}

// What live promises of its streams.
const (
	heartbeatEvery = 15 * time.Second
	rows           = 100                   // in which a crowd sits
	paceMoment     = 10 * time.Millisecond // in which several are written to
)

// hearts notes when heartbeats come to viewers.
type hearts struct {
	mu    sync.Mutex
	seats [][]time.Time
}

func (l *hearts) listen(h *hub, r *room) {
	ours, theirs := net.Pipe()
	h.Watch(theirs, h.topics.viewer(r.id, netip.Addr{}, false, false, nil),
		[]byte("retry: 1000\n\n"))
	l.mu.Lock()
	defer l.mu.Unlock()
	seat := len(l.seats)
	l.seats = append(l.seats, nil)
	go func() {
		for lines := bufio.NewScanner(ours); lines.Scan(); {
			if lines.Text() == ":" {
				l.mu.Lock()
				l.seats[seat] = append(l.seats[seat], time.Now())
				l.mu.Unlock()
			}
		}
	}()
}

func TestInARoomWhereNothingHappensEverybodyIsSentHeartbeats(t *testing.T) {
	for _, viewers := range []int{1, 2, 3, 250} {
		t.Run(strconv.Itoa(viewers), func(t *testing.T) {
			inBubble(t, func(t *testing.T, r *room, h *hub) {
				const rounds, late = 5, heartbeatEvery / rows
				begun := time.Now()
				var l hearts
				for range viewers {
					l.listen(h, r)
					time.Sleep(time.Millisecond)
				}
				time.Sleep(rounds * heartbeatEvery)
				synctest.Wait()
				moments := map[time.Time]int{}
				for _, times := range l.seats {
					last := begun
					for _, at := range append(times, time.Now()) {
						require.LessOrEqual(t, at.Sub(last), heartbeatEvery+2*late)
						last = at
					}
					require.InDelta(t, rounds, len(times), 1)
					for _, at := range times[2:] {
						moments[at.Truncate(late)]++
					}
				}
				for _, n := range moments {
					require.LessOrEqual(t, n, 2*(viewers+rows-1)/rows,
						"that many at once are a burst")
				}
			})
		})
	}
}

func TestACrowdHasTheNewestResultsAPaceAfterTheLastChange(t *testing.T) {
	inBubble(t, func(t *testing.T, r *room, h *hub) {
		const crowd, pace = 1500, 500 * time.Millisecond
		newest := make([]atomic.Int64, crowd)
		for i := range crowd {
			v := view(t, h, r.id)
			go func() {
				for e := v.next(); e != (event{}); e = v.next() {
					if e.event == "results" {
						total := e.tallies(t).Total
						if before := newest[i].Swap(total); total < before {
							t.Errorf("%d after %d", total, before)
						}
					}
				}
			}()
		}
		for n := range 20 {
			time.Sleep(time.Duration(n) * 37 * time.Millisecond)
			total := r.vote()
			r.announce(bus.Change{Part: r.polls[0].ID, Version: 1})
			if n%4 > 0 {
				continue
			}
			time.Sleep(2*pace + 2*paceMoment) // it is read within a pace, and shown within another
			synctest.Wait()
			for i := range newest {
				require.Equal(t, total, newest[i].Load())
			}
		}
	})
}

func TestWhoComesAndGoesDoesNotHurryTheResultsOfACrowd(t *testing.T) {
	inBubble(t, func(t *testing.T, r *room, h *hub) {
		const crowd, lasts, pace = 900, 3 * time.Second, 300 * time.Millisecond
		var many, presenter, others audience
		for range crowd {
			many.listen(view(t, h, r.id))
		}
		// for whom results are read more often than a crowd is sent them
		presenter.listen(viewAs(t, h, r.id, true))
		time.Sleep(15 * time.Second)
		many.forget()
		var guest *viewer
		for begun := time.Now(); time.Since(begun) < lasts; time.Sleep(10 * time.Millisecond) {
			if guest == nil {
				guest = view(t, h, r.id)
				others.listen(guest)
			} else {
				require.NoError(t, guest.conn.Close())
				guest = nil
			}
			r.vote()
			r.announce(bus.Change{Part: r.polls[0].ID, Version: 1})
		}
		synctest.Wait()
		for _, times := range many.seats {
			require.InDelta(t, int(lasts/pace), len(times), 2)
		}
		moments := map[time.Time]int{}
		for _, times := range many.seats {
			for _, at := range times {
				moments[at.Truncate(paceMoment)]++
			}
		}
		for _, n := range moments {
			require.Less(t, n, 4*int(crowd*paceMoment/pace), "that many at once are a burst")
		}
	})
}

func TestAClientThatReadsSlowlyGetsWholeEventsAndTheNewestLast(t *testing.T) {
	r := newRoom(t)
	s, ln, stop := r.serving(9)
	defer stop()
	slow := r.enter(ln)
	require.NoError(t, slow.conn.(raw).Conn.(*net.TCPConn).SetReadBuffer(4<<10))
	_, quick := r.ask(ln, "GET", r.id, "")
	require.Equal(t, "displayed", quick.next().event)
	const edits, long = 8, live.MaxEvent * 9 / 20 // twice what the network keeps, together
	for n := range edits {
		r.edit(0, func(p *poll.Poll, _ *poll.State) {
			p.Text = strconv.Itoa(n) +
				strings.Repeat(" ?", long)
		})
		for {
			if e := quick.next(); e.event == "displayed" &&
				strings.HasPrefix(e.shown(t).Poll.Question, strconv.Itoa(n)+" ") {
				break
			}
		}
	}
	total := r.vote()
	r.announce(bus.Change{Part: r.polls[0].ID, Version: 1})
	quick.until(func(e event) bool { return e.event == "results" && e.tallies(t).Total == total })
	seen, last := 0, -1
	for last < edits-1 {
		e := slow.until(isDisplayed)
		number, rest, _ := strings.Cut(e.shown(t).Poll.Question, " ")
		n, err := strconv.Atoi(number)
		require.NoError(t, err)
		require.Len(t, rest, 2*long-1)
		require.Greater(t, n, last)
		seen, last = seen+1, n
	}
	require.Less(t, seen, edits, "of what changed meanwhile there is only the newest")
	slow.until(func(e event) bool { return e.event == "results" && e.tallies(t).Total == total })
	_, _, cut := s.Streams()
	require.Zero(t, cut)
}

func TestWhoMayPresentSeesAllFromTheCrowdToo(t *testing.T) { // where everybody may (PLENARY_OPEN)
	r := newRoom(t)
	r.change(func() { r.polls[0].Visibility = poll.PresenterOnly })
	h := r.hub()
	mayPresent, other := viewFrom(t, h, r.id, true, false), view(t, h, r.id)
	require.False(t, mayPresent.until(isResults).tallies(t).Hidden)
	require.True(t, other.until(isResults).tallies(t).Hidden)
	r.vote()
	r.announce(bus.Change{Part: r.polls[0].ID, Version: 1})
	require.Equal(t, []wireTally{{"A", 1}, {"B", 0}},
		mayPresent.until(isResults).tallies(t).Options)
	require.True(t, other.until(isResults).tallies(t).Hidden)
}
