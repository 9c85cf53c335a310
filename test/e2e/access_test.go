package e2e

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/test/stack"
)

// Who a call of a presentation is for, from the least.
const (
	forAnybody = iota
	forRemote
	forOwner
)

// accessCall is a call of a presentation, and who may make it.
type accessCall struct {
	operation string
	least     int
	Request
}

// accessCalls are all calls of a presentation: the table of who may do what.
func accessCalls(r *Room) []accessCall {
	first, second := r.Polls[0].PollID, r.Polls[1].PollID
	call := func(operation string, least int, method, path string, body any) accessCall {
		return accessCall{operation, least,
			Request{Method: method, Path: r.Path(path), JSON: body, Wrong: true}}
	}
	return []accessCall{
		call("getPresentation", forAnybody, "GET", "", nil),
		call("getCurrentPoll", forAnybody, "GET", "/polls/current", nil),
		call("getResults", forAnybody, "GET", "/polls/"+first+"/results", nil),
		call("getAllResults", forAnybody, "GET", "/results", nil),
		call("streamEvents", forAnybody, "HEAD", "/events", nil),
		call("getAudience", forRemote, "GET", "/audience", nil),
		call("castVote", forAnybody, "POST", "/polls/current/votes",
			Ballot{PollID: first, Key: "A", ClientID: NewVoter()}),
		call("displayPoll", forRemote, "PUT", "/polls/current", nil),
		call("displayPoll", forRemote, "PUT", "/polls/current", map[string]string{"move": "close"}),
		call("displayPoll", forRemote, "PUT", "/polls/current", map[string]string{"move": "open"}),
		call("displayPoll", forRemote, "PUT", "/polls/current",
			map[string]string{"poll_id": second}),
		call("clearSlide", forRemote, "DELETE", "/polls/current", nil),
		call("editPresentation", forOwner, "PATCH", "", map[string]string{"title": "Other"}),
		call("givePass", forAnybody, "POST", "/voters", nil),
		call("getHistory", forAnybody, "GET", "/history", nil),
		call("exportPresentation", forOwner, "GET", "/export", nil),
		call("addPoll", forOwner, "POST", "/polls", choice("More?")),
		call("orderPolls", forOwner, "PUT", "/polls/order",
			map[string][]string{"poll_ids": {second, first}}),
		call("editPoll", forOwner, "PATCH", "/polls/"+second,
			map[string]string{"results_visibility": "after"}),
		call("resetPoll", forOwner, "POST", "/polls/"+second+"/reset", nil),
		call("deletePoll", forOwner, "DELETE", "/polls/"+second, nil),
		call("listAnswers", forAnybody, "GET", "/polls/"+first+"/answers", nil),
		call("hideAnswer", forRemote, "PATCH", "/polls/"+first+"/answers",
			map[string]any{"text": "A", "hidden": true}),
		call("listVotes", forOwner, "GET", "/polls/"+first+"/votes", nil),
		call("claimPresentation", forOwner, "POST", "/claim", object{"account_token": r.someone()}),
		call("renewJoinCode", forOwner, "POST", "/join_code", nil),
		call("renewRemote", forOwner, "POST", "/remote", nil),
		call("renewToken", forOwner, "POST", "/token", nil),
		call("deletePresentation", forOwner, "DELETE", "", nil),
	}
}

// renew renews a token: "token" or "remote".
func (r *Room) renew(which, token string) (renewed string, a *Answer) {
	r.tb.Helper()
	a = r.Do(Request{Method: http.MethodPost, Path: r.Path("/" + which), Token: token})
	var body struct {
		Presenter string `json:"presenter_token"`
		Remote    string `json:"remote_token"`
	}
	_ = a.Decode(&body) // a refusal has another body
	return body.Presenter + body.Remote, a
}

// holders are those who may hold a token of a room, by their names, and what it is good for.
type holder struct {
	name, token string
	good        int
}

