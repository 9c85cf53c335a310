package postgres

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/test/stack"
)

func TestAnEntryIsAppliedOnceHoweverOftenItComes(t *testing.T) {
	s := open(t, stack.PostgresURL(t))
	given := errors.New("given up")
	first, second := uuid.New(), uuid.New()
	once := func(want error, ids ...uuid.UUID) (applied map[uuid.UUID]bool) {
		apply := func(_ *sqlx.Tx, fresh map[uuid.UUID]bool) error {
			applied = fresh
			return want
		}
		err := s.Once(t.Context(), "apply", "chats", []int{3, 0}, ids, apply)
		require.ErrorIs(t, err, want)
		return applied
	}
	require.Equal(t, map[uuid.UUID]bool{first: true}, once(given, first))
	require.Equal(t, map[uuid.UUID]bool{first: true}, once(nil, first), "nothing was committed")
	require.Equal(t, map[uuid.UUID]bool{second: true}, once(nil, first, second, first))
	require.Empty(t, once(nil, first, second))
	require.Empty(t, once(nil))
	n, err := s.Forget(t.Context(), -time.Hour, 10)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.Equal(t, map[uuid.UUID]bool{first: true}, once(nil, first), "its id is forgotten")
}

func TestVotesAreNotAppliedUnderLocksThatTheirCountDoesNotTake(t *testing.T) {
	s := open(t, stack.PostgresURL(t))
	err := s.Once(t.Context(), "apply", "votes", []int{0}, []uuid.UUID{uuid.New()},
		func(*sqlx.Tx, map[uuid.UUID]bool) error {
			t.Error("it must not be called")
			return nil
		})
	require.ErrorContains(t, err, "votes")
	require.Zero(t, fault.CodeOf(err), "nobody outside can help it")
}

// Calls for partitions that they share wait for each other, in whatever order they name them, and
// nobody else waits.
func TestWhoAppliesEntriesKeepsOthersOutOfThePartitionsOfItsStream(t *testing.T) {
	s := open(t, stack.PostgresURL(t))
	begun, end, ended := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		apply := func(*sqlx.Tx, map[uuid.UUID]bool) error {
			close(begun)
			<-end
			return nil
		}
		ids := []uuid.UUID{uuid.New()}
		ended <- s.Once(context.Background(), "apply", "chats", []int{2, 1}, ids, apply)
	}()
	<-begun
	try := func(stream string, partitions ...int) error {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		apply := func(*sqlx.Tx, map[uuid.UUID]bool) error { return nil }
		return s.Once(ctx, "apply", stream, partitions, []uuid.UUID{uuid.New()}, apply)
	}
	require.NoError(t, try("chats", 0, 3))
	require.NoError(t, try("talks", 1, 2), "another stream has its own")
	require.Error(t, try("chats", 0, 1))
	close(end)
	require.NoError(t, <-ended)
	require.NoError(t, try("chats", 1, 2))
}
