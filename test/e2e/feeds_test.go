package e2e

import (
	"bufio"
	"database/sql"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/test/stack"
)

func TestWhatIsAcknowledgedIsNotShownAgainByAnyReplica(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		author, voter := s.Register(), s.Register()
		tag := uuid.NewString()
		var all []string
		for range 6 {
			all = append(all, author.Publish(object{"tags": []string{tag}}).ID)
		}
		require.ElementsMatch(t, all, voter.Feed(tag))
		for i, poll := range all {
			at := voter.At(s.replicas[i%len(s.replicas)])
			if i%2 == 0 {
				require.Equal(t, "204", at.Vote(poll, i%3%2, "").Code())
			} else {
				a := at.Do(Request{Method: "POST", Path: Base + "/polls/" + poll + "/skip",
					Token: at.Token, Header: toTheEnd})
				require.Equal(t, "204", a.Code())
			}
			for _, replica := range s.replicas {
				require.ElementsMatch(t, all[i+1:], voter.At(replica).Feed(tag))
			}
		}
		back := Request{Method: "DELETE", Path: Base + "/polls/" + all[3] + "/skip",
			Token: voter.Token, Header: toTheEnd}
		require.Equal(t, "204", s.Do(back).Code())
		for _, replica := range s.replicas {
			require.Equal(t, all[3:4], voter.At(replica).Feed(tag), "the skip was taken back")
		}
		for _, replica := range s.replicas {
			seen := voter.At(replica).Poll(all[0])
			require.Equal(t, 0, *seen.Answer.Option)
			require.EqualValues(t, 1, seen.Stats.Total)
			require.Nil(t, author.At(replica).Poll(all[0]).Answer)
			require.EqualValues(t, 1, author.At(replica).Poll(all[1]).Stats.Skips)
		}
		var votes FeedPage
		voter.read(Request{Method: "GET", Path: Base + "/users/me/votes", Token: voter.Token},
			&votes)
		require.Len(t, votes.Items, 3)
		var hours struct {
			Items []struct {
				At    string `json:"at"`
				Votes int    `json:"votes"`
			} `json:"items"`
		}
		author.read(Request{Method: "GET", Path: Base + "/polls/" + all[0] + "/history",
			Token: author.Token}, &hours)
		require.Equal(t, 1, hours.Items[0].Votes)
	})
}

func TestAStreamOfPollsTellsOfAnswersToAnyReplica(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		author, voter := s.Register(), s.Register()
		first := author.Publish(object{"results": "always"}).ID
		second := author.Publish(object{"results": "always"}).ID
		for _, path := range []string{"/polls/" + first + "/events",
			"/polls/events?ids=" + second + "," + first} {
			req, err := http.NewRequestWithContext(t.Context(), "GET", s.base+Base+path, nil)
			require.NoError(t, err)
			res, err := (&http.Client{Transport: transport}).Do(req)
			require.NoError(t, err)
			defer func() { _ = res.Body.Close() }()
			require.Equal(t, 200, res.StatusCode)
			lines := bufio.NewScanner(res.Body)
			until := func(part string) {
				t.Helper()
				for lines.Scan() {
					if strings.HasPrefix(lines.Text(), "data: ") &&
						strings.Contains(lines.Text(), first) &&
						strings.Contains(lines.Text(), part) {
						return
					}
				}
				require.FailNow(t, "the stream has ended", "%s: %v", part, lines.Err())
			}
			until(`"poll_id"`)
			if strings.Contains(path, "ids=") {
				require.Equal(t, "204", author.At(s.replicas[0]).Vote(first, 1, "").Code())
				until(`"total":2`)
				require.Equal(t, 200, author.call("POST", "/polls/"+first+"/close", nil).Status)
				until(`"closed":true`)
			} else {
				last := s.replicas[len(s.replicas)-1]
				require.Equal(t, "204", voter.At(last).Vote(first, 1, "").Code())
				until(`"total":1`)
			}
		}
	})
}

func TestADeletedAccountsPollsAndAnswersStayWithoutAName(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		gone, stays := s.Register(), s.Register()
		own, other := gone.Publish(nil).ID, stays.Publish(nil).ID
		require.Equal(t, "204", gone.Vote(other, 1, "").Code())
		require.Equal(t, 204, gone.call("DELETE", "/users/me", nil).Status)
		require.EqualValues(t, 1, stays.Poll(other).Stats.Total, "what was counted counts")
		poll := stays.Poll(own)
		require.False(t, poll.Closed, "others may answer it still")
		require.Equal(t, "204", stays.Vote(own, 0, "").Code())
		require.Equal(t, "403 forbidden",
			stays.call("POST", "/polls/"+own+"/close", nil).Code(), "it has become nobody's")
	})
}

