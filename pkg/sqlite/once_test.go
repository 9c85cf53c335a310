package sqlite

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"
)

func TestAnEntryIsAppliedOnceHoweverOftenItComes(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "plenary.db"))
	t.Cleanup(func() { require.NoError(t, s.Close()) })
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