func held(t *testing.T, s site) (*Room, []holder) {
	r, other := show(s.Client, choice("Now"), choice("Later")), show(s.Client, choice("Another's"))
	old := r.PresenterToken
	oldRemote, a := r.renew("remote", old)
	require.Equal(t, 200, a.Status, "%v", a)
	r.PresenterToken, a = r.renew("token", old)
	require.Equal(t, 200, a.Status, "%v", a)
	replaced, _ := r.renew("remote", r.PresenterToken)
	remote, a := r.renew("remote", r.PresenterToken)
	require.Equal(t, 200, a.Status, "%v", a)
	others, _ := other.renew("remote", other.PresenterToken)
	return r, []holder{
		{"nobody", "", forAnybody},
		{"a wrong token", r.PresenterToken + "x", forAnybody},
		{"another room's owner", other.PresenterToken, forAnybody},
		{"another room's remote", others, forAnybody},
		{"the owner before the renewal", old, forAnybody},
		{"the remote before the renewal", oldRemote, forAnybody},
		{"the remote that was replaced", replaced, forAnybody},
		{"the remote", remote, forRemote},
		{"the owner", r.PresenterToken, forOwner},
	}
}

func TestEveryCallOfAPresentationTakesTheTokenThatItNeeds(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r, holders := held(t, s)
		there := map[string]bool{}
		for i, h := range holders {
			if h.good == forOwner { // whose calls destroy: each gets a room of its own
				for i := range accessCalls(r) {
					own, all := held(t, s)
					c := accessCalls(own)[i]
					c.Token = all[len(all)-1].token
					a := s.Do(c.Request)
					// Anyone may vote there, and nobody needs a pass; and people choose their
					// answers, and write none.
					if a.Code() != "409 no_passes" && a.Code() != "409 not_free_text" {
						require.Less(t, a.Status, 300, "%s by %s: %v", c.operation, h.name, a)
					}
				}
				continue
			}
			for _, c := range accessCalls(r) {
				there[c.operation] = true
				c.Token = h.token
				for _, client := range append(s.replicas, s.Client)[:1+i%2] {
					a := client.Do(c.Request)
					switch {
					case c.least <= h.good:
						require.NotContains(t, []int{401, 403, 404}, a.Status, "%s by %s: %v",
							c.operation, h.name, a)
					case h.token == "":
						require.Equal(t, "401 unauthorized", a.Code(), "%s by %s",
							c.operation, h.name)
					default:
						require.Equal(t, "403 forbidden", a.Code(), "%s by %s", c.operation, h.name)
					}
				}
			}
		}
		p := r.Presentation(true)
		require.Equal(t, "A test", p.Title, "a refused call edited")
		require.Len(t, p.Polls, 2)
		require.Equal(t, r.JoinCode, p.JoinCode)
		require.Equal(t, []string{r.Polls[0].PollID, r.Polls[1].PollID},
			[]string{p.Polls[0].PollID, p.Polls[1].PollID})
		for path, item := range r.contract.Doc.Paths.Map() {
			if strings.HasPrefix(path, Base+"/presentations/{") {
				for _, op := range item.Operations() {
					require.True(t, there[op.OperationID],
						"%s is not in the table of who may do what", op.OperationID)
				}
			}
		}
	})
}

func TestRemoteSeesWhatAPresenterNeedsAndNoMore(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		hidden := choice("Now")
		hidden.Visibility, hidden.Banned = "presenter", []string{"rude"}
		r := show(s.Client, hidden, choice("Later"))
		r.Vote(r.Polls[0].PollID, NewVoter(), "A")
		remote, _ := r.renew("remote", r.PresenterToken)
		for _, c := range []struct {
			token, role            string
			polls                  int
			banned, counts, tables bool
		}{
			{"", "anybody", 1, false, false, false},
			{"nonsense", "anybody", 1, false, false, false},
			{remote, "remote", 2, false, true, false},
			{r.PresenterToken, "owner", 2, true, true, true},
		} {
			var p Presentation
			r.read(Request{Method: "GET", Path: r.Path(""), Token: c.token}, &p)
			require.Equal(t, c.role, p.Role)
			require.Len(t, p.Polls, c.polls, c.role)
			require.Equal(t, c.banned, p.Polls[0].Banned != nil, c.role)
			var res Results
			r.read(Request{Method: "GET", Path: r.Path("/polls/" + r.Polls[0].PollID + "/results"),
				Token: c.token}, &res)
			require.Equal(t, !c.counts, res.Hidden, c.role)
			all := s.Do(Request{Method: "GET", Path: r.Path("/results"), Token: c.token})
			require.Equal(t, c.tables, !strings.Contains(string(all.Body), `"hidden":true`), c.role)
			later := s.Do(Request{Method: "GET",
				Path: r.Path("/polls/" + r.Polls[1].PollID + "/results"), Token: c.token})
			require.Equal(t, c.polls == 2, later.Status == 200, c.role)
			e, err := r.watchAs(t, "", c.token).next()
			require.NoError(t, err)
			require.NotNil(t, e.shown)
		}
	})
}

