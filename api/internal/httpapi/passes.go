package httpapi

import (
	"context"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/plenary-live/plenary/pkg/limit"
	"github.com/plenary-live/plenary/pkg/poll"
)

const (
	// grantTimeout bounds the write that counts passes as given.
	grantTimeout = callTimeout
	// wrongPasscodes is how many wrong passcodes an address may try, at once and in each minute. A right one is not counted.
	wrongPasscodes = 60
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

// entrance gives passes. It is safe for use by many goroutines. Passes that are asked for at the same time are counted in one write for
// each presentation: a room comes in all at once.
type entrance struct {
	passes *poll.Passes
	store  granter
	given  *limit.Limiter[roomAddress]
	wrong  *limit.Limiter[netip.Prefix]
	known  *lru.Cache[roomKey, struct{}] // keys whose pass is counted
	ctx    context.Context
	cancel context.CancelFunc
	rooms  sync.WaitGroup // a goroutine for each that somebody enters

	mu    sync.Mutex
	lines map[uuid.UUID]*entering // those whose write has not begun
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

// newEntrance makes an entrance that gives an address at most perMinute passes of a presentation, at once and in each minute; 0: any
// number. Close it before the store.
func newEntrance(passes *poll.Passes, store granter, perMinute int) *entrance {
	known, err := lru.New[roomKey, struct{}](maxKnownKeys)
	if err != nil { // the size is positive
		panic(err)
	}
	e := &entrance{
		passes: passes, store: store, known: known, lines: map[uuid.UUID]*entering{},
		given: limit.New[roomAddress](limit.Rate{PerMinute: perMinute, Burst: perMinute}, time.Now),
		wrong: limit.New[netip.Prefix](limit.Rate{PerMinute: wrongPasscodes, Burst: wrongPasscodes}, time.Now),
	}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	return e
}

// close ends the writes and waits for them. enter must not be called after it.
func (e *entrance) close() {
	e.cancel()
	e.rooms.Wait()
}

// enter gives somebody at an address a pass. key is their idempotency key; Nil: none. fresh: it was not counted before. Errors: NoPasses,
// BadPasscode, RoomFull, Busy, and the store's.
func (e *entrance) enter(ctx context.Context, d poll.Display, passcode string, key uuid.UUID, from netip.Addr) (pass poll.Pass, fresh bool, err error) {
	address := limit.Address(from)
	if d.Voters != poll.ByPass {
		return pass, false, poll.Errorf(poll.NoPasses, "anyone may vote in this presentation, without a pass")
	}
	if d.Passcode != "" {
		if poll.CleanPasscode(passcode) == "" { // it is asked whether there is one, and nothing is guessed
			return pass, false, poll.Errorf(poll.BadPasscode, "this presentation asks for a passcode")
		}
		if wait := e.wrong.Wait(address); wait > 0 {
			return pass, false, poll.BusyFor(wait, "too many wrong passcodes came from this address")
		}
		if !d.Opens(passcode) {
			e.wrong.Take(address)
			return pass, false, poll.Errorf(poll.BadPasscode, "this is not the passcode on the slide")
		}
	}
	room := roomKey{d.PresentationID, key}
	if key == uuid.Nil || !e.known.Contains(room) {
		if wait := e.given.Take(roomAddress{d.PresentationID, address}); wait > 0 {
			return pass, false, poll.BusyFor(wait, "too many passes were given to this address")
		}
		if err := e.count(ctx, d.PresentationID); err != nil {
			return pass, false, err
		}
		fresh = true
		if key != uuid.Nil {
			e.known.Add(room, struct{}{})
		}
	}
	return e.passes.Draw(d.PresentationID, key, time.Now()), fresh, nil
}

// count counts one more pass as given.
func (e *entrance) count(ctx context.Context, id uuid.UUID) error {
	e.mu.Lock()
	l, ok := e.lines[id]
	switch {
	case !ok: // nobody writes: this one begins to
		l = &entering{done: make(chan struct{})}
		e.lines[id] = l
		e.rooms.Go(func() { e.write(id) })
	case l == nil: // a write is under way: this one is for the next
		l = &entering{done: make(chan struct{})}
		e.lines[id] = l
	}
	place := l.people
	l.people++
	e.mu.Unlock()
	select {
	case <-l.done:
	case <-ctx.Done():
		return poll.Unavailablef(ctx.Err(), "the database did not answer in time")
	}
	switch {
	case l.err != nil:
		return l.err
	case place >= l.granted:
		return poll.Errorf(poll.RoomFull, "as many people have joined as this presentation has room for")
	}
	return nil
}

// write counts those who wait until nobody does.
func (e *entrance) write(id uuid.UUID) {
	for {
		e.mu.Lock()
		l := e.lines[id]
		if l == nil {
			delete(e.lines, id)
			e.mu.Unlock()
			return
		}
		e.lines[id] = nil
		e.mu.Unlock()
		ctx, cancel := context.WithTimeout(e.ctx, grantTimeout)
		l.granted, l.err = e.store.Grant(ctx, id, l.people)
		cancel()
		close(l.done)
	}
}

// postVoter gives a voter a pass, or a new one for the one that they have.
func postVoter(c *call) error {
	var body struct {
		Passcode string  `json:"passcode"`
		Pass     *string `json:"pass"`
	}
	if len(c.Request().Body()) > 0 {
		if err := decode(c.Ctx, &body); err != nil {
			return err
		}
	}
	id, err := parseID("presentation_id", c.Params("id"))
	if err != nil {
		return err
	}
	key, err := c.idempotencyKey()
	if err != nil {
		return err
	}
	ctx, cancel := c.timeout()
	defer cancel()
	display, _, err := c.Cache.Display(ctx, id, time.Time{})
	if err != nil {
		return err
	}
	if body.Pass != nil {
		pass, err := c.server.entrance.passes.Renew(id, []byte(*body.Pass), time.Now())
		if err != nil {
			return err
		}
		return c.pass(http.StatusOK, pass)
	}
	address := c.server.clientAddr(c.Ctx)
	if display.Voters != poll.ByPass || !display.Opens(body.Passcode) { // only what is read now may say that
		if display, _, err = c.Cache.Display(ctx, id, time.Now()); err != nil {
			return err
		}
	}
	pass, fresh, err := c.server.entrance.enter(ctx, display, body.Passcode, key, address)
	if err != nil {
		return err
	}
	if fresh {
		c.server.hub.present.gave(id, c.server.entrance.passes.Hash(limit.Address(address).String()))
	}
	return c.pass(http.StatusCreated, pass)
}

// pass answers with a pass, which is its voter's secret.
func (c *call) pass(status int, pass poll.Pass) error {
	c.Set("Cache-Control", "no-store")
	return c.Status(status).JSON(struct {
		Pass    string    `json:"pass"`
		Expires time.Time `json:"expires_at"`
	}{pass.Text, pass.Expires.UTC()})
}

// idempotencyKey gives the key by which a client says that a request is the same as one before; Nil: none.
func (c *call) idempotencyKey() (uuid.UUID, error) {
	text := c.Get("Idempotency-Key")
	if text == "" {
		return uuid.Nil, nil
	}
	key, err := parseID("Idempotency-Key", text)
	if err != nil {
		return uuid.Nil, poll.Field("Idempotency-Key", "must be a UUID and not the nil UUID")
	}
	return key, nil
}
