package polls

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/life/lifetest"
	"github.com/plenary-live/plenary/pkg/poll"
)

// wrongPasscodes is how many an address may try here, at once and in each minute.
const wrongPasscodes = 60

// till counts passes as a store does, each call in its time.
type till struct {
	takes time.Duration
	err   error
	room  int // for so many in all; 0: for any number

	mu    sync.Mutex
	given map[uuid.UUID]int
	calls int
}

func (s *till) Grant(ctx context.Context, id uuid.UUID, n int) (int, error) {
	select {
	case <-time.After(s.takes):
	case <-ctx.Done():
		return 0, fault.Unavailablef(ctx.Err(), "the database is away")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.err != nil {
		return 0, s.err
	}
	if s.given == nil {
		s.given = map[uuid.UUID]int{}
	}
	if s.room > 0 {
		n = min(n, s.room-s.given[id])
	}
	s.given[id] += n
	return n, nil
}

func (s *till) counted(id uuid.UUID) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.given[id]
}

var (
	thePasses = access.NewPasses(make([]byte, access.PassKeyLength))
	hall      = netip.MustParseAddr("192.0.2.1")
	elsewhere = netip.MustParseAddr("192.0.2.2")
	byPass    = poll.Display{PresentationID: aTalk,
		Admission: access.Admission{Voters: access.ByPass}}
)

// always shows the same, however often it is looked at.
func always(d poll.Display) shown {
	return func(time.Time) (poll.Display, error) { return d, nil }
}

// comeIn has people come in at once, and gives the passes of those who got one, and how often each
// error came.
func comeIn(t *testing.T, e *entrance, d poll.Display, people int) (voters map[uuid.UUID]bool,
	refused map[fault.Code]int) {
	t.Helper()
	voters, refused = map[uuid.UUID]bool{}, map[fault.Code]int{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for range people {
		all.Go(func() {
			pass, fresh, err := e.enter(t.Context(), always(d), "", uuid.Nil, hall)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				refused[fault.CodeOf(err)]++
				return
			}
			if voter, err := thePasses.Check(d.PresentationID, []byte(pass.Text),
				time.Now()); err != nil || voter != pass.Voter || !fresh {
				t.Errorf("%v, %v", pass, err)
			}
			voters[pass.Voter] = true
		})
	}
	all.Wait()
	return voters, refused
}

func TestPeopleWhoComeAtOnceAreCountedInAFewWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &till{takes: time.Millisecond}
		e := newEntrance(thePasses, store, 0, newGuesses(wrongPasscodes, time.Now))
		defer lifetest.Stop(t, e)
		var rooms sync.WaitGroup
		for _, id := range []uuid.UUID{aTalk, aPoll} {
			rooms.Go(func() {
				d := byPass
				d.PresentationID = id
				voters, _ := comeIn(t, e, d, 5000)
				if len(voters) != 5000 || store.counted(id) != 5000 {
					t.Errorf("%d voters came in, %d are counted", len(voters), store.counted(id))
				}
			})
		}
		rooms.Wait()
		require.LessOrEqual(t, store.calls, 4,
			"one for whoever came first, one for all who came meanwhile, in each room")
		synctest.Wait()
		require.Empty(t, e.lines, "nothing is kept of a room that nobody enters")
	})
}

func TestAsManyGetInAsTheRoomHasPlacesFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &till{takes: time.Millisecond, room: 300}
		e := newEntrance(thePasses, store, 0, newGuesses(wrongPasscodes, time.Now))
		defer lifetest.Stop(t, e)
		voters, refused := comeIn(t, e, byPass, 1000)
		require.Len(t, voters, 300)
		require.Equal(t, map[fault.Code]int{access.RoomFull: 700}, refused)
		_, refused = comeIn(t, e, byPass, 1)
		require.Equal(t, map[fault.Code]int{access.RoomFull: 1}, refused)
	})
}

func TestAFailureIsToldToAllWhoWaitAndToNobodyAfterThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &till{takes: time.Millisecond, err: fault.Errorf(fault.Unavailable, "away")}
		e := newEntrance(thePasses, store, 0, newGuesses(wrongPasscodes, time.Now))
		defer lifetest.Stop(t, e)
		_, refused := comeIn(t, e, byPass, 100)
		require.Equal(t, map[fault.Code]int{fault.Unavailable: 100}, refused)
		store.err = fault.Errorf(fault.NotFound, "deleted")
		_, refused = comeIn(t, e, byPass, 2)
		require.Equal(t, map[fault.Code]int{fault.NotFound: 2}, refused)
		store.err = nil
		voters, _ := comeIn(t, e, byPass, 100)
		require.Len(t, voters, 100)
	})
}