// ends reads a stream until it ends.
func ends(t *testing.T, s *stream, what string) {
	t.Helper()
	require.NoError(t, s.conn.SetReadDeadline(time.Now().Add(wait)))
	for {
		if _, err := s.next(); err != nil {
			var late net.Error
			require.False(t, errors.As(err, &late) && late.Timeout(), "%s goes on", what)
			if !errors.Is(err, io.EOF) {
				require.ErrorContains(t, err, "EOF", what) // cut off in the middle of a chunk
			}
			return
		}
	}
}

func TestRenewalEndsTheStreamsOfOldTokensOnEveryReplicaAndNoOthers(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		hidden := choice("Now")
		hidden.Visibility = "presenter"
		r := show(s.Client, hidden)
		old := r.PresenterToken
		remote, _ := r.renew("remote", old)
		streams, rooms := map[string][]*stream{}, []*stream{}
		for i, replica := range s.replicas {
			for name, token := range map[string]string{"owner": old, "remote": remote} {
				v := r.Through(replica).watchAs(t, "", token)
				_, err := v.next()
				require.NoError(t, err)
				streams[name] = append(streams[name], v)
			}
			v := r.Through(replica).watch(t, "")
			_, err := v.next()
			require.NoError(t, err)
			rooms = append(rooms, v)
			_ = i
		}
		newRemote, a := r.renew("remote", old)
		require.Equal(t, 200, a.Status)
		begun := time.Now()
		for _, v := range streams["remote"] {
			ends(t, v, "a remote's stream after its token was replaced")
		}
		t.Logf("remote's streams on %d replicas ended after %s", len(s.replicas),
			time.Since(begun).Round(time.Millisecond))
		v := r.watchAs(t, "", newRemote)
		var err error
		r.PresenterToken, a = r.renew("token", old)
		require.Equal(t, 200, a.Status)
		begun = time.Now()
		for _, v := range append(streams["owner"], v) {
			ends(t, v, "an owner's stream after the renewal")
		}
		t.Logf("owner's streams on %d replicas ended after %s", len(s.replicas),
			time.Since(begun).Round(time.Millisecond))

		r.Vote(r.Polls[0].PollID, NewVoter(), "A")
		for _, v := range rooms { // the room's streams go on
			v.until(t, "the vote", total(r.Polls[0].PollID, 1))
		}
		again := r.watchAs(t, "", old) // as anybody's
		e := again.until(t, "the results", total(r.Polls[0].PollID, 1))
		require.True(t, e.tallies.Hidden)
		e = r.watchAs(t, "", r.PresenterToken).until(t, "the results", total(r.Polls[0].PollID, 1))
		require.False(t, e.tallies.Hidden)
		_, err = r.watchAs(t, "", newRemote).next()
		require.NoError(t, err)
	})
}

func TestOfTwoWhoRenewWithTheSameTokenOneHasTheNewOne(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := show(s.Client, choice("Now"))
		var renewed, refused atomic.Int32
		var mu sync.Mutex
		tokens := []string{}
		concurrently(8, func(i int) {
			token, a := r.Through(s.replicas[i%len(s.replicas)]).renew("token", r.PresenterToken)
			switch a.Code() {
			case "200":
				renewed.Add(1)
				mu.Lock()
				tokens = append(tokens, token)
				mu.Unlock()
			case "403 forbidden":
				refused.Add(1)
			default:
				t.Errorf("%v", a)
			}
		})
		require.EqualValues(t, 1, renewed.Load())
		require.EqualValues(t, 7, refused.Load())
		r.PresenterToken = tokens[0]
		require.Equal(t, "owner", r.Presentation(true).Role)
	})
}

