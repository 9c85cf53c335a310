package feed

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/singleflight"
)

// Page is a part of the feed.
type Page struct {
	Polls []Poll
	Next  uuid.UUID // before which the next part is; Nil: there is none
	Quota Quota
}

// Page reads polls that an account has neither voted on nor skipped: the newest first. A page may
// have fewer than its limit, or none, and yet a next one. Invalid: a tag or a search that no poll
// can have.
func (s *Service) Page(ctx context.Context, l Look) (p Page, err error) {
	if l.Tag != "" {
		if l.Tag, err = CleanTag("tag", l.Tag); err != nil {
			return Page{}, err
		}
	}
	if l.Search != "" {
		if l.Search, err = CleanSearch("search", l.Search); err != nil {
			return Page{}, err
		}
	}
	if l.Now.IsZero() {
		l.Now = time.Now()
	}
	m, err := s.Store.Member(ctx, l.Account)
	if err != nil {
		return Page{}, err
	}
	ids, rest, err := s.unseen(ctx, l, m)
	if err != nil {
		return Page{}, err
	}
	found, err := s.polls.several(ctx, ids)
	if err != nil {
		return Page{}, err
	}
	p.Polls, p.Next = []Poll{}, rest
	for _, id := range ids {
		if poll, ok := found[id]; ok { // else it was deleted meanwhile
			p.Polls = append(p.Polls, poll)
		}
	}
	p.Quota = s.rules.Quota(m, l.Now)
	return p, nil
}

// Quota gives how many votes an account has left.
func (s *Service) Quota(ctx context.Context, account uuid.UUID) (Quota, error) {
	m, err := s.Store.Member(ctx, account)
	return s.rules.Quota(m, time.Now()), err
}

// Several gives polls as they were at most a Lease ago. What is not there is missing.
func (s *Service) Several(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]Poll, error) {
	return s.polls.several(ctx, ids)
}

const (
	// popularFor is how long a replica tells what tags are popular.
	popularFor = 10 * time.Second
	// popularAmong is of how many polls that are the tags.
	popularAmong = 1000
	// MaxPopular is how many tags are told.
	MaxPopular = 50
)

// Tags gives the tags of the newest polls, as they were a few seconds ago: the most frequent first,
// at most MaxPopular.
func (s *Service) Tags(ctx context.Context) ([]TagCount, error) { return s.popular.tags(ctx) }

// popular is what a replica knows of tags.
type popular struct {
	store Store
	now   func() time.Time
	under singleflight.Group

	mu    sync.Mutex
	known []TagCount
	until time.Time
}

func newPopular(store Store, now func() time.Time) *popular {
	return &popular{store: store, now: now}
}

func (p *popular) tags(ctx context.Context) ([]TagCount, error) {
	p.mu.Lock()
	known, fresh := p.known, p.now().Before(p.until)
	p.mu.Unlock()
	if fresh {
		return known, nil
	}
	return shared(ctx, &p.under, "", func(ctx context.Context) ([]TagCount, error) {
		tags, err := p.store.Popular(ctx, popularAmong, MaxPopular)
		if err == nil {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.known, p.until = tags, p.now().Add(popularFor)
		}
		return tags, err
	})
}
