package polls

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"

	"github.com/plenary-live/plenary/api/internal/live"
	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
)

// said is what replicas said of their viewers, in memory.
type said struct {
	hash [32]byte // of the presenter's token

	mu       sync.Mutex
	rows     map[[2]uuid.UUID]word // by presentation and replica
	err      error
	given    int64 // passes
	writes   int
	reads    int
	lastSize int // of the last write
}

type word struct {
	room poll.Presence
	at   time.Time
}

func (s *said) Present(_ context.Context, replica uuid.UUID, rooms map[uuid.UUID]poll.Presence,
	age time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	s.lastSize = len(rooms)
	if s.err != nil {
		return s.err
	}
	for k, w := range s.rows {
		if time.Since(w.at) > age {
			delete(s.rows, k)
		}
	}
	if s.rows == nil {
		s.rows = map[[2]uuid.UUID]word{}
	}
	for id, room := range rooms {
		s.rows[[2]uuid.UUID{id, replica}] = word{room, time.Now()}
	}
	return nil
}

func (s *said) Audiences(_ context.Context, ids []uuid.UUID,
	age time.Duration) (map[uuid.UUID]poll.Audience, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	if s.err != nil {
		return nil, s.err
	}
	audiences := map[uuid.UUID]poll.Audience{}
	for _, id := range ids {
		a, most := poll.Audience{Given: s.given}, map[int64]int{}
		for k, w := range s.rows {
			if k[0] == id && time.Since(w.at) <= age {
				a.Viewers += w.room.Viewers
				most[w.room.MostBy] += w.room.Most
				a.Most = max(a.Most, most[w.room.MostBy])
			}
		}
		audiences[id] = a
	}
	return audiences, nil
}

func (s *said) calls() (writes, reads int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes, s.reads
}

func (s *said) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// replica is a presence that runs until stop.
func (s *said) replica() (p *presence, stop func()) {
	p = newPresence(context.Background(), s, slog.New(slog.DiscardHandler))
	if err := p.Start(); err != nil {
		panic(err)
	}
	return p, func() {
		if err := p.Stop(context.Background()); err != nil {
			panic(err)
		}
	}
}

// heard gives the newest number that a presenter was sent; -1: nothing new.
func heard(t *testing.T, news <-chan []byte) int {
	t.Helper()
	select {
	case event := <-news:
		data, ok := cutBoth(string(event), "event: audience\ndata: ", "\n\n")
		require.True(t, ok, "%q", event)
		var a wireAudience
		require.NoError(t, json.Unmarshal([]byte(data), &a))
		return a.Connected
	default:
		return -1
	}
}

func cutBoth(s, before, after string) (string, bool) {
	if len(s) < len(before)+len(after) || s[:len(before)] != before ||
		s[len(s)-len(after):] != after {
		return "", false
	}
	return s[len(before) : len(s)-len(after)], true
}

func TestPresentersHearOfAnEditAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &said{}
		p, stop := store.replica()
		defer stop()
		talk := uuid.New()
		p.edited(talk) // nobody is there
		news, leave := p.join(talk, true)
		defer leave()
		p.edited(talk)
		require.Equal(t, -1, heard(t, news), "how many are connected is not known yet")
		later()
		require.Equal(t, 0, heard(t, news))
		p.edited(uuid.New())
		require.Equal(t, -1, heard(t, news))
		p.edited(talk)
		p.edited(talk)
		require.Equal(t, 0, heard(t, news), "it is said once more")
		require.Equal(t, -1, heard(t, news))
	})
}

// later lets the next round pass.
func later() {
	time.Sleep(presenceEvery)
	synctest.Wait()
}

func TestPresentersHearHowManyAreConnectedOverAllReplicas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &said{}
		one, stopOne := store.replica()
		other, stopOther := store.replica()
		defer stopOne()
		var goes []func()
		for range 3 {
			_, leave := one.join(aTalk, false)
			goes = append(goes, leave)
		}
		for range 4 {
			other.join(aTalk, false)
		}
		other.join(aPoll, false) // another presentation
		screen, leave := one.join(aTalk, true)
		remote, _ := other.join(aTalk, true)
		later()
		later()
		require.Equal(t, 7, heard(t, screen), "presenters are not counted")
		require.Equal(t, 7, heard(t, remote))
		late, leaveLate := one.join(aTalk, true)
		require.Equal(t, 7, heard(t, late), "who comes later is told at once")
		leaveLate()

		later()
		require.Equal(t, -1, heard(t, screen), "what has not changed is not said again")
		for _, leave := range goes {
			leave()
		}
		later()
		later()
		require.Equal(t, 4, heard(t, screen))
		require.Equal(t, 4, heard(t, remote))

		stopOther() // says so
		later()
		require.Equal(t, 0, heard(t, screen))
		leave()
		again, _ := one.join(aTalk, true)
		require.Equal(t, -1, heard(t, again), "a number that nobody kept up is not told")
		later()
		require.Equal(t, 0, heard(t, again))
	})
}

