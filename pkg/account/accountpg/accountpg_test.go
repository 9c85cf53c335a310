package accountpg

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/pkg/account"
	"github.com/plenary-live/plenary/pkg/account/accounttest"
	"github.com/plenary-live/plenary/pkg/postgres"
	"github.com/plenary-live/plenary/test/stack"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(stack.Main(m)) }

func TestStore(t *testing.T) {
	for name, pooler := range map[string]bool{"sessions": false, "no sessions": true} {
		t.Run(name, func(t *testing.T) {
			accounttest.Run(t, func(t *testing.T) account.Store {
				db, err := postgres.Open(
					t.Context(),
					postgres.Config{URL: stack.PostgresURL(t), Pooler: pooler},
				)
				require.NoError(t, err)
				t.Cleanup(func() { require.NoError(t, db.Close()) })
				return New(db)
			})
		})
	}
}
