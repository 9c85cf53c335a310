package feeds

import (
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/feed"
)

func TestAnAccountAnswersAPollOnce(t *testing.T) {
	s := newScene(t, usual, Config{})
	p, bob := s.published(feed.AfterVote, ""), uuid.New()
	path := "/polls/" + p.String()
	s.voted(bob, p, "1")
	require.Equal(t, "Conflict already_voted", s.vote(bob, p, "1").code())
	require.Equal(t, "Conflict already_voted", s.by(bob, "POST", path+"/skip").code())
	require.Equal(t, "Conflict already_voted", s.by(bob, "DELETE", path+"/skip").code())
	seen := s.read(bob, p)
	require.Equal(t, 1, *seen.Answer.Option)
	require.WithinDuration(t, time.Now(), seen.Answer.At, time.Minute)
	require.Equal(t, []wireCount{{"A", 0}, {"B", 1}}, seen.Stats.Votes)
	require.EqualValues(t, 1, seen.Stats.Total)

	carl := uuid.New()
	require.Equal(t, 204, s.by(carl, "DELETE", path+"/skip").status, "there is none")
	require.Equal(t, 204, s.by(carl, "POST", path+"/skip").status)
	require.Equal(t, "Conflict already_skipped", s.by(carl, "POST", path+"/skip").code())
	require.Equal(t, "Conflict already_skipped", s.vote(carl, p, "0").code())
	skipped := s.read(carl, p)
	require.Nil(t, skipped.Answer.Option)
	require.Nil(t, skipped.Stats, "a skip shows nothing")
	require.EqualValues(t, 1, s.read(s.ann, p).Stats.Skips)
	require.Equal(t, 204, s.by(carl, "DELETE", path+"/skip").status)
	require.Nil(t, s.read(carl, p).Answer)
	s.voted(carl, p, "0")
	require.Zero(t, s.read(carl, p).Stats.Skips)
}

func TestAVoteThatIsSentAgainWithItsKeyCountsOnce(t *testing.T) {
	s := newScene(t, usual, Config{})
	p, bob, key := s.published(feed.Always, ""), uuid.New(), uuid.NewString()
	var sending sync.WaitGroup
	for range 8 {
		sending.Go(func() {
			if a := s.vote(bob, p, "0", "Idempotency-Key", key); a.status != 204 {
				t.Errorf("%d: %s", a.status, a.body)
			}
		})
	}
	sending.Wait()
	require.EqualValues(t, 1, s.read(uuid.Nil, p).Stats.Total)
	require.Equal(t, 409, s.vote(bob, p, "1", "Idempotency-Key", key).status, "it is another")
	require.Equal(t, 409, s.vote(bob, p, "0").status)
	s.voted(uuid.New(), p, "0")
	require.Equal(t, 204, s.vote(uuid.New(), p, "0", "Idempotency-Key", key).status)
	require.EqualValues(t, 3, s.read(uuid.Nil, p).Stats.Total, "two people may draw one key")
}

func TestTheVotesOfADayAreCountedHoweverManyComeAtOnce(t *testing.T) {
	s := newScene(t, feed.Rules{DailyVotes: 3}, Config{})
	bob, all := uuid.New(), []uuid.UUID{}
	for range 9 {
		all = append(all, s.published(feed.Always, ""))
	}
	s.voted(bob, all[0], "0")
	var mu sync.Mutex
	codes := map[string]int{}
	var voting sync.WaitGroup
	for _, p := range all[1:] {
		voting.Go(func() {
			a := s.vote(bob, p, "1")
			mu.Lock()
			defer mu.Unlock()
			codes[a.code()]++
			if a.status == 429 {
				seconds, err := strconv.Atoi(a.header.Get("Retry-After"))
				if err != nil || seconds < 1 || seconds > 24*60*60 {
					t.Errorf("Retry-After is %q", a.header.Get("Retry-After"))
				}
			}
		})
	}
	voting.Wait()
	require.Equal(t, map[string]int{"No Content": 2, "Too Many Requests quota_spent": 6}, codes)
	left := decoded[page](t, s.by(bob, "GET", "/polls"), 200)
	require.Equal(t, 3, *left.Quota.Limit)
	require.Zero(t, *left.Quota.Remaining)
	resets := left.Quota.ResetsAt
	require.Equal(t, resets.Truncate(24*time.Hour), resets, "when a day begins")
	require.WithinRange(t, resets, time.Now(), time.Now().Add(24*time.Hour))
	require.Len(t, left.Items, 6, "what was refused is shown still")
	require.Equal(t, 204, s.by(bob, "POST", "/polls/"+left.Items[0].ID.String()+"/skip").status,
		"a skip takes nothing of the quota")
}

func TestWithoutAQuotaThereIsNoNumberOfIt(t *testing.T) {
	s := newScene(t, feed.Rules{}, Config{})
	require.Contains(t, string(s.by(s.ann, "GET", "/polls").body),
		`"quota":{"limit":null,"remaining":null,"resets_at":"`)
}

func TestAVoteIsFinalUnlessTheOperatorSaysForHowLongItIsNot(t *testing.T) {
	s := newScene(t, usual, Config{})
	p, bob := s.published(feed.Always, ""), uuid.New()
	path := "/polls/" + p.String() + "/vote"
	change := func(s *scene) string {
		return s.ask("PATCH", path, session(bob), `{"option_index":1}`, "Prefer", "wait=5").code()
	}
	require.Equal(t, "Conflict not_voted", change(s))
	require.Equal(t, "Conflict not_voted", s.by(bob, "DELETE", path).code())
	s.voted(bob, p, "0")
	require.Equal(t, "Conflict vote_final", change(s))
	require.Equal(t, "Conflict vote_final", s.by(bob, "DELETE", path).code())

	s = newScene(t, feed.Rules{DailyVotes: 1, Undo: time.Hour}, Config{})
	p = s.published(feed.AfterVote, "")
	path = "/polls/" + p.String() + "/vote"
	s.voted(bob, p, "0")
	require.Equal(t, "No Content", change(s))
	require.Equal(t, []wireCount{{"A", 0}, {"B", 1}}, s.read(bob, p).Stats.Votes)
	require.Equal(t, 204, s.by(bob, "DELETE", path).status)
	require.Nil(t, s.read(bob, p).Stats, "who has withdrawn sees no numbers")
	require.Zero(t, s.read(s.ann, p).Stats.Total)
	require.Equal(t, "Too Many Requests quota_spent", s.vote(bob, p, "0").code(),
		"it stays a vote of its day")
}

func TestAVoteThatNobodyWaitsForSaysWhereItsOutcomeIs(t *testing.T) {
	s := newScene(t, usual, Config{})
	p := s.published(feed.Always, "")
	a := s.ask("POST", "/polls/"+p.String()+"/vote", session(uuid.New()), `{"option_index":0}`,
		"Prefer", "respond-async")
	require.Equal(t, "respond-async", a.header.Get("Preference-Applied"))
	if a.status == 202 { // embedded, it is durable when it is counted
		require.Equal(t, "/api/v1/polls/"+p.String(), a.header.Get("Location"))
	} else {
		require.Equal(t, 204, a.status)
	}
}