func TestATokenThatTheClientHasDrawnIsTakenIfItIsLongEnough(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := show(s.Client, choice("Now"))
		renew := func(body, typ string) *Answer {
			return s.Do(Request{Method: http.MethodPost, Path: r.Path("/token"),
				Token: r.PresenterToken, Body: body, Wrong: true,
				Header: map[string]string{"Content-Type": typ}})
		}
		drawn := strings.Repeat("aB3-_", 9)
		for _, wrong := range []string{"", "x", drawn[:42], strings.Repeat("a", 129), drawn + " ",
			drawn + "é", drawn + `\u0000`, drawn + "="} {
			require.Equal(t, "400 invalid presenter_token",
				renew(`{"presenter_token":"`+wrong+`"}`, jsonEnc).Code(), wrong)
		}
		for _, wrong := range []string{`{}`, `{"presenter_token":7}`,
			`{"presenter_token":null}`, `[]`, `{`} {
			require.Equal(t, "400 invalid", renew(wrong, jsonEnc).Kind(), wrong)
		}
		require.Equal(t, "415 unsupported_media_type", renew(drawn, "text/plain").Code())
		require.Equal(t, "owner", r.Presentation(true).Role, "nothing was renewed")
		require.Equal(t, 200, renew(`{"presenter_token":"`+drawn+`"}`, jsonEnc).Status)
		require.Equal(t, "403 forbidden", renew(`{"presenter_token":"`+drawn+`"}`, jsonEnc).Code(),
			"by the old one")
		r.PresenterToken = drawn
		require.Equal(t, "owner", r.Presentation(true).Role)
	})
}

func TestNewJoinCodeIsToldToWhoWatchesAndTheOldOneNamesNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := show(s.Client, choice("Now"))
		streams := []*stream{}
		for _, replica := range s.replicas {
			streams = append(streams, r.Through(replica).watch(t, ""))
		}
		a := r.Do(Request{Method: http.MethodPost, Path: r.Path("/join_code"),
			Token: r.PresenterToken})
		require.Equal(t, 200, a.Status)
		var body struct {
			JoinCode string `json:"join_code"`
		}
		require.NoError(t, a.Decode(&body))
		require.NotEqual(t, r.JoinCode, body.JoinCode)
		for _, v := range streams {
			e := v.until(t, "the new code",
				func(e event) bool { return e.shown != nil && e.shown.JoinCode == body.JoinCode })
			require.EqualValues(t, 1, e.shown.Version, "it is no transition")
		}
		for _, replica := range s.replicas {
			require.Equal(t, "404 not_found",
				replica.Do(Request{Method: "GET", Path: Base + "/join/" + r.JoinCode}).Code())
			var joined Joined
			replica.read(Request{Method: "GET", Path: Base + "/join/" + body.JoinCode}, &joined)
			require.Equal(t, r.PresentationID, joined.PresentationID)
		}
		require.Equal(t, body.JoinCode, r.Presentation(false).JoinCode)
	})
}

// from is a request's header that says, to an API on this machine, where it comes from.
func from(address string) map[string]string { return map[string]string{"X-Forwarded-For": address} }

func TestCreatingIsLimitedByAddress(t *testing.T) {
	s, _ := own(t, stack.Config{Parts: stack.API, APIs: 1,
		APIEnv: []string{"PLENARY_CREATE_LIMIT=3"}})
	create := func(address string) *Answer {
		return s.Do(Request{Method: "POST", Path: Base + "/presentations",
			JSON: NewPresentation{Polls: []NewPoll{choice("?")}}, Header: from(address)})
	}
	for range 5 { // what writes nothing costs nothing
		a := s.Do(Request{Method: "POST", Path: Base + "/presentations", Body: `{}`,
			Header: map[string]string{
				"Content-Type": jsonEnc, "X-Forwarded-For": "192.0.2.1"}, Wrong: true})
		require.Equal(t, "400 invalid polls", a.Code())
	}
	for range 3 {
		require.Equal(t, 201, create("192.0.2.1").Status)
	}
	a := create("192.0.2.1")
	require.Equal(t, "429 too_many_requests", a.Code())
	wait, err := strconv.Atoi(a.Header.Get("Retry-After"))
	require.NoError(t, err)
	require.True(t, wait > 10 && wait <= 20, "a third of a minute, and not %d", wait)
	require.Equal(t, 201, create("192.0.2.2").Status, "another address has its own share")
	require.Equal(t, 201, create("2001:db8::1").Status)
	require.Equal(t, 201, create("2001:db8::2").Status)
	require.Equal(t, 201, create("2001:db8::3").Status)
	require.Equal(t, 429, create("2001:db8::4").Status,
		"a subscriber is one address, however many it takes")
}

