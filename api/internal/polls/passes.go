package polls

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/life"
	"github.com/plenary-live/plenary/pkg/limit"
	"github.com/plenary-live/plenary/pkg/poll"
)

const (
	// grantTimeout bounds the write that counts passes as given.
	grantTimeout = web.CallTimeout
	// maxKnownKeys bounds the idempotency keys that a replica knows.
	maxKnownKeys = 100_000
)

// roomAddress is what of a presentation goes to one address.
type roomAddress struct {
	presentation uuid.UUID
	address      netip.Prefix
}

// roomKey is an idempotency key of a presentation's.
type roomKey struct{ presentation, key uuid.UUID }

// entrance gives passes. It is safe for use by many goroutines. Passes that are asked for at the
// same time are counted in one write for each presentation: a room comes in all at once. It is a
// life.Service, which is stopped before the store.
type entrance struct {
	*life.Tasks // one for each room that somebody enters
	passes      *access.Passes
	store       granter
	given       *limit.Limiter[roomAddress]
	wrong       *guesses // at passcodes
	// a token while a write is under way: who enters many rooms at once must not take the database
	// from votes
	turn chan struct{}

	mu    sync.Mutex
	lines map[uuid.UUID]*entering // those whose write has not begun
	// by key, so that who asks again waits for what they had begun
	known *simplelru.LRU[roomKey, *place]
}

// granter is the part of poll.Store that is needed here.
type granter interface {
	Grant(ctx context.Context, id uuid.UUID, n int) (granted int, err error)
}

// entering are those whose passes are counted in one write.
type entering struct {
	people  int
	granted int
	err     error
	done    chan struct{} // closed when granted and err are known
}

// place is somebody's among those who enter.
type place struct {
	*entering
	before int // people
}

// outcome says, when done is closed, whether the pass is counted.
func (p *place) outcome() error {
	switch {
	case p.err != nil:
		return p.err
	case p.before >= p.granted:
		return fault.Errorf(access.RoomFull,
			"as many people have joined as this presentation has room for")
	}
	return nil
}

// refused says whether it is known that the pass is not counted.
func (p *place) refused() bool {
	select {
	case <-p.done:
		return p.outcome() != nil
	default:
		return false
	}
}

// newEntrance makes an entrance that gives an address at most so many passes of a presentation, at
// once and in each minute; 0: any number. wrong bounds what passcodes are tried.
func newEntrance(passes *access.Passes, store granter, most int, wrong *guesses) *entrance {
	known, err := simplelru.NewLRU[roomKey, *place](maxKnownKeys, nil)
	if err != nil { // the size is positive
		panic(err)
	}
	return &entrance{
		Tasks: life.NewTasks(), passes: passes, store: store, known: known,
		lines: map[uuid.UUID]*entering{},
		turn:  make(chan struct{}, 1), given: limit.New[roomAddress](perMinute(most), time.Now),
		wrong: wrong,
	}
}

// shown gives what a presentation displays, as of a read that began at or after since.
type shown func(since time.Time) (poll.Display, error)

// enter gives somebody at an address a pass. key is their idempotency key; Nil: none. fresh: it was
// not counted before. Errors: NoPasses, NoSession (an account has a pass without a place),
// BadPasscode, RoomFull, Busy, and the store's.
func (e *entrance) enter(ctx context.Context, look shown, passcode string, key uuid.UUID,
	from netip.Addr) (pass access.Pass, fresh bool, err error) {
	address := limit.Address(from)
	d, err := look(time.Time{})
	if err == nil && d.Voters != access.ByPass { // only what is read now may say that
		d, err = look(time.Now())
	}
	switch {
	case err != nil:
		return pass, false, err
	case d.Voters == access.ByAccount:
		return pass, false, fault.Errorf(access.NoSession,
			"voters of this presentation log in first")
	case d.Voters != access.ByPass:
		return pass, false, fault.Errorf(access.NoPasses,
			"anyone may vote in this presentation, without a pass")
	case d.Passcode != "":
		if err := e.open(look, d, passcode, address); err != nil {
			return pass, false, err
		}
	}
	p, fresh, err := e.take(roomKey{d.PresentationID, key}, address)
	if err != nil {
		return pass, false, err
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		return pass, false, fault.Unavailablef(ctx.Err(), "the database did not answer in time")
	case <-e.Context().Done():
		return pass, false, fault.Errorf(fault.Unavailable, "stopping: send it again")
	}
	if err := p.outcome(); err != nil {
		return pass, false, err
	}
	return e.passes.Draw(d.PresentationID, key, time.Now()), fresh, nil
}

// open checks a passcode. A try takes its token before anything is compared: else the time of a
// refusal would tell right from wrong.
func (e *entrance) open(look shown, d poll.Display, passcode string,
	address netip.Prefix) (err error) {
	// it is asked whether there is one, and nothing is guessed
	if strings.Trim(passcode, " -") == "" {
		return fault.Errorf(access.BadPasscode, "this presentation asks for a passcode")
	}
	giveBack, wait := e.wrong.take(guess{d.PresentationID, address})
	if wait > 0 {
		return fault.BusyFor(wait, "too many wrong passcodes came from this address")
	}
	opens := d.Opens(passcode)
	if !opens { // only what is read now may say that
		if d, err = look(time.Now()); err != nil {
			giveBack()
			return err
		}
		opens = d.Opens(passcode)
	}
	if !opens {
		e.wrong.wrong()
		return fault.Errorf(access.BadPasscode, "this is not the passcode on the slide")
	}
	giveBack()
	return nil
}

// take gives somebody a place among those whose passes are counted next, or the one that their key
// has already. Error: Busy.
func (e *entrance) take(room roomKey, address netip.Prefix) (p *place, fresh bool, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if p, ok := e.known.Get(room); ok && !p.refused() {
		return p, false, nil
	}
	if wait := e.given.Take(roomAddress{room.presentation, address}); wait > 0 {
		return nil, false, fault.BusyFor(wait, "too many passes were given to this address")
	}
	l, writes := e.lines[room.presentation]
	if l == nil { // what is being written, if anything is, is without this one
		l = &entering{done: make(chan struct{})}
		e.lines[room.presentation] = l
	}
	if !writes {
		e.Go(func(ctx context.Context) { e.write(ctx, room.presentation) })
	}
	p = &place{l, l.people}
	l.people++
	if room.key != uuid.Nil {
		e.known.Add(room, p)
	}
	return p, true, nil
}

// write counts those who wait until nobody does.
func (e *entrance) write(ctx context.Context, id uuid.UUID) {
	for e.writeOnce(ctx, id) {
	}
}

// writeOnce counts those who wait when its turn comes. false: nobody did.
func (e *entrance) writeOnce(ctx context.Context, id uuid.UUID) bool {
	e.turn <- struct{}{}
	defer func() { <-e.turn }()
	e.mu.Lock()
	l := e.lines[id]
	if l == nil {
		delete(e.lines, id)
		e.mu.Unlock()
		return false
	}
	e.lines[id] = nil
	e.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, grantTimeout)
	defer cancel()
	l.granted, l.err = e.store.Grant(ctx, id, l.people)
	close(l.done)
	return true
}
