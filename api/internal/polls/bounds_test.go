package polls

import (
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
)

// stillClock stands still until it is moved.
type stillClock struct{ at atomic.Int64 }

func (c *stillClock) now() time.Time       { return time.Unix(0, c.at.Load()) }
func (c *stillClock) move(d time.Duration) { c.at.Add(int64(d)) }

// doors looks codes up in a house with one door.
type doors struct {
	*guesses
	clock stillClock
	looks atomic.Int64
	hold  chan struct{} // if not nil, a look-up waits until it is closed
	err   error
}

const rightCode = "BCD234"

func newDoors(wrong int) *doors {
	d := &doors{}
	d.guesses = newGuesses(wrong, d.clock.now)
	return d
}

// try gives how a try ended, and the wait of one that was refused.
func (d *doors) try(from netip.Prefix, code string) (fault.Code, time.Duration) {
	found, err := d.look(from, code, func(code string) (joined, error) {
		d.looks.Add(1)
		if d.hold != nil {
			<-d.hold
		}
		switch {
		case d.err != nil:
			return joined{}, d.err
		case code != rightCode:
			return joined{}, fault.Errorf(fault.NotFound, "no")
		}
		return joined{id: aTalk, title: "The talk"}, nil
	})
	if err == nil && found.id != aTalk {
		return fault.Code{Name: "nothing was found"}, 0
	}
	e, _ := errors.AsType[*fault.Error](err)
	if e == nil {
		return fault.CodeOf(err), 0
	}
	return e.Code, e.Wait
}

func host(n byte) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{192,
		0, 2, n}), 32)
}

// wrongCode gives one of many codes that name nothing.
func wrongCode(n int) string {
	const letters = "BCDFGHJKMN"
	return "222" + string([]byte{letters[n/100%10], letters[n/10%10], letters[n%10]})
}

func TestAnAddressMayTryAFewWrongCodesAndIsThenToldNothing(t *testing.T) {
	d := newDoors(6)
	for i := range 6 {
		kind, _ := d.try(host(1), rightCode)
		require.Empty(t, kind, "right ones cost nothing")
		kind, _ = d.try(host(1), wrongCode(i))
		require.Equal(t, fault.NotFound, kind)
	}
	looks := d.looks.Load()
	for _, code := range []string{wrongCode(7), "no code at all", ""} {
		kind, wait := d.try(host(1), code)
		require.Equal(t, fault.Busy, kind, code)
		require.Equal(t, 10*time.Second, wait)
	}
	require.Equal(t, looks, d.looks.Load(), "nothing is looked up for it")
	kind, _ := d.try(host(1), rightCode)
	require.Empty(t, kind, "it knows this one already")
	kind, _ = d.try(host(2), rightCode)
	require.Empty(t, kind)
	d.clock.move(10 * time.Second)
	kind, _ = d.try(host(1), rightCode)
	require.Empty(t, kind)
	kind, _ = d.try(host(1), "no code at all")
	require.Equal(t, fault.NotFound, kind, "which is a guess like any other")
	kind, _ = d.try(host(1), wrongCode(8))
	require.Equal(t, fault.Busy, kind)
}

func TestManyTriesAtOnceAreWorthNoMore(t *testing.T) {
	d := newDoors(10)
	d.hold = make(chan struct{})
	var told, refused atomic.Int32
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			switch kind, _ := d.try(host(1), wrongCode(i)); kind {
			case fault.NotFound:
				told.Add(1)
			case fault.Busy:
				refused.Add(1)
			}
		})
	}
	require.Eventually(t, func() bool { return refused.Load() == 190 }, 20*time.Second,
		time.Millisecond)
	close(d.hold)
	all.Wait()
	require.EqualValues(t, 10, told.Load())
}

func TestAHallBehindOneAddressJoinsAtOnceHoweverSlowTheDatabaseIs(t *testing.T) {
	d := newDoors(2)
	d.hold = make(chan struct{})
	var in atomic.Int32
	var all sync.WaitGroup
	for range 300 {
		all.Go(func() {
			if kind, _ := d.try(host(1), rightCode); kind == (fault.Code{}) {
				in.Add(1)
			}
		})
	}
	require.Eventually(t, func() bool { return d.looks.Load() > 0 }, 20*time.Second,
		time.Millisecond)
	close(d.hold)
	all.Wait()
	require.EqualValues(t, 300, in.Load())
}