func TestCreatingTakesTheKeyOfAServerThatHasOne(t *testing.T) {
	const key = "a-key.of~ours+1/="
	s, _ := own(t, stack.Config{Parts: stack.API, APIs: 1,
		APIEnv: []string{"PLENARY_CREATE_KEY=" + key}})
	create := func(authorization, address string) *Answer {
		h := from(address)
		if authorization != "" {
			h["Authorization"] = authorization
		}
		return s.Do(Request{Method: "POST", Path: Base + "/presentations",
			JSON: NewPresentation{Polls: []NewPoll{choice("?")}}, Header: h})
	}
	require.Equal(t, "401 create_key_missing", create("", "192.0.2.1").Code())
	require.Equal(t, `Bearer realm="create"`,
		create("Basic "+key, "192.0.2.1").Header.Get("WWW-Authenticate"))
	for range 30 {
		require.Equal(t, 201, create("Bearer "+key, "192.0.2.1").Status)
	}
	for _, wrong := range []string{key + "x", key[1:], strings.ToUpper(key), "ÿ",
		strings.Repeat("k", 5000)} {
		require.Equal(t, "403 create_key_wrong", create("Bearer "+wrong, "192.0.2.1").Code())
	}
	var a *Answer
	for range 10 {
		a = create("Bearer another", "192.0.2.1")
	}
	require.Equal(t, "429 too_many_requests", a.Code())
	require.Equal(t, 429, create("Bearer "+key, "192.0.2.1").Status,
		"a guesser learns nothing any more")
	require.Equal(t, "6", a.Header.Get("Retry-After"))
	require.Equal(t, 201, create("Bearer "+key, "192.0.2.2").Status)
}

func TestWrongJoinCodesAreLimitedAndAHallJoinsAtOnce(t *testing.T) {
	s, _ := own(t, stack.Config{Parts: stack.API, APIs: 1,
		APIEnv: []string{"PLENARY_WRONG_CODES=20"}})
	r := show(s.Client, choice("Now"))
	join := func(code, address string) *Answer {
		return s.Do(Request{Method: "GET", Path: Base + "/join/" + code, Header: from(address)})
	}
	concurrently(300, func(int) {
		if a := join(r.JoinCode, "192.0.2.1"); a.Status != 200 {
			t.Errorf("%v", a)
		}
	})
	var told, refused atomic.Int32
	concurrently(100, func(i int) {
		switch a := join("222B"+string("BCDFGHJKMN"[i%10])+string("BCDFGHJKMN"[i/10]),
			"192.0.2.2"); a.Code() {
		case "404 not_found":
			told.Add(1)
		case "429 too_many_requests":
			refused.Add(1)
		default:
			t.Errorf("%v", a)
		}
	})
	require.InDelta(t, 20, told.Load(), 3, "those of a second or two come to it")
	require.Equal(t, "429 too_many_requests", join(r.JoinCode, "192.0.2.2").Code(),
		"right ones are not told either")
	wait, err := strconv.Atoi(join(r.JoinCode, "192.0.2.2").Header.Get("Retry-After"))
	require.NoError(t, err)
	require.True(t, wait >= 1 && wait <= 3, "a twentieth of a minute, and not %d", wait)
	require.Equal(t, 200, join(r.JoinCode, "192.0.2.1").Status, "the hall goes on")
	for _, garbage := range []string{"%00", "%ff", "..%2f..", strings.Repeat("A", 3000),
		"%F0%9F%97%B3", "' OR 1=1"} {
		a := s.Do(Request{Method: "GET",
			Path:   Base + "/join/" + strings.ReplaceAll(garbage, " ", "%20"),
			Header: from("192.0.2.3"), Wrong: true})
		require.Contains(t, []int{400, 404}, a.Status, garbage)
	}
	// The pages and the QR code of a code look nothing up, so they tell nothing.
	for _, path := range []string{"/join/", "/qr.svg?code="} {
		right := s.Do(Request{Method: "HEAD", Path: path + r.JoinCode, Wrong: true})
		wrong := s.Do(Request{Method: "HEAD", Path: path + "222222", Wrong: true})
		require.Equal(t, right.Status, wrong.Status, path)
	}
}