func TestAReplicaThatDiedTakesItsViewersOutOfTheNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &said{}
		one, stop := store.replica()
		defer stop()
		// and never again
		require.NoError(t, store.Present(t.Context(), uuid.New(),
			map[uuid.UUID]poll.Presence{aTalk: {Viewers: 100}}, presenceAge))
		one.join(aTalk, false)
		screen, _ := one.join(aTalk, true)
		later()
		require.Equal(t, 101, heard(t, screen))
		time.Sleep(presenceAge + presenceEvery)
		synctest.Wait()
		require.Equal(t, 1, heard(t, screen))
		require.Len(t, store.rows, 1)
	})
}

// However many people there are, a round is one write and, while a presenter watches, one read.
func TestPresenceCostsTheSameForAnyNumberOfPeople(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rounds = 10
		store := &said{}
		p, stop := store.replica()
		defer stop()
		cost := func() (writes, reads int) {
			w, r := store.calls()
			for range rounds {
				later()
			}
			writes, reads = store.calls()
			return writes - w, reads - r
		}
		writes, reads := cost()
		require.Zero(t, writes, "nobody watches")
		require.Zero(t, reads)

		var leaves []func()
		for i := range 10_000 {
			_, leave := p.join(uuid.UUID{15: byte(i % 3)}, false)
			leaves = append(leaves, leave)
		}
		writes, reads = cost()
		require.Equal(t, rounds, writes)
		require.Zero(t, reads, "no presenter watches")
		require.Equal(t, 3, store.lastSize, "only presentations that somebody watches")

		_, leave := p.join(aTalk, true)
		p.join(aPoll, true)
		writes, reads = cost()
		require.Equal(t, rounds, writes)
		require.Equal(t, rounds, reads, "two presentations are one read")

		leave()
		for _, leave := range leaves {
			leave()
		}
		writes, reads = cost()
		require.Equal(t, 1, writes, "that they have gone is said once")
		require.Equal(t, rounds, reads, "one presenter is there")
		require.Len(t, p.crowds, 1)
	})
}

func TestAStoreThatIsAwayDelaysTheNumberAndNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &said{}
		p, stop := store.replica()
		defer stop()
		store.fail(fault.Errorf(fault.Unavailable, "away"))
		_, leave := p.join(aTalk, false)
		screen, _ := p.join(aTalk, true)
		later()
		require.Equal(t, -1, heard(t, screen), "no number is better than a wrong one")
		store.fail(nil)
		later()
		require.Equal(t, 1, heard(t, screen))
		store.fail(fault.Errorf(fault.Unavailable, "away"))
		leave()
		later()
		store.fail(nil)
		later()
		require.Equal(t, 0, heard(t, screen), "what could not be said is said later")
	})
}

func TestAPresenterWhoReadsSlowlyGetsTheNewestNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, stop := (&said{}).replica()
		defer stop()
		screen, _ := p.join(aTalk, true)
		for range 5 {
			p.join(aTalk, false)
			later()
		}
		require.Equal(t, 5, heard(t, screen))
		require.Equal(t, -1, heard(t, screen))
	})
}

// audienceOf reads a stream until it says how many are connected.
func (v *viewer) audienceOf(t *testing.T, want int) {
	t.Helper()
	for {
		e := v.next()
		require.NotEqual(t, event{}, e, "the stream has ended")
		if e.event != "audience" {
			continue
		}
		require.Empty(t, e.id, "a client resumes at what it saw of the slide")
		var a wireAudience
		require.NoError(t, json.Unmarshal([]byte(e.data), &a))
		if a.Connected == want {
			return
		}
	}
}

func TestOnlyAStreamWithThePresentersTokenHearsOfTheAudience(t *testing.T) {
	r := newRoom(t)
	token, hash := access.NewToken()
	r.said.hash = hash
	_, ln, stop := r.serving(99)
	defer stop()

	var others []*viewer
	for _, header := range []string{"", "Authorization: Bearer nonsense\r\n",
		"Authorization: ~\r\n", "Authorization:\r\n", "Authorization: Basic " + token + "\r\n"} {
		res, v := r.ask(ln, "GET", r.id, header)
		require.Equal(t, 200, res.StatusCode, header)
		require.Equal(t, "displayed", v.next().event)
		require.Equal(t, "results", v.next().event)
		others = append(others, v)
	}
	_, presenter := r.ask(ln, "GET", r.id, "authorization: bearer "+token+"\r\n")
	presenter.audienceOf(t, len(others))
	require.NoError(t, others[0].conn.Close())
	presenter.audienceOf(t, len(others)-1)

	res, _ := r.ask(ln, "GET", uuid.New(), "Authorization: Bearer "+token+"\r\n")
	require.Equal(t, 404, res.StatusCode)
	r.show(1)
	r.announce(bus.Change{Version: 2})
	for _, v := range others[1:] {
		require.NotEqual(t, "audience", v.next().event)
	}
}

