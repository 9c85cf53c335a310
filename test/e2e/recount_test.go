package e2e

import (
	"bytes"
	"database/sql"
	"errors"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/plenary-live/plenary/test/stack"
)

// recounter runs the command recount of a program, beside those that run.
type recounter struct {
	*testing.T
	program, database string
	db                *sql.DB
}

func (r recounter) recount(args ...string) (said, failed string, code int) {
	r.Helper()
	dir, err := binaries.build()
	require.NoError(r, err)
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(r.Context(), filepath.Join(dir, r.program),
		append([]string{"recount"}, args...)...)
	cmd.Env = []string{"PLENARY_DATABASE_URL=" + r.database}
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		require.NoError(r, err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func (r recounter) spoil(statement string) {
	r.Helper()
	_, err := r.db.ExecContext(r.Context(), statement)
	require.NoError(r, err)
}

// requireRight runs a recount that finds no difference, and says a line among others.
func (r recounter) requireRight(line string) {
	r.Helper()
	said, failed, code := r.recount()
	require.Zero(r, code, "%s%s", said, failed)
	require.Contains(r, said, line)
}

func TestARecountOfTheAPIFindsAndMendsWhatDiffers(t *testing.T) {
	t.Parallel()
	s, st := own(t, stack.Config{Parts: stack.API, APIs: 1})
	path := filepath.Join(st.Dir, "api-0", "plenary.db")
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	r := recounter{t, "api", "sqlite:" + path, db}

	room := show(s.Client, choice("Who wins?"))
	poll := room.Polls[0].PollID
	for range 3 {
		room.Count(Ballot{PollID: poll, ClientID: NewVoter(), Key: "A"})
	}
	r.requireRight("polls: 1 compared, 0 differed, 0 mended\n")
	r.spoil(`UPDATE poll_states SET voters = voters + 2`)
	for range 2 {
		said, failed, code := r.recount()
		require.Equal(t, 1, code)
		require.Contains(t, said, "polls: "+poll+": voters: the tally is [5], the rows say [3]\n")
		require.Contains(t, said, "polls: 1 compared, 1 differed, 0 mended\n")
		require.Contains(t, failed, "not every tally is what its rows say: 1")
	}
	said, failed, code := r.recount("--repair")
	require.Zero(t, code, failed)
	require.Contains(t, said, "polls: 1 compared, 1 differed, 1 mended\n")
	r.requireRight("polls: 1 compared, 0 differed, 0 mended\n")
	require.EqualValues(t, 3, room.Results(poll).Total, "everybody sees it")

	for _, args := range [][]string{{"--mend"}, {"--repair", "--repair"}, {"polls"}, {""}} {
		said, failed, code := r.recount(args...)
		require.Equal(t, 2, code, args)
		require.Empty(t, said)
		require.Contains(t, failed, "recount --repair")
	}
}
