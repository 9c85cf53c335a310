package browser

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/lib/pq"
	"github.com/stretchr/testify/require"
)

// TestTheBarsOfARoomOf500EndAtTheNumbersInTheDatabase lets 500 people vote, one in five twice,
// while a browser watches.
func TestTheBarsOfARoomOf500EndAtTheNumbersInTheDatabase(t *testing.T) {
	const voters, atOnce = 500, 50
	r := create(t, plain.title,
		newPoll{question: plain.question, kind: "choice", options: plain.options})
	r.show(0)
	stage, phone := visit(t, "presenter", desktop).presents(r), visit(t, "voter", phone)
	stage.open("/stage/" + r.ID)
	phone.open("/p/" + r.ID)
	for _, v := range []*visitor{stage, phone} {
		v.shows("#question", plain.question)
	}
	stage.run(`window.drawn = 0; new MutationObserver(() => ` +
		`window.drawn++).observe(document.querySelector("#voters"), { childList: true })`)
	began := time.Now()
	var room sync.WaitGroup
	for crowd := range atOnce {
		random := rand.New(rand.NewPCG(500, uint64(crowd)))
		room.Go(func() {
			for range voters / atOnce {
				voter := r.voter()
				for seq := range 1 + random.IntN(5)/4 {
					key := r.polls[0].Options[random.IntN(4)*random.IntN(4)/3].Key
					r.cast(0, voter, seq+1, map[string]any{"key": key})
				}
			}
		})
	}
	room.Wait()
	voted := time.Since(began)
	want := stored(t, r)
	t.Logf("%d voters voted in %.1f s; PostgreSQL has %v; the stage drew %d numbers of voters on "+
		"the way",
		voters, voted.Seconds(), want, value[int](stage, `window.drawn`))
	total := 0
	for i, n := range want {
		total += n
		require.Equal(t, n, r.results(0).Options[i].Count, "the API's numbers")
	}
	require.Equal(t, voters, total)
	for _, v := range []*visitor{stage, phone} {
		v.bars(want...)
		for i, n := range want {
			// What the eye sees: the bar's part of its track.
			v.until(`(() => {
				const bar = document.querySelectorAll("#chart .bar")[%d];
				const part = bar.querySelector(".fill").getBoundingClientRect().width / bar.querySelector(".track").getBoundingClientRect().width;
				return Math.abs(part - %f) < 0.005;
			})()`, i, float64(n)/voters)
		}
	}
	stage.shows("#voters", fmt.Sprint(voters))
	stage.shoot("stage-crowd")
}

// stored counts the votes in the database, by option.
func stored(t *testing.T, r *room) (counts []int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	db, err := sql.Open("postgres", site(t).DatabaseURL)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	var tallied []int64
	require.NoError(t, db.QueryRowContext(ctx, `SELECT counts FROM poll_states WHERE poll_id = $1`,
		r.polls[0].PollID).Scan(pq.Array(&tallied)))
	for i, option := range r.polls[0].Options {
		var n int
		require.NoError(t, db.QueryRowContext(ctx,
			`SELECT count(*) FROM votes WHERE poll_id = $1 AND answer::text = $2`,
			r.polls[0].PollID, option.Key).Scan(&n))
		require.EqualValues(t, n, tallied[i], "the tally of %s", option.Key)
		counts = append(counts, n)
	}
	return counts
}