func TestOutageCostsNoTries(t *testing.T) {
	d := newDoors(3)
	d.err = fault.Errorf(fault.Unavailable, "away")
	for range 20 {
		kind, _ := d.try(host(1), rightCode)
		require.Equal(t, fault.Unavailable, kind)
	}
	d.err = nil
	kind, _ := d.try(host(1), rightCode)
	require.Empty(t, kind)
}

// Each of many addresses stays below its own bound. Together they are noticed, and slowed down; a
// hall is not.
func TestManyAddressesTogetherAreSlowedDownAndAHallIsNot(t *testing.T) {
	d := newDoors(60)
	for i := range 6 { // people in the hall mistype all the time
		kind, _ := d.try(host(200), wrongCode(i))
		require.Equal(t, fault.NotFound, kind)
	}
	told := 0
	for minute := range 3 {
		for n := range byte(100) {
			for i := range 20 {
				if kind, _ := d.try(host(n), wrongCode(i)); kind == fault.NotFound {
					told++
				}
			}
		}
		if minute == 0 {
			require.InDelta(t, 600+70*6, told, 20,
				"thirty addresses' tries, and then a few of each: without the bound 2000")
			told = 0
		}
		for range 300 {
			kind, _ := d.try(host(201), rightCode)
			require.Empty(t, kind, "a hall in which nobody mistypes goes on")
		}
		kind, wait := d.try(host(0), rightCode)
		require.Equal(t, fault.Busy, kind)
		require.LessOrEqual(t, wait, 10*time.Second)
		d.clock.move(10 * time.Second)
		kind, _ = d.try(host(200), rightCode)
		require.Empty(t, kind, "a hall in which some do waits for seconds")
		d.clock.move(50 * time.Second)
	}
	d.clock.move(2 * time.Minute)
	for i := range 60 {
		kind, _ := d.try(host(0), wrongCode(i))
		require.Equal(t, fault.NotFound, kind, "when they stop, all is as before")
	}
}

func TestWithoutALimitCodesMayBeTriedForEver(t *testing.T) {
	d := newDoors(0)
	for i := range 1000 {
		kind, _ := d.try(host(1), wrongCode(i))
		require.Equal(t, fault.NotFound, kind)
	}
}

func TestOnePresentationsEditsAreBounded(t *testing.T) {
	var clock stillClock
	b := newBounds(0, 0, clock.now)
	id := uuid.New()
	for range edits.Burst {
		require.NoError(t, b.edit(id))
	}
	busy, ok := errors.AsType[*fault.Error](b.edit(id))
	require.True(t, ok)
	require.Equal(t, fault.Busy, busy.Code)
	require.Equal(t, 100*time.Millisecond, busy.Wait)
	require.NoError(t, b.edit(uuid.New()), "others go on")
	clock.move(time.Second)
	for range 10 {
		require.NoError(t, b.edit(id))
	}
	require.Error(t, b.edit(id))
}

// Somebody in a hall who tries codes all the time must not keep those out who know the right one.
func TestAHallThatHasJoinedGoesOnJoiningThoughSomebodyThereGuesses(t *testing.T) {
	g := newGuesses(3, time.Now)
	find := func(code string) (joined, error) {
		if code != "BCD234" {
			return joined{}, fault.Errorf(fault.NotFound, "no")
		}
		return joined{id: aTalk}, nil
	}
	look := func(from netip.Prefix, code string) fault.Code {
		_, err := g.look(from, code, find)
		return fault.CodeOf(err)
	}
	require.Empty(t, look(host(1), "BCD234"))
	for range 3 {
		require.Equal(t, fault.NotFound, look(host(1), "222222"))
	}
	require.Equal(t, fault.Busy, look(host(1), "222222"))
	for range 100 {
		require.Empty(t, look(host(1), "BCD234"), "it is told nothing new")
	}
	for range 3 {
		require.Equal(t, fault.NotFound, look(host(2), "222222"))
	}
	require.Equal(t, fault.Busy, look(host(2), "BCD234"), "who guesses first learns nothing")
}

func TestACodeThatWasRightAndIsRenewedIsAGuessAgain(t *testing.T) {
	g := newGuesses(1, time.Now)
	right := true
	find := func(string) (joined, error) {
		if !right {
			return joined{}, fault.Errorf(fault.NotFound, "no")
		}
		return joined{id: aTalk}, nil
	}
	_, err := g.look(host(1), "BCD234", find)
	require.NoError(t, err)
	right = false
	for _, want := range []fault.Code{fault.NotFound, fault.NotFound, fault.Busy} {
		_, err := g.look(host(1), "BCD234", find)
		require.Equal(t, want, fault.CodeOf(err))
	}
}
