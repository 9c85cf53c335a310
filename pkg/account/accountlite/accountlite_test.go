package accountlite

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/pkg/account"
	"github.com/plenary-live/plenary/pkg/account/accounttest"
	"github.com/plenary-live/plenary/pkg/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStore(t *testing.T) {
	accounttest.Run(t, func(t *testing.T) account.Store {
		db, err := sqlite.Open(
			t.Context(),
			sqlite.Config{Path: filepath.Join(t.TempDir(), "plenary.db")},
		)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		return New(db)
	})
}
