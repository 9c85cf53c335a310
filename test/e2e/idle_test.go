package e2e

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/poll/pollpg"
	"github.com/plenary-live/plenary/pkg/postgres"
	"github.com/plenary-live/plenary/pkg/question"
	"github.com/plenary-live/plenary/test/stack"
)

// idleRooms makes presentations whose first poll is displayed, in the database alone: a room each,
// none of which has been asked for anything yet.
func idleRooms(t *testing.T, c *Client, url string, n int) (rooms []*Room) {
	t.Helper()
	db, err := postgres.Open(t.Context(), postgres.Config{URL: url})
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	store := pollpg.New(db)
	ids := make(chan poll.Presentation, n)
	for range n {
		p, err := poll.New("Idle",
			[]poll.Poll{{Question: question.Question{Text: "Who?",
				Options: []question.Option{{Key: "A", Value: "a"}, {Key: "B", Value: "b"}}}}})
		require.NoError(t, err)
		p.JoinCode = p.ID.String()
		require.NoError(t, p.Open(0))
		rooms = append(rooms, &Room{Client: c, Created: Created{PresentationID: p.ID.String()},
			Polls: []Poll{{PollID: p.Polls[0].ID.String()}}})
		ids <- p
	}
	close(ids)
	concurrently(8, func(int) {
		for p := range ids {
			if err := store.Create(context.Background(), p); err != nil {
				t.Error(err)
			}
		}
	})
	return rooms
}

// transactions is how many the database has committed since it was made.
func transactions(t *testing.T, url string) (n float64) {
	t.Helper()
	db, err := sql.Open("postgres", url)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	require.NoError(t, db.QueryRowContext(t.Context(),
		`SELECT xact_commit FROM pg_stat_database WHERE datname = 'plenary'`).Scan(&n))
	return n
}

// TestThreeThousandRoomsWhereNothingHappensCostTheDatabaseNextToNothing has somebody watch each of
// 3,000 presentations, and others vote in one more.
func TestThreeThousandRoomsWhereNothingHappensCostTheDatabaseNextToNothing(t *testing.T) {
	const (
		rooms, votes = 3000, 300
		// by then a room where nothing happens is looked at as rarely as it ever is
		settled  = 20 * time.Second
		measured = 15 * time.Second // in which each is looked at once
		most     = 50.0             // transactions a second
	)
	s, st := own(t, stack.Config{Parts: stack.PostgreSQL | stack.API, APIs: 1,
		APIEnv: []string{"PLENARY_ACCESS_LOG=false"}})
	r := show(s.Client, choice("Who wins?"))
	f := newFast(s.base, 1)
	defer f.close()
	median := func() time.Duration {
		var took []time.Duration
		for range votes {
			begun := time.Now()
			a, err := f.post(r.Path("/polls/current/votes"),
				ballotJSON(r.Polls[0].PollID, NewVoter(), `,"key":"A"`))
			require.NoError(t, err)
			require.Equal(t, 204, a.Status)
			took = append(took, time.Since(begun))
		}
		return percentile(took, 50)
	}
	median() // which warms it up
	alone := median()

	idle := idleRooms(t, s.Client, st.DatabaseURL, rooms)
	streams := make([]*stream, len(idle))
	defer func() {
		for _, v := range streams {
			if v != nil {
				v.close()
			}
		}
	}()
	next := make(chan int, len(idle))
	for i := range idle {
		next <- i
	}
	close(next)
	concurrently(16, func(int) {
		for i := range next {
			v, res, err := open(idle[i], "")
			if err != nil || res.StatusCode != 200 {
				t.Errorf("stream %d: %v %v", i, res, err)
				return
			}
			streams[i] = v
		}
	})
	time.Sleep(settled)
	before, begun := transactions(t, st.DatabaseURL), time.Now()
	time.Sleep(measured)
	perSecond := (transactions(t, st.DatabaseURL) - before) / time.Since(begun).Seconds()
	among := median()
	t.Logf("%d viewers of as many presentations: %.1f transactions a second; a vote's median %s, "+
		"without them %s",
		rooms, perSecond, among.Round(10*time.Microsecond), alone.Round(10*time.Microsecond))
	require.Less(t, perSecond, most)
	// a machine that does other things must not fail the build
	require.Less(t, among, alone*3/2+5*time.Millisecond)

	// Nor does anybody hear later of what happens in a room that has slept.
	last := idle[len(idle)-1]
	asked := time.Now()
	last.Count(Ballot{PollID: last.Polls[0].PollID, ClientID: NewVoter(), Key: "B"})
	heard := streams[len(idle)-1].until(t, "a vote", total(last.Polls[0].PollID, 1))
	t.Logf("a vote in one of them is seen after %s", heard.read.Sub(asked).Round(time.Millisecond))
	require.Less(t, heard.read.Sub(asked), time.Second)
}