func TestAStoreThatDoesNotAnswerHoldsNobodyForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEntrance(thePasses, &till{takes: time.Hour}, 0,
			newGuesses(wrongPasscodes, time.Now))
		defer lifetest.Stop(t, e)
		begun := time.Now()
		_, refused := comeIn(t, e, byPass, 100)
		require.Equal(t, map[fault.Code]int{fault.Unavailable: 100}, refused)
		require.LessOrEqual(t, time.Since(begun), 2*grantTimeout)
	})
}

func TestWhoHangsUpWaitsNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEntrance(thePasses, &till{takes: time.Second}, 0,
			newGuesses(wrongPasscodes, time.Now))
		defer lifetest.Stop(t, e)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		begun := time.Now()
		_, _, err := e.enter(ctx, always(byPass), "", uuid.Nil, hall)
		require.Equal(t, fault.Unavailable, fault.CodeOf(err))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Millisecond, time.Since(begun))
	})
}

func TestClosingTheEntranceEndsItsWritesAndTellsWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEntrance(thePasses, &till{takes: time.Hour}, 0,
			newGuesses(wrongPasscodes, time.Now))
		told := make(chan map[fault.Code]int)
		begun := time.Now()
		for range 2 { // those who are being counted, and those who are next
			go func() {
				_, refused := comeIn(t, e, byPass, 50)
				told <- refused
			}()
			synctest.Wait()
		}
		lifetest.Stop(t, e)
		for range 2 {
			require.Equal(t, map[fault.Code]int{fault.Unavailable: 50}, <-told)
		}
		require.Zero(t, time.Since(begun))
	})
}

func TestAKeyIsOneVoterAndIsCountedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &till{takes: time.Millisecond, room: 3}
		e := newEntrance(thePasses, store, 2, newGuesses(wrongPasscodes, time.Now))
		defer lifetest.Stop(t, e)
		key := uuid.New()
		var voters sync.Map
		var fresh atomic.Int64
		var all sync.WaitGroup
		for range 100 { // a client that is impatient
			all.Go(func() {
				pass, counted, err := e.enter(t.Context(), always(byPass), "", key, hall)
				if err != nil {
					t.Error(err)
				}
				if counted {
					fresh.Add(1)
				}
				voters.Store(pass.Voter, true)
			})
		}
		all.Wait()
		n := 0
		voters.Range(func(any, any) bool { n++; return true })
		require.Equal(t, 1, n)
		require.EqualValues(t, 1, fresh.Load())
		require.Equal(t, 1, store.counted(aTalk))

		first, _, err := e.enter(t.Context(), always(byPass), "", key, elsewhere)
		require.NoError(t, err)
		require.Equal(t, thePasses.Draw(aTalk, key, time.Now()), first,
			"whichever replica is asked")
		other, _, err := e.enter(t.Context(), always(byPass), "", uuid.New(), hall)
		require.NoError(t, err, "what was not counted was not taken from the address either")
		require.NotEqual(t, first.Voter, other.Voter)
		d := byPass
		d.PresentationID = aPoll
		there, _, err := e.enter(t.Context(), always(d), "", key, hall)
		require.NoError(t, err)
		require.NotEqual(t, first.Voter, there.Voter, "nobody can be followed from room to room")
		require.Equal(t, 1, store.counted(aPoll))
	})
}

// A client that heard nothing asks again while the first write is still under way.
func TestAKeyThatComesAgainWaitsForWhatItHadBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &till{takes: time.Second}
		e := newEntrance(thePasses, store, 1, newGuesses(wrongPasscodes, time.Now))
		defer lifetest.Stop(t, e)
		key := uuid.New()
		ctx, hangUp := context.WithTimeout(t.Context(), time.Millisecond)
		defer hangUp()
		_, _, err := e.enter(ctx, always(byPass), "", key, hall)
		require.Equal(t, fault.Unavailable, fault.CodeOf(err))
		_, _, err = e.enter(t.Context(), always(byPass), "", key, hall)
		require.NoError(t, err)
		require.Equal(t, 1, store.counted(aTalk))
	})
}

func TestAKeyThatWasRefusedMayTryAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &till{err: errors.New("broken")}
		e := newEntrance(thePasses, store, 0, newGuesses(wrongPasscodes, time.Now))
		defer lifetest.Stop(t, e)
		key := uuid.New()
		enter := func() (bool, error) {
			_, fresh, err := e.enter(t.Context(), always(byPass), "", key, hall)
			return fresh, err
		}
		_, err := enter()
		require.ErrorIs(t, err, store.err)
		store.err, store.room = nil, 1
		_, _, err = e.enter(t.Context(), always(byPass), "", uuid.New(), hall)
		require.NoError(t, err)
		_, err = enter()
		require.Equal(t, access.RoomFull, fault.CodeOf(err))
		store.room = 2
		fresh, err := enter()
		require.NoError(t, err)
		require.True(t, fresh)
		fresh, err = enter()
		require.NoError(t, err)
		require.False(t, fresh)
	})
}

// requireBusy holds a refusal to what it says: a moment before its end it is still one, and then no
// more.
func requireBusy(t *testing.T, again func() error) {
	t.Helper()
	busy := func(err error) time.Duration {
		t.Helper()
		e, ok := errors.AsType[*fault.Error](err)
		require.True(t, ok, "%v", err)
		require.Equal(t, fault.Busy, e.Code)
		require.Positive(t, e.Wait)
		return e.Wait
	}
	time.Sleep(busy(again()) - time.Millisecond)
	require.LessOrEqual(t, busy(again()), 2*time.Millisecond)
	time.Sleep(2 * time.Millisecond)
	require.NotEqual(t, fault.Busy, fault.CodeOf(again()))
}

func TestHowManyPassesAnAddressGetsIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &till{}
		e := newEntrance(thePasses, store, 3, newGuesses(wrongPasscodes, time.Now))
		defer lifetest.Stop(t, e)
		enter := func(address string, d poll.Display) error {
			_, _, err := e.enter(t.Context(), always(d), "", uuid.Nil, netip.MustParseAddr(address))
			return err
		}
		for range 3 {
			require.NoError(t, enter("2001:db8::1", byPass))
		}
		require.Equal(t, fault.Busy, fault.CodeOf(enter("2001:db8::2", byPass)),
			"a subscriber has 64 bits of addresses")
		require.NoError(t, enter("2001:db8:0:1::1", byPass))
		require.NoError(t, enter("192.0.2.1", byPass))
		another := byPass
		another.PresentationID = aPoll
		require.NoError(t, enter("2001:db8::1", another), "it is the next talk in the same hall")
		require.Equal(t, 5, store.counted(aTalk), "who is refused is not counted")
		requireBusy(t, func() error { return enter("2001:db8::1", byPass) })
	})
}

func TestTheLimitOfAnAddressIsASetting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEntrance(thePasses, &till{}, 0, newGuesses(wrongPasscodes, time.Now))
		defer lifetest.Stop(t, e)
		voters, _ := comeIn(t, e, byPass, 10_000)
		require.Len(t, voters, 10_000)
	})
}

func TestWrongPasscodesAreLimitedAndRightOnesAreNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &till{}
		e := newEntrance(thePasses, store, 0, newGuesses(wrongPasscodes, time.Now))
		defer lifetest.Stop(t, e)
		d := byPass
		d.Passcode = "GARDEN7"
		enter := func(passcode string, from netip.Addr) error {
			_, _, err := e.enter(t.Context(), always(d), passcode, uuid.Nil, from)
			return err
		}
		for i := range wrongPasscodes {
			require.Equal(t, access.BadPasscode, fault.CodeOf(enter(fmt.Sprint("wrong", i), hall)))
		}
		require.Zero(t, store.counted(aTalk))
		require.Equal(t, fault.Busy, fault.CodeOf(enter("garden7", hall)),
			"else the refusals would tell which is right")
		for i := range 5 * wrongPasscodes { // a room comes in, from another address
			require.NoError(t, enter([]string{"garden7", " Gar-den 7", "ＧＡＲＤＥＮ７"}[i%3], elsewhere))
		}
		requireBusy(t, func() error { return enter("wrong", hall) })
		time.Sleep(time.Minute)
		require.NoError(t, enter("garden7", hall))
	})
}