// Where everybody may present, the room is still counted: only who sends a token is on stage.
func TestWhoSendsNoTokenIsInTheRoomAlsoWhereEverybodyMayPresent(t *testing.T) {
	s := newTestServer()
	s.Open = true
	for header, want := range map[string]bool{"": false, "Bearer x": true} {
		c := s.call(s.app.AcquireCtx(&fasthttp.RequestCtx{}))
		c.Request().Header.Set("Authorization", header)
		role, err := c.role(t.Context(), aTalk)
		require.NoError(t, err)
		require.Equal(t, access.Owner, role)
		require.Equal(t, want, c.isOnStage(true))
		require.False(t, c.isOnStage(false))
		s.app.ReleaseCtx(c.Ctx)
	}
}

// Viewers and readers of results in one room cost the store what either of them would.
func TestStreamsAndReadersShareTheirReads(t *testing.T) {
	r := newRoom(t)
	s, ln, stop := r.serving(99)
	defer stop()
	v := r.enter(ln)
	begun := time.Now()
	_, before := r.reads()
	var reading sync.WaitGroup
	ends := begun.Add(time.Second)
	for range 20 {
		reading.Go(func() {
			for time.Now().Before(ends) {
				res, err := s.app.Test(httptest.NewRequest("GET",
					web.Base+"/presentations/"+r.id.String()+"/polls/"+r.polls[0].ID.String()+
						"/results", nil), -1)
				if err == nil {
					err = res.Body.Close()
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	reading.Go(func() {
		for time.Now().Before(ends) {
			r.vote()
			r.announce(bus.Change{Part: r.polls[0].ID, Version: 1})
			time.Sleep(time.Millisecond)
		}
	})
	reading.Go(func() { // the viewer reads along
		for v.conn.SetReadDeadline(ends) == nil && v.next() != (event{}) {
		}
	})
	reading.Wait()
	_, after := r.reads()
	require.LessOrEqual(t, after-before, live.Burst+int(time.Since(begun)/live.Pace)+2)
}

// TestWhoIsThereIsReadForPresentersAndOnceForManyOfThem asks as a page does to which no stream
// comes through.
func TestWhoIsThereIsReadForPresentersAndOnceForManyOfThem(t *testing.T) {
	r := newRoom(t)
	token, hash := access.NewToken()
	r.said.hash, r.said.given = hash, 12
	s, ln, stop := r.serving(99)
	defer stop()
	r.enter(ln)
	ask := func(id, authorization string) (int, string) {
		req := httptest.NewRequest("GET", web.Base+"/presentations/"+id+"/audience", nil)
		req.Header.Set("Authorization", authorization)
		res, err := s.app.Test(req, -1)
		require.NoError(t, err)
		defer func() { _ = res.Body.Close() }()
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		return res.StatusCode, string(body)
	}
	for authorization, want := range map[string]int{"": 401, "Bearer": 401, "Basic " + token: 401,
		"Bearer " + token + "x": 403, "Bearer " + token: 200} {
		status, body := ask(r.id.String(), authorization)
		require.Equal(t, want, status, "%s: %s", authorization, body)
	}
	for _, id := range []string{uuid.NewString(), "mine", "%00", strings.Repeat("1", 999)} {
		status, body := ask(id, "Bearer "+token)
		require.Equal(t, 404, status, "%s: %s", id, body)
	}
	status, body := ask(uuid.Nil.String(), "Bearer "+token)
	require.Equal(t, 400, status)
	require.Contains(t, body, `"field":"presentation_id"`)
	require.Eventually(t, func() bool {
		_, body := ask(r.id.String(), "Bearer "+token)
		return body == `{"connected":1,"passes":12}`
	}, 10*time.Second, 10*time.Millisecond)

	begun := time.Now()
	_, before := r.said.calls()
	var asking sync.WaitGroup
	for range 200 {
		asking.Go(func() { ask(r.id.String(), "Bearer "+token) })
	}
	asking.Wait()
	_, after := r.said.calls()
	require.LessOrEqual(t, after-before, live.Burst+int(time.Since(begun)/live.Pace)+2)
}
