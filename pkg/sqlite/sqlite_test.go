package sqlite

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/poll/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Config{Path: path})
	require.NoError(t, err)
	return s
}

func TestStore(t *testing.T) {
	paths := map[poll.Store]string{}
	keep := func(path string, s poll.Store) poll.Store {
		paths[s] = path
		return s
	}
	storetest.Run(t,
		func(t *testing.T) poll.Store {
			path := filepath.Join(t.TempDir(), "plenary.db")
			return keep(path, open(t, path))
		},
		storetest.Shared(func(t *testing.T, s poll.Store) poll.Store { return keep(paths[s], open(t, paths[s])) }))
}