func TestManyGuessesAtOnceAreNoMoreThanOneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEntrance(thePasses, &till{}, 0, newGuesses(wrongPasscodes, time.Now))
		defer lifetest.Stop(t, e)
		d := byPass
		d.Passcode = "GARDEN7"
		var wrong, busy atomic.Int64
		var all sync.WaitGroup
		for range 50 * wrongPasscodes {
			all.Go(func() {
				switch _, _, err := e.enter(t.Context(), always(d), "garden8", uuid.Nil,
					hall); fault.CodeOf(err) {
				case access.BadPasscode:
					wrong.Add(1)
				case fault.Busy:
					busy.Add(1)
				}
			})
		}
		all.Wait()
		require.EqualValues(t, wrongPasscodes, wrong.Load())
		require.EqualValues(t, 49*wrongPasscodes, busy.Load())
	})
}

func TestNobodyGetsAPassWhereAnyoneMayVote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &till{}
		e := newEntrance(thePasses, store, 1, newGuesses(wrongPasscodes, time.Now))
		defer lifetest.Stop(t, e)
		for _, voters := range []access.Voters{access.Anyone, ""} {
			for _, passcode := range []string{"", "GARDEN7"} {
				d := poll.Display{PresentationID: aTalk,
					Admission: access.Admission{Voters: voters, Passcode: passcode}}
				_, _, err := e.enter(t.Context(), always(d), "", uuid.New(), hall)
				require.Equal(t, access.NoPasses, fault.CodeOf(err))
			}
		}
		require.Zero(t, store.calls)
	})
}

func TestPresentersHearOfPassesAndOfAnAddressThatGetsMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &said{}
		one, stopOne := store.replica()
		other, stopOther := store.replica()
		defer stopOne()
		defer stopOther()
		screen, _ := one.join(aTalk, true)
		remote, _ := other.join(aTalk, true)
		give := func(p *presence, address int64, passes int) {
			for range passes {
				p.gave(aTalk, address)
			}
			store.mu.Lock()
			defer store.mu.Unlock()
			store.given += int64(passes)
		}
		requireTold := func(want wireAudience) {
			t.Helper()
			later()
			later()
			require.Equal(t, want, toldAudience(t, screen))
			require.Equal(t, want, toldAudience(t, remote))
		}
		for address := range int64(40) {
			give(one, address, 5)
		}
		requireTold(wireAudience{Passes: 200})
		give(one, 7, 8)
		give(other, 7, 8)
		requireTold(wireAudience{Passes: 216}) // 21 of 216
		give(other, 7, 1)
		requireTold(wireAudience{Passes: 217, OneAddress: 22}) // over both replicas
		time.Sleep(2 * time.Minute)
		requireTold(wireAudience{Passes: 217})
	})
}

func toldAudience(t *testing.T, news <-chan []byte) (a wireAudience) {
	t.Helper()
	select {
	case event := <-news:
		data, ok := cutBoth(string(event), "event: audience\ndata: ", "\n\n")
		require.True(t, ok, "%q", event)
		require.NoError(t, json.Unmarshal([]byte(data), &a))
	default:
		require.Fail(t, "nothing new was told")
	}
	return a
}

func TestWhatIsStrikingIsAShareAndNoHandful(t *testing.T) {
	for a, want := range map[poll.Audience]int{
		{}:                          0,
		{Given: 9, Most: 9}:         0,
		{Given: 10, Most: 10}:       10,
		{Given: 99, Most: 10}:       10,
		{Given: 100, Most: 10}:      0,
		{Given: 100, Most: 11}:      11,
		{Given: 30_000, Most: 3001}: 3001,
		{Given: 0, Most: 50}:        50, // counted by another database's clock
	} {
		require.Equal(t, want, toAudience(a).OneAddress, "%+v", a)
	}
}

// A room that passes were given in, and nobody watches, is forgotten after its minute.
func TestARoomThatGaveItsPassesIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &said{}
		p, stop := store.replica()
		defer stop()
		p.gave(aTalk, 1)
		later()
		all, err := store.Audiences(t.Context(), []uuid.UUID{aTalk}, presenceAge)
		require.NoError(t, err)
		require.Equal(t, 1, all[aTalk].Most)
		time.Sleep(time.Minute + presenceEvery)
		synctest.Wait()
		p.mu.Lock()
		defer p.mu.Unlock()
		require.Empty(t, p.crowds)
	})
}
