package feed

import (
	"bytes"
	"context"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
)

const (
	// seenOf is of how many accounts a replica remembers what they have seen, and seenFor how long.
	seenOf  = 100_000
	seenFor = time.Minute
	// settled is how old a poll is that none comes before any more. An id is drawn before its poll
	// is committed. The clock that it is drawn from may be behind.
	settled = time.Minute
)

// stretch is a part of the feed that has nothing for an account. It has answered all polls there
// that are open. Polls do not open again, so only an answer that it takes back ends a stretch.
type stretch struct {
	high   uuid.UUID // polls above are not of it
	low    uuid.UUID // nor are those below; Nil: there are none
	undone int64     // how many answers the account had taken back before it was looked
	until  time.Time
}

// seen is what a replica knows of what accounts have seen. Without it, each look at the feed would
// read all answers to newer polls once more. It is safe for use by many goroutines.
type seen struct {
	known *lru.Cache[uuid.UUID, stretch]
}

func newSeen() seen {
	known, err := lru.New[uuid.UUID, stretch](seenOf)
	if err != nil { // the size is positive
		panic(err)
	}
	return seen{known}
}

// of gives an account's stretch. One that is too old, or that an answer was taken back since, is no
// stretch.
func (s seen) of(m Member, now time.Time) (part stretch, ok bool) {
	part, ok = s.known.Get(m.Account)
	return part, ok && part.undone == m.Undone && now.Before(part.until)
}

// learn takes in what a look from the newest poll on has found for a member that was read before.
func (s seen) learn(m Member, now time.Time, ids []uuid.UUID, rest uuid.UUID) {
	part := stretch{
		high: firstOf(now.Add(-settled)), undone: m.Undone, until: now.Add(seenFor), low: rest,
	}
	for _, id := range ids {
		if below(id, part.high) {
			part.low = above(id)
			break
		}
	}
	if below(part.low, part.high) { // else it does not reach that far
		s.known.Add(m.Account, part)
	}
}

func below(a, b uuid.UUID) bool { return bytes.Compare(a[:], b[:]) < 0 }

// above gives the id that is next to an id of a poll.
func above(id uuid.UUID) uuid.UUID {
	for i := len(id) - 1; i >= 0; i-- {
		if id[i]++; id[i] != 0 {
			break
		}
	}
	return id
}

// unseen is Store.Unseen without the stretch that has nothing for the account.
func (s *Service) unseen(
	ctx context.Context, l Look, m Member,
) (ids []uuid.UUID, rest uuid.UUID, err error) {
	part, ok := s.seen.of(m, l.Now)
	fromNewest := l.Before == uuid.Nil
	if !ok {
		ids, rest, err = s.Store.Unseen(ctx, l)
		if err == nil && fromNewest && l.Tag == "" && l.Search == "" {
			s.seen.learn(m, l.Now, ids, rest)
		}
		return ids, rest, err
	}
	if fromNewest || below(part.high, l.Before) {
		newer := l
		newer.After = part.high
		if ids, rest, err = s.Store.Unseen(ctx, newer); err != nil || rest != uuid.Nil {
			return ids, rest, err
		}
		l.Before, l.Limit = part.high, l.Limit-len(ids)
	}
	if below(part.low, l.Before) {
		l.Before = part.low
	}
	if l.Before == uuid.Nil {
		return ids, rest, nil
	}
	older, rest, err := s.Store.Unseen(ctx, l)
	return append(ids, older...), rest, err
}
