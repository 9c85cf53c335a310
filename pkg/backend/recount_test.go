package backend

import (
	"context"
	"database/sql"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/config"
	"github.com/plenary-live/plenary/pkg/talk"
	"github.com/plenary-live/plenary/pkg/telemetry"
)

func TestRecountSaysWhatDiffersAndMendsIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "plenary.db")
	cfg, err := config.Load(func(name string) (string, bool) {
		return "sqlite:" + path, name == "PLENARY_DATABASE_URL"
	})
	require.NoError(t, err)
	quiet := slog.New(slog.DiscardHandler)
	b := New(cfg, telemetry.NewMetrics(), quiet)
	require.NoError(t, b.OpenDatabase(t.Context()))
	one := talk.Talk{ID: uuid.New(), Code: "ABCDEF", Title: "Why queues"}
	require.NoError(t, b.Talks.Create(t.Context(), one))
	_, err = b.Talks.Count(t.Context(), []int{0}, []talk.Batch{{
		ID:      uuid.New(),
		Ratings: []talk.Rating{{ID: uuid.New(), TalkID: one.ID, Person: uuid.New(), Value: 5}},
	}})
	require.NoError(t, err)
	require.NoError(t, b.Close())

	recount := func(args ...string) (string, error) {
		var out strings.Builder
		err := Recount(&out).Run(context.Background(), cfg, args, quiet)
		return out.String(), err
	}
	for _, args := range [][]string{
		{"--mend"}, {"--repair", "--repair"}, {"talks"}, {""}, {"-repair"}, {"--REPAIR"},
		{"--repair=true"}, {"--repair", ""}, {" --repair"}, {"--repair\x00"}, {"\xff"},
		{strings.Repeat("-", 1<<16)},
	} {
		said, err := recount(args...)
		require.ErrorIs(t, err, ErrUsage, args)
		require.Empty(t, said)
	}
	said, err := recount()
	require.NoError(t, err)
	require.Equal(t, "polls: 0 compared, 0 differed, 0 mended\n"+
		"talks: 1 compared, 0 differed, 0 mended\n"+
		"feed: 0 compared, 0 differed, 0 mended\n"+
		"chats: 0 compared, 0 differed, 0 mended\n", said)

	raw, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	_, err = raw.Exec(`UPDATE talks SET fives = 3`)
	require.NoError(t, err)
	require.NoError(t, raw.Close())
	said, err = recount()
	require.ErrorIs(t, err, ErrDiffers)
	require.Contains(t, said, "talks: "+one.ID.String()+
		": ratings of 1 to 5: the tally is [0 0 0 0 3], the rows say [0 0 0 0 1]\n")
	said, err = recount("--repair")
	require.NoError(t, err)
	require.Contains(t, said, "; mended\n")
	require.Contains(t, said, "talks: 1 compared, 1 differed, 1 mended\n")
	said, err = recount()
	require.NoError(t, err)
	require.NotContains(t, said, "mended\n1")

	cfg.DatabaseURL = "sqlite:" + t.TempDir() // a folder is no database
	said, err = recount()
	require.Error(t, err)
	require.NotErrorIs(t, err, ErrDiffers)
	require.Empty(t, said, "nothing was compared")
}
