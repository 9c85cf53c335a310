package pollpg

import (
	"net/url"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/postgres"
	"github.com/plenary-live/plenary/test/stack"
)

// TestARoleThatMayOnlyUseTheTablesCounts: somebody else owns the schema and brings it to its
// version, and the role may make nothing, not even for its own session.
func TestARoleThatMayOnlyUseTheTablesCounts(t *testing.T) {
	owner := stack.PostgresURL(t)
	s := open(t, owner)
	require.NoError(t, s.Partitions(t.Context(), 1))
	role := "role_" + uuid.NewString()[:8]
	for _, statement := range []string{
		`CREATE ROLE ` + role + ` LOGIN PASSWORD 'password'`,
		`DO $$ BEGIN
			EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
			EXECUTE format('GRANT CONNECT ON DATABASE %I TO ` + role + `', current_database());
		END $$`,
		`REVOKE CREATE ON SCHEMA public FROM PUBLIC`,
		`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ` + role,
	} {
		_, err := s.raw.Exec(statement)
		require.NoError(t, err, statement)
	}
	t.Cleanup(func() {
		_, err := s.raw.Exec(`DROP OWNED BY ` + role + `; DROP ROLE ` + role)
		require.NoError(t, err)
	})
	u, err := url.Parse(owner)
	require.NoError(t, err)
	u.User = url.UserPassword(role, "password")
	for _, pooler := range []bool{false, true} {
		least := begin(t, postgres.Config{URL: u.String(), Pooler: pooler})
		for _, forbidden := range []string{
			`CREATE TABLE x ()`, `CREATE TEMPORARY TABLE x ()`, `DROP FUNCTION count_claim_1`,
		} {
			_, err := least.raw.Exec(forbidden)
			require.Error(t, err, forbidden)
		}
		require.NoError(t, least.Partitions(t.Context(), 1))
		p := talk(t, least)
		batch := votes(p.Polls[0].ID, "A", voters(2))
		outcome, err := least.Count(t.Context(), []poll.Batch{batch})
		require.NoError(t, err)
		require.Equal(t, [][]poll.Verdict{{poll.Counted, poll.Counted}}, outcome.Verdicts)
		_, err = least.Transit(t.Context(), p.ID, poll.Move{}, nil)
		require.NoError(t, err)
		require.NoError(t, least.Close())
		require.NoError(t, least.raw.Close())
	}
}
