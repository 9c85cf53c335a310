package talks

import (
	"net/netip"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/limit"
)

var (
	// edits bounds what an owner writes to one talk, whoever it is.
	edits = limit.Rate{PerMinute: 120, Burst: 60}
	// imports bounds the files of one address, where adding talks is bounded.
	imports = limit.Rate{PerMinute: 6, Burst: 6}
)

// talkAddress is what of a talk goes to one address.
type talkAddress struct {
	talk    uuid.UUID
	address netip.Prefix
}

// bounds are how often an address, or a talk's owner, may do what must not be done without end.
type bounds struct {
	creation    *limit.Limiter[netip.Prefix]
	imports     *limit.Limiter[netip.Prefix]
	edits       *limit.Limiter[uuid.UUID]
	passes      *limit.Limiter[talkAddress]
	createLimit int
}

func newBounds(creations, passes int) *bounds {
	files := limit.Rate{}
	if creations > 0 {
		files = imports
	}
	return &bounds{
		imports:     limit.New[netip.Prefix](files, time.Now),
		creation:    limit.New[netip.Prefix](perMinute(creations), time.Now),
		edits:       limit.New[uuid.UUID](edits, time.Now),
		passes:      limit.New[talkAddress](perMinute(passes), time.Now),
		createLimit: creations,
	}
}

func perMinute(n int) limit.Rate { return limit.Rate{PerMinute: n, Burst: n} }

func (b *bounds) create(from netip.Prefix) error {
	if wait := b.creation.Take(from); wait > 0 {
		return fault.BusyFor(wait, "this address has created %d talks within a minute",
			b.createLimit)
	}
	return nil
}

// importing takes note of a file. What is refused is given back: who mends a file sends it again.
func (b *bounds) importing(from netip.Prefix) (refused func(), err error) {
	if wait := b.imports.Take(from); wait > 0 {
		return nil, fault.BusyFor(wait, "this address has imported %d programmes within a minute",
			imports.Burst)
	}
	return func() { b.imports.Give(from) }, nil
}

func (b *bounds) edit(id uuid.UUID) error {
	if wait := b.edits.Take(id); wait > 0 {
		return fault.BusyFor(wait, "too many edits of this talk at once")
	}
	return nil
}

func (b *bounds) pass(id uuid.UUID, from netip.Prefix) error {
	if wait := b.passes.Take(talkAddress{id, from}); wait > 0 {
		return fault.BusyFor(wait, "this address has got too many passes of this talk")
	}
	return nil
}
