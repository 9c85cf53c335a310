package e2e

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/test/stack"
)

// cellsWith gives the tables and columns of a database that have a text in them somewhere.
func cellsWith(t *testing.T, driver, url, tables, text string) (found []string) {
	t.Helper()
	db, err := sql.Open(driver, url)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	names := []string{}
	rows, err := db.QueryContext(t.Context(), tables)
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		names = append(names, name)
	}
	require.NoError(t, rows.Err())
	require.NotEmpty(t, names)
	for _, name := range names {
		found = append(found, columnsWith(t, db, name, text)...)
	}
	return found
}

func columnsWith(t *testing.T, db *sql.DB, table, text string) (found []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `SELECT * FROM "`+table+`"`)
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	columns, err := rows.Columns()
	require.NoError(t, err)
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		require.NoError(t, rows.Scan(values...))
		for i, v := range values {
			got := *v.(*any)
			if b, ok := got.([]byte); ok {
				got = string(b)
			}
			if strings.Contains(fmt.Sprint(got), text) {
				found = append(found, table+"."+columns[i])
			}
		}
	}
	require.NoError(t, rows.Err())
	return found
}

func TestADeletedAccountLeavesCountsAndNothingThatSaysWhoItsPersonWas(t *testing.T) {
	for _, c := range []struct {
		name, driver, tables string
		parts                stack.Part
	}{
		{"PostgreSQL", "postgres", `
			SELECT table_name FROM information_schema.tables
			WHERE table_schema = 'public' AND table_type = 'BASE TABLE'`,
			stack.PostgreSQL | stack.API},
		{"SQLite", "sqlite", `
			SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`,
			stack.API},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, st := own(t, stack.Config{Parts: c.parts, APIs: 1})
			url := st.DatabaseURL
			if c.driver == "sqlite" {
				url = "file:" + filepath.Join(st.Dir, "api-0", "plenary.db") +
					"?_pragma=busy_timeout(10000)"
			}
			with := func(text string) []string {
				return cellsWith(t, c.driver, url, c.tables, text)
			}
			p := s.Register()
			name := "Wilhelmine Mustermann-Ünal"
			require.Equal(t, 200, p.call("PATCH", "/users/me", object{"username": name}).Status)
			r := p.Own(NewPresentation{Polls: []NewPoll{choice("Now")}, Voters: "account"})
			var pass Pass
			require.NoError(t, r.Do(Request{
				Method: "POST", Path: r.Path("/voters"), Token: p.Token, JSON: object{},
			}).Decode(&pass))
			poll := r.Polls[0].PollID
			require.Equal(t, 204, r.Cast(Ballot{PollID: poll, Key: "A", Pass: pass.Pass}).Status)
			require.Equal(t, []string{"accounts.email"}, with(p.Email))
			require.Equal(t, []string{"accounts.username"}, with(name))
			require.Equal(t, []string{"accounts.password"}, with("$argon2id$"))

			require.Equal(t, 204, p.call("DELETE", "/users/me", nil).Status)
			for _, text := range []string{p.Email, name, "$argon2id$"} {
				require.Empty(t, with(text))
			}
			results := r.Results(poll)
			require.EqualValues(t, 1, results.Total)
			require.Equal(t, "account", results.Identity)
			require.Equal(t, "owner", r.Presentation(true).Role)
			s.Register()
			require.Equal(t, []string{"accounts.password"}, with("$argon2id$"), "it looked again")
		})
	}
}
