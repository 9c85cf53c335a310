package polltest

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
)

func (s *suite) contexts(t *testing.T) {
	store := s.store(t)
	p := created(t, store)
	version := show(t, store, p, 0)
	ctx := ended(t)
	calls := map[string]func() error{
		"Create":       func() error { return store.Create(ctx, newPresentation(t)) },
		"Presentation": func() error { _, _, err := store.Presentation(ctx, p.ID); return err },
		"Join":         func() error { _, _, err := store.Join(ctx, p.JoinCode); return err },
		"Access":       func() error { _, err := store.Access(ctx, p.ID); return err },
		"SetAccess":    func() error { return store.SetAccess(ctx, p.ID, p.TokenHash, p.Tokens) },
		"SetJoinCode":  func() error { return store.SetJoinCode(ctx, p.ID, p.JoinCode) },
		"Unused":       func() error { _, err := store.Unused(ctx, 0, 1); return err },
		"Expire":       func() error { _, err := store.Expire(ctx, p.ID, 0); return err },
		"Erase":        func() error { _, err := store.Erase(ctx, 1); return err },
		"Display":      func() error { _, err := store.Display(ctx, p.ID); return err },
		"Transit": func() error {
			_, err := store.Transit(ctx, p.ID, poll.Move{}, nil)
			return err
		},
		"Edit": func() error {
			_, err := store.Edit(ctx, p.ID, poll.EditPresentation{Title: new("late")})
			return err
		},
		"Delete":  func() error { return store.Delete(ctx, p.ID, nil) },
		"History": func() error { _, err := store.History(ctx, p.ID, 0, 1); return err },
		"Results": func() error {
			_, err := store.Results(ctx, p.ID, p.Polls[0].ID)
			return err
		},
		"Votes": func() error {
			return store.Votes(ctx, p.ID, p.Polls[0].ID, uuid.Nil,
				func(poll.VoterAnswer) error { return nil })
		},
		"Newest": func() error {
			_, err := store.Newest(ctx, []uuid.UUID{p.ID}, []uuid.UUID{p.Polls[0].ID})
			return err
		},
		"Count": func() error {
			_, err := store.Count(ctx, []poll.Batch{votes(vote(p, 0, version, "A"))})
			return err
		},
		"Present": func() error {
			return store.Present(ctx, uuid.New(),
				map[uuid.UUID]poll.Presence{p.ID: {Viewers: 1}}, time.Minute)
		},
		"Refold": func() error { _, _, err := store.Refold(ctx); return err },
		"Secret": func() error {
			_, err := store.Secret(ctx, "late", []byte("late"))
			return err
		},
		"Grant": func() error { _, err := store.Grant(ctx, p.ID, 1); return err },
		"Audiences": func() error {
			_, err := store.Audiences(ctx, []uuid.UUID{p.ID}, time.Minute)
			return err
		},
		"Closing":    func() error { _, err := store.Closing(ctx); return err },
		"Partitions": func() error { return store.Partitions(ctx, Partitions) },
		"Ping":       func() error { return store.Ping(ctx) },
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) { requireKind(t, fault.Unavailable, call()) })
	}
	t.Run("and the store works on", func(t *testing.T) {
		count(t, store, votes(vote(p, 0, version, "A")))
		require.EqualValues(t, 1, results(t, store, p, 0).Voters)
	})
}
