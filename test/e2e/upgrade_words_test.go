package e2e

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/question"
	"github.com/plenary-live/plenary/test/stack"
)

// TestAnUpgradeCountsWordsByOneFold lets people write and change words while a new worker takes the
// place of an earlier one, gives it back, and takes it again. In the end nothing is lost or counted
// twice, and all words are counted as a new worker counts them.
func TestAnUpgradeCountsWordsByOneFold(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: this system needs servers")
	}
	t.Parallel()
	u := newUpgrade(t, beforePasses)
	theirs := "PLENARY_PARTITIONS=" // each program's default
	s, st := own(t, stack.Config{AMQPURL: stack.RabbitMQURL(t),
		APIEnv:    []string{"PLENARY_ACCESS_LOG=false", theirs},
		WorkerEnv: []string{theirs}, Each: u.link})
	mixed := *s.Client
	mixed.contract = nil // who answers may be of before
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()

	r := show(&mixed, wordCloud("Where?"), wordCloud("And now?"))
	cloud, before := r.Polls[0].PollID, show(&mixed, wordCloud("Where?"))
	before.Count(Ballot{PollID: before.Polls[0].PollID, ClientID: NewVoter(), Text: "STRASSE"})
	require.Equal(t, http.StatusNoContent, before.Clear().Status)
	old := finalOf(t, before, before.Polls[0].PollID)

	// Each is a word of its own by an earlier fold, or is written otherwise.
	texts := []string{"İstanbul", "ISTANBUL", "istanbul!", "ıstanbul", "❤️", "❤", "Straße",
		"STRASSE", "Rome", "1️⃣", "1⃣"}
	stop := make(chan struct{})
	var writing sync.WaitGroup
	var taken atomic.Int64
	for i := range 8 {
		voters := []string{NewVoter(), NewVoter(), NewVoter()}
		writing.Go(func() {
			for n := i; ; n++ {
				select {
				case <-stop:
					return
				case <-time.After(20 * time.Millisecond):
				}
				a, err := r.Try(r.ballot(Ballot{PollID: cloud, ClientID: voters[n%len(voters)],
					Texts: []string{texts[n*7%len(texts)]}}))
				if err == nil && (a.Status == http.StatusNoContent ||
					a.Status == http.StatusAccepted) {
					taken.Add(1)
				}
			}
		})
	}
	counted := func(who string) { // more than what was under way
		t.Helper()
		for range 3 {
			revision := r.Results(cloud).Revision
			require.Eventually(t, func() bool { return r.Results(cloud).Revision > revision },
				time.Minute, 100*time.Millisecond, who)
		}
		t.Logf("%s: %d votes taken", who, taken.Load())
	}
	counted("earlier workers count")
	u.replace(ctx, st.APIs[0]) // which changes the schema under the others
	fresh, earlier := st.Workers[0], st.Workers[1]
	u.replace(ctx, fresh)
	counted("an earlier worker counts, and a new one waits")
	earlier.Pause()
	counted("a new worker counts")
	earlier.Resume()
	time.Sleep(pauseBetween) // it comes back
	require.NoError(t, fresh.Stop())
	counted("an earlier worker counts what a new one has counted")
	require.NoError(t, fresh.Start(ctx))
	for _, p := range append(st.APIs[1:], earlier) {
		u.replace(ctx, p)
	}
	counted("all are new")
	close(stop)
	writing.Wait()
	require.Greater(t, taken.Load(), int64(200))

	now := r.Through(s.Client)
	require.Equal(t, "200", now.Do(Request{Method: http.MethodPut, Path: now.Path("/polls/current"),
		Token: now.PresenterToken,
		JSON:  map[string]string{"poll_id": r.Polls[1].PollID}}).Code())
	finalOf(t, now, cloud)
	res := now.Recount(cloud)
	words := map[string]int64{}
	for _, w := range res.Words {
		require.True(t, slices.Contains(texts, w.Text), "%q is not as anybody wrote it", w.Text)
		words[question.WordCloud.Words(question.Answer(w.Text))[0]] += w.Count
	}
	require.Len(t, words, len(res.Words), "%v are words by one fold", res.Words)
	require.Subset(t, []string{"istanbul", "❤", "strasse", "rome", "1⃣"},
		slices.Collect(maps.Keys(words)))
	t.Logf("%d voters: %s", res.Total, strings.Trim(fmt.Sprint(res.Words), "[]"))

	require.Equal(t, old.Words, before.Through(s.Client).Results(before.Polls[0].PollID).Words,
		"final is final")
}
