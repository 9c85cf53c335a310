package feedpg

import (
	"crypto/md5"
	_ "embed"
	"flag"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/feed"
	"github.com/plenary-live/plenary/pkg/postgres"
	"github.com/plenary-live/plenary/test/stack"
)

var polls = flag.Int("polls", 10_000,
	"how many polls BenchmarkFeed has, and ten times as many answers: 1000000 takes a while")

//go:embed testdata/large.sql
var large string

// filled gives a store with so many polls, and ten times as many answers.
func filled(t testing.TB, n int) *Store {
	url := stack.PostgresURL(t)
	db := opened(t, url)
	plain := sqlx.MustOpen("postgres", url)
	defer func() { require.NoError(t, plain.Close()) }()
	plain.SetMaxOpenConns(1) // its functions are the session's
	_, err := plain.ExecContext(t.Context(), strings.ReplaceAll(large, ":polls", strconv.Itoa(n)))
	require.NoError(t, err)
	_, err = plain.ExecContext(t.Context(), `VACUUM ANALYZE`)
	require.NoError(t, err)
	return New(db, db)
}

// seer gives an account that has seen the newest polls.
func seer(n int) uuid.UUID { return md5.Sum([]byte(strconv.Itoa(n))) }

// looks are the ways to look for polls.
var looks = []struct {
	name string
	look feed.Look
}{
	{"all", feed.Look{}},
	{"tag", feed.Look{Tag: "tag7"}},
	{"frequent", feed.Look{Search: "umber"}},
	{"rare", feed.Look{Search: "ord1234"}},
	{"nothing", feed.Look{Search: "nobody wrote it"}},
}

// touched are the rows that a look reads of each table, and how often it reads one as a whole.
type touched struct {
	Table  string `db:"relname"`
	Tuples int64  `db:"tuples"`
	Scans  int64  `db:"scans"`
}

// touching gives what a look reads, and what it finds.
func touching(t testing.TB, s *Store, l feed.Look) (rows, whole int64, found int) {
	pattern := ""
	if l.Search != "" {
		pattern = "%" + l.Search + "%"
	}
	err := s.db.Write(t.Context(), "test", func(tx *sqlx.Tx) error {
		var f struct {
			IDs  postgres.UUIDs `db:"ids"`
			Rest uuid.NullUUID  `db:"rest"`
		}
		err := tx.Get(&f, `SELECT * FROM feeds_unseen_1($1, $2, $3, $4, $5, $6)`,
			l.Account, l.Tag, uuid.Max, time.Now().UnixMilli(), l.Limit, pattern)
		if err != nil {
			return err
		}
		found = len(f.IDs)
		var all []touched
		err = tx.Select(&all, `
			SELECT relname, seq_tup_read + coalesce(idx_tup_fetch, 0) AS tuples, seq_scan AS scans
			FROM pg_stat_xact_user_tables WHERE relname ~ '^feed_(polls|tags|answers)'`)
		for _, one := range all {
			rows += one.Tuples
			whole += one.Scans
		}
		return err
	})
	require.NoError(t, err)
	return rows, whole, found
}

func TestWhatALookReadsDoesNotGrowWithThePollsAndAnswers(t *testing.T) {
	few, many := filled(t, 2_000), filled(t, 6_000)
	for _, c := range looks {
		if c.name == "rare" || c.name == "nothing" {
			continue // the index of trigrams finds them
		}
		l := c.look
		l.Account, l.Limit = uuid.New(), 20
		rows, whole, found := touching(t, few, l)
		again, wholeAgain, foundAgain := touching(t, many, l)
		require.Equal(t, 20, found, c.name)
		require.Equal(t, 20, foundAgain, c.name)
		require.Zero(t, whole+wholeAgain, "%s: no table is read as a whole", c.name)
		require.LessOrEqual(t, again, rows+20, c.name)
	}
}

// BenchmarkFeed reads pages of 20, of accounts that have seen the newest 5,000 polls.
func BenchmarkFeed(b *testing.B) {
	s := filled(b, *polls)
	for _, c := range looks {
		b.Run(c.name, func(b *testing.B) {
			var took []time.Duration
			for i := 0; b.Loop(); i++ {
				l := c.look
				l.Account, l.Limit, l.Now = seer(1+i%max(1, *polls/1000)), 20, time.Now()
				begun := time.Now()
				_, _, err := s.Unseen(b.Context(), l)
				require.NoError(b, err)
				took = append(took, time.Since(begun))
			}
			slices.Sort(took)
			b.ReportMetric(took[len(took)*99/100].Seconds()*1000, "ms-99%")
		})
	}
}
