package e2e

import (
	"context"
	"database/sql"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/queue"
	"github.com/plenary-live/plenary/test/stack"
)

// table is what the database knows of partitions.
type table struct {
	*testing.T
	*sql.DB
}

func tableOf(t *testing.T, st *stack.Stack) table {
	db, err := sql.Open("postgres", st.DatabaseURL)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return table{t, db}
}

// ask reads a number.
func (b table) ask(query string, args ...any) (n int) {
	b.Helper()
	require.NoError(b, b.QueryRowContext(b.Context(), query, args...).Scan(&n))
	return n
}

// lies requires that a presentation was stored in its partition of so many.
func (b table) lies(r *Room, partitions int) {
	b.Helper()
	require.Equal(b, partitionOf(r, partitions), b.ask(
		`SELECT partition FROM presentations WHERE id = $1`, r.PresentationID))
}

func partitionOf(r *Room, partitions int) int {
	return queue.Partition(uuid.MustParse(r.PresentationID), partitions)
}

// TestTheNumberOfPartitionsIsRaisedByARollingRestart raises it from 2 to 8 while people vote and
// move through the slides of a presentation of before. One that is made in the middle of it lies in
// a partition that half of the processes were not told of.
func TestTheNumberOfPartitionsIsRaisedByARollingRestart(t *testing.T) {
	two, eight := "PLENARY_PARTITIONS=2", "PLENARY_PARTITIONS=8"
	s, st := own(t, stack.Config{AMQPURL: stack.RabbitMQURL(t),
		APIEnv: []string{"PLENARY_ACCESS_LOG=false", two}, WorkerEnv: []string{two},
	})
	db := tableOf(t, st)
	client := newFast(s.base, 64)
	defer client.close()
	crowd := func(r *Room) *audience {
		x := newAudience(t, r)
		x.vote(client, 20)
		x.present(400 * time.Millisecond)
		x.read()
		return x
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	raise := func(p *stack.Process) {
		p.Set(eight)
		require.NoError(t, p.Stop())
		require.NoError(t, p.Start(ctx))
		t.Logf("%s has more partitions", p.Name)
	}

	old := show(s.Client, slides(200)...)
	db.lies(old, 2)
	rooms := []*audience{crowd(old)}
	time.Sleep(pauseBetween)
	raise(st.APIs[0])
	require.Equal(t, 8, db.ask(`SELECT count(*) FROM partitions`))
	require.Equal(t, 2, db.ask(`SELECT count(*) FROM partitions WHERE original`))

	fresh := show(NewClient(t, st.APIs[0].URL), slides(200)...)
	for partitionOf(fresh, 8) < 2 {
		fresh = show(NewClient(t, st.APIs[0].URL), slides(200)...)
	}
	db.lies(fresh, 8)
	told := fresh.Through(NewClient(t, st.APIs[1].URL)) // with the old setting
	told.Count(Ballot{PollID: told.Polls[0].PollID, ClientID: NewVoter(), Key: "A"})
	told.Next()
	finalOf(t, told, told.Polls[0].PollID)
	require.EqualValues(t, 1, told.Recount(told.Polls[0].PollID).Total)
	still := show(NewClient(t, st.APIs[1].URL), choice("Who wins?"))
	db.lies(still, 2)
	late := show(NewClient(t, st.APIs[0].URL), slides(200)...)
	for partitionOf(late, 8) < 2 {
		late = show(NewClient(t, st.APIs[0].URL), slides(200)...)
	}
	rooms = append(rooms, crowd(late.Through(s.Client)))
	time.Sleep(pauseBetween)
	for _, p := range append(st.APIs[1:], st.Workers...) {
		raise(p)
		time.Sleep(pauseBetween)
	}

	for i, x := range rooms {
		x.leave()
		shown := int(x.shown.Load())
		t.Logf("room %d: %d votes acknowledged, %d retried; %d moves, %d repeated", i,
			x.acknowledged.Load(), x.retried.Load(), x.moves.Load(), x.movedAgain.Load())
		require.Greater(t, shown, 10)
		require.Equal(t, http.StatusNoContent, x.room.Clear().Status)
		finalOf(t, x.room, x.room.Polls[shown].PollID)
		for n, p := range x.room.Polls[:shown+1] {
			res := x.room.Results(p.PollID)
			if res.Status != "final" {
				res = finalOf(t, x.room, p.PollID)
			}
			require.EqualValues(t, n+1, res.Version, "every slide was shown once")
		}
		t.Logf("%d votes are counted", x.book.check(t, x.room))
		require.Less(t, x.retried.Load(), x.acknowledged.Load())
	}
	db.lies(old, 2)
	db.lies(late, 8)
	again := show(s.Client, choice("Who wins?"))
	db.lies(again, 8)
	still.Count(Ballot{PollID: still.Polls[0].PollID, ClientID: NewVoter(), Key: "A"})
}