// feedCalls are all calls of the feed: the table of who may do what with a poll.
func feedCalls(poll string) []accessCall {
	call := func(operation string, least int, method, path string, body any) accessCall {
		return accessCall{operation, least,
			Request{Method: method, Path: Base + path, JSON: body, Wrong: true}}
	}
	at, option := "/polls/"+poll, object{"option_index": 0}
	return []accessCall{
		call("readFeed", forRemote, "GET", "/polls", nil),
		call("publishPoll", forRemote, "POST", "/polls",
			object{"title": "?", "options": []string{"A", "B"}, "tags": []string{"e2e"}}),
		call("watchPolls", forAnybody, "HEAD", "/polls/events?ids="+poll, nil),
		call("getFeedPoll", forAnybody, "GET", at, nil),
		call("watchPoll", forAnybody, "HEAD", at+"/events", nil),
		call("listTags", forAnybody, "GET", "/tags", nil),
		call("votePoll", forRemote, "POST", at+"/vote", option),
		call("changeVote", forRemote, "PATCH", at+"/vote", option),
		call("withdrawVote", forRemote, "DELETE", at+"/vote", nil),
		call("skipPoll", forRemote, "POST", at+"/skip", nil),
		call("takeSkipBack", forRemote, "DELETE", at+"/skip", nil),
		call("getFeedStats", forAnybody, "GET", at+"/stats", nil),
		call("listOwnPolls", forRemote, "GET", "/users/me/polls", nil),
		call("listOwnVotes", forRemote, "GET", "/users/me/votes", nil),
		call("getFeedHistory", forOwner, "GET", at+"/history", nil),
		call("closeFeedPoll", forOwner, "POST", at+"/close", nil),
		call("deleteFeedPoll", forOwner, "DELETE", at, nil),
	}
}

// Who is logged in has the place of a remote in the table.
func TestEveryCallOfTheFeedTakesTheAccountThatItNeeds(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		author, stranger := s.Register(), s.Register()
		ended := s.Register()
		require.Equal(t, 204, ended.call("POST", "/auth/logout", nil).Status)
		poll := author.Publish(object{"results": "always"}).ID
		there := map[string]bool{}
		for i, c := range feedCalls(poll) {
			there[c.operation] = true
			at := s.replicas[i%len(s.replicas)]
			for token, refusal := range map[string]string{
				"": "401 login_required", "no-session": "401 login_required",
				"eyJ.eyJ.x": "401 invalid_session", stranger.Token: "403 forbidden",
			} {
				c.Token = token
				a := at.Do(c.Request)
				session := strings.HasPrefix(token, "eyJ")
				switch {
				case token == "eyJ.eyJ.x" && c.Method == "HEAD":
					require.Equal(t, 401, a.Status, c.operation)
				case token == "eyJ.eyJ.x", !session && c.least > forAnybody,
					session && c.least == forOwner:
					require.Equal(t, refusal, a.Code(), "%s by %q", c.operation, token)
				default:
					require.NotContains(t, []int{401, 403, 404}, a.Status, "%s: %v", c.operation, a)
				}
			}
			c.Token = ended.Token // it may work for a second on another replica
			require.Eventually(t, func() bool { return at.Do(c.Request).Status == 401 }, wait, tick,
				c.operation)
		}
		for _, c := range feedCalls(poll) {
			c.Token = author.Token
			require.NotContains(t, []int{400, 401, 403, 404}, s.Do(c.Request).Status, c.operation)
		}
		for path, item := range s.contract.Doc.Paths.Map() {
			for _, op := range item.Operations() {
				if strings.HasPrefix(path, Base+"/polls") {
					require.True(t, there[op.OperationID], "%s is not in the table", op.OperationID)
				}
			}
		}
	})
}

// TestOf153VotesAtOnceBehindOneExactly99Count at three replicas, while a worker is killed.
func TestOf153VotesAtOnceBehindOneExactly99Count(t *testing.T) {
	t.Parallel()
	s, st := own(t, stack.Config{AMQPURL: stack.RabbitMQURL(t)})
	author, voter := s.Register(), s.Register()
	var polls []string
	var mu sync.Mutex
	concurrently(154, func(int) {
		id := author.Publish(nil).ID
		mu.Lock()
		defer mu.Unlock()
		polls = append(polls, id)
	})
	require.Equal(t, "204", voter.Vote(polls[153], 0, "").Code())
	outcomes := map[string]int{}
	var killed sync.WaitGroup
	killed.Go(st.Workers[0].Kill)
	concurrently(153, func(i int) {
		at, key := voter.At(s.replicas[i%3]), uuid.NewString()
		a := at.Vote(polls[i], i%2, key)
		for a.Status == 202 || a.Status == 503 { // it is not decided, or nobody knows
			a = at.Vote(polls[i], i%2, key)
		}
		mu.Lock()
		defer mu.Unlock()
		outcomes[a.Code()]++
	})
	killed.Wait()
	require.Equal(t, map[string]int{"204": 99, "429 quota_spent": 54}, outcomes)
	var total int64
	for _, id := range polls {
		total += author.Poll(id).Stats.Total
	}
	require.EqualValues(t, 100, total)
	require.Len(t, voter.Feed("e2e"), 54, "what did not count is shown still")

	db, err := sql.Open("postgres", st.DatabaseURL)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	r := recounter{t, "worker", st.DatabaseURL, db}
	r.requireRight("feed: 154 compared, 0 differed, 0 mended\n")
	r.spoil(`UPDATE feed_polls SET skips = skips + 1 WHERE id = '` + polls[0] + `'`)
	said, failed, code := r.recount()
	require.Equal(t, 1, code)
	require.Contains(t, said, "feed: "+polls[0]+": ")
	require.Contains(t, failed, "not every tally is what its rows say: 1")
	said, _, code = r.recount("--repair")
	require.Zero(t, code)
	require.Contains(t, said, "feed: 154 compared, 1 differed, 1 mended\n")
}
