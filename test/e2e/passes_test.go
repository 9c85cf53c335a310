package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/test/stack"
)

// byPass creates a presentation whose voters have passes, and displays its first poll.
func byPass(c *Client, maxVoters int, passcode string, polls ...NewPoll) *Room {
	c.tb.Helper()
	return c.Create(NewPresentation{Title: "A test", Polls: polls, CurrentPollIndex: new(0),
		Voters: "pass", MaxVoters: maxVoters, Passcode: passcode})
}

// join asks for a pass and gives whatever the answer is.
func (r *Room) join(body any, header map[string]string) *Answer {
	r.tb.Helper()
	return r.Do(Request{Method: http.MethodPost, Path: r.Path("/voters"), JSON: body,
		Header: header})
}

// Pass gives a voter a pass.
func (r *Room) Pass(passcode string) (p Pass) {
	r.tb.Helper()
	r.read(Request{Method: http.MethodPost, Path: r.Path("/voters"),
		JSON: object{"passcode": passcode}}, &p)
	return p
}

func (r *Room) admit(change object) *Answer {
	r.tb.Helper()
	return r.edit(http.MethodPatch, "", change)
}

// altered gives the pass with another character in a place.
func altered(pass string, at int) string {
	b := []byte(pass)
	if b[at]++; b[at]&0x1f > 26 {
		b[at] = 'a'
	}
	return string(b)
}

func TestARoomOfPassesFromItsCreationToItsExport(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := byPass(s.Client, 3, "gar-den 7", choice("Who wins?"), multiple("Which?", 2))
		pollID := r.Polls[0].PollID
		var joined Joined
		r.read(Request{Method: http.MethodGet, Path: Base + "/join/" + r.JoinCode}, &joined)
		require.Equal(t, Joined{r.PresentationID, "A test", "pass", true}, joined)
		own, others := r.Presentation(true), r.Presentation(false)
		require.Equal(t, []any{"pass", 3, "GARDEN7"},
			[]any{own.Voters, *own.MaxVoters, *own.Passcode})
		require.Equal(t, "pass", others.Voters)
		require.True(t, others.PasscodeRequired)
		require.Nil(t, others.MaxVoters)
		require.Nil(t, others.Passcode, "it is on the slide, for those in the room")

		require.Equal(t, "403 wrong_passcode", r.join(object{"passcode": "garden8"}, nil).Code())
		require.Equal(t, "403 wrong_passcode", r.join(nil, nil).Code())
		ann, bob := r.Pass("GARDEN7"), r.Pass(" ｇａｒden-7")
		require.WithinDuration(t, time.Now().Add(30*24*time.Hour), ann.Expires, time.Minute)
		for _, c := range []struct {
			ballot Ballot
			want   string
		}{
			{Ballot{Pass: ann.Pass, Key: "A"}, "204"},
			{Ballot{Pass: bob.Pass, Key: "A"}, "204"},
			{Ballot{Pass: ann.Pass, Key: "B"}, "204"}, // she changes her mind
			{Ballot{ClientID: NewVoter(), Key: "A"}, "401 pass_required"},
			{Ballot{Pass: altered(ann.Pass, 3), Key: "A"}, "401 invalid_pass"},
			{Ballot{Pass: altered(ann.Pass, 23), Key: "A"}, "401 invalid_pass"}, // when it expires
			{Ballot{Pass: altered(ann.Pass, 40), Key: "A"}, "401 invalid_pass"},
		} {
			c.ballot.PollID = pollID
			if c.want == "204" {
				r.Count(c.ballot)
			} else {
				a := r.Cast(c.ballot)
				require.Equal(t, c.want, a.Code())
				require.Equal(t, `Pass realm="voters"`, a.Header.Get("WWW-Authenticate"))
			}
		}
		res := r.Recount(pollID)
		require.Equal(t, "pass", res.Identity)
		require.Equal(t, map[string]int64{"A": 1, "B": 1}, res.Counts())

		votes := r.VotesWithTimes(pollID)
		for _, v := range votes {
			at, err := time.Parse(time.RFC3339Nano, v.CastAt)
			require.NoError(t, err)
			require.WithinDuration(t, time.Now(), at, time.Minute)
			require.Empty(t, v.ClientID)
			require.Equal(t, uuid.Version(8), uuid.MustParse(v.VoterID).Version())
			require.Equal(t, "401 pass_required",
				r.Cast(Ballot{PollID: pollID, ClientID: v.VoterID, Key: "A"}).Code(),
				"it is no credential")
		}
		a := r.Do(Request{Method: http.MethodGet, Path: r.Path("/polls/" + pollID + "/votes"),
			Token: r.PresenterToken, Header: map[string]string{"Accept": "text/csv"}})
		table := castAt.ReplaceAllString(strings.ReplaceAll(string(a.Body), "\r\n",
			"\n"), ",then\n")
		require.True(t, strings.HasPrefix(table, "\uFEFFvoter_id,key,cast_at\n"), table)
		for _, v := range votes {
			require.Contains(t, table, fmt.Sprintf("\n%s,%s,then\n", v.VoterID, v.Key))
		}

		var renewed Pass
		require.Equal(t, 200, r.read(Request{Method: http.MethodPost, Path: r.Path("/voters"),
			JSON: object{"pass": bob.Pass}}, &renewed).Status)
		r.Count(Ballot{PollID: pollID, Pass: renewed.Pass, Key: "B"})
		require.Equal(t, map[string]int64{"A": 0, "B": 2}, r.Recount(pollID).Counts(),
			"it is the same voter")

		r.Pass("garden7")
		require.Equal(t, "409 room_full", r.join(object{"passcode": "garden7"}, nil).Code())
		require.Equal(t, 200, r.join(object{"pass": ann.Pass}, nil).Status, "who is in stays in")
		require.Equal(t, 200, r.admit(object{"max_voters": 4}).Status)
		r.Pass("garden7")
		require.Equal(t, "409 room_full", r.join(object{"passcode": "garden7"}, nil).Code())

		told := r.audienceEvents(t)
		for e := told(); e.Passes != 4; e = told() {
			require.Less(t, e.Passes, 4)
		}
		var asked AudienceEvent
		r.read(Request{Method: http.MethodGet, Path: r.Path("/audience"),
			Token: r.PresenterToken}, &asked)
		require.Equal(t, 4, asked.Passes)
		var export NewPresentation
		r.read(Request{Method: http.MethodGet, Path: r.Path("/export"),
			Token: r.PresenterToken}, &export)
		require.Equal(t, []any{"pass", 4, ""},
			[]any{export.Voters, export.MaxVoters, export.Passcode}, "a passcode is of one evening")
		require.Equal(t, "pass", s.Create(export).Presentation(true).Voters)

		r.Next()
		require.Equal(t, "pass", finalOf(t, r, pollID).Identity)
		r.Count(Ballot{PollID: r.Polls[1].PollID, Pass: ann.Pass, Keys: []string{"R", "B"}})
		require.Equal(t, "pass", r.Recount(r.Polls[1].PollID).Identity)
	})
}

func TestAPassIsGoodAtEveryReplicaAndInItsOwnRoomOnly(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r, other, open := byPass(s.Client, 0, "", choice("Who?")),
			byPass(s.Client, 0, "", choice("Who?")), show(s.Client, choice("Who?"))
		pollID := r.Polls[0].PollID
		for i, gives := range s.replicas {
			pass := r.Through(gives).Pass("").Pass
			for _, takes := range s.replicas {
				r.Through(takes).Count(Ballot{PollID: pollID, Pass: pass, Key: "A"})
				require.Equal(t, 200, r.Through(takes).join(object{"pass": pass}, nil).Status)
				for _, elsewhere := range []*Room{other, open} {
					e := elsewhere.Through(takes)
					require.Equal(t, "401 invalid_pass",
						e.Cast(Ballot{PollID: e.Polls[0].PollID, Pass: pass, Key: "A"}).Code())
					require.Equal(t, "401 invalid_pass", e.join(object{"pass": pass}, nil).Code())
				}
			}
			require.EqualValues(t, i+1, r.Recount(pollID).Total)
		}
		require.Equal(t, "409 no_passes", open.join(nil, nil).Code())
		require.Zero(t, other.Recount(other.Polls[0].PollID).Total)
	})
}

func TestAKeyIsTheSameVoterAtEveryReplica(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := byPass(s.Client, 0, "", choice("Who?"))
		key := map[string]string{"Idempotency-Key": uuid.NewString()}
		for range 2 {
			for _, replica := range s.replicas {
				var p Pass
				require.Equal(t, 201, r.Through(replica).read(
					Request{Method: http.MethodPost, Path: r.Path("/voters"), JSON: object{},
						Header: key}, &p).Status)
				r.Through(replica).Count(Ballot{PollID: r.Polls[0].PollID, Pass: p.Pass, Key: "A"})
			}
		}
		require.EqualValues(t, 1, r.Recount(r.Polls[0].PollID).Total)
	})
}

func TestAVoteThatDoesNotStandSaysSo(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r, open := byPass(s.Client, 0, "", choice("Who?")), show(s.Client, choice("Who?"))
		pass := r.Pass("").Pass
		for name, x := range map[string]struct {
			*Room
			ballot Ballot
		}{"with a pass": {r, Ballot{Pass: pass}},
			"with an id": {open, Ballot{ClientID: NewVoter()}}} {
			cast := func(key string, seq int64) *Answer {
				b := x.ballot
				b.PollID, b.Key, b.Seq = x.Polls[0].PollID, key, seq
				a := x.Cast(b)
				require.Equal(t, "204", a.Code(), name)
				return a
			}
			require.Empty(t, cast("A", 1<<53-1).Header.Values("Vote-Superseded"), name)
			require.Equal(t, []string{"true"}, cast("B", 7).Header.Values("Vote-Superseded"), name)
			require.Equal(t, []string{"true"}, cast("B", 0).Header.Values("Vote-Superseded"), name)
			require.Equal(t, map[string]int64{"A": 1, "B": 0},
				x.Recount(x.Polls[0].PollID).Counts(), name)
		}
	})
}

// lease is how old what a replica knows of a presentation may be.
const lease = time.Second

func TestARoomThatIsOpenToAnyoneMayAskForPassesInTheMiddle(t *testing.T) {
	everywhereAlone(t, func(t *testing.T, s site) {
		r := show(s.Client, choice("One"), choice("Two"))
		one, two := r.Polls[0].PollID, r.Polls[1].PollID
		ann := NewVoter()
		r.Vote(one, ann, "A")
		for _, replica := range s.replicas {
			require.Equal(t, "409 no_passes", r.Through(replica).join(nil, nil).Code())
		}
		begun := time.Now()
		require.Equal(t, 200, r.admit(object{"voters": "pass"}).Status)
		pass := r.Pass("").Pass // only what is read now may say that there are none
		for _, replica := range s.replicas {
			seen := r.Through(replica)
			var last time.Time // when the last vote that was taken was sent
			require.Eventually(t, func() bool {
				sent := time.Now()
				a := seen.Cast(Ballot{PollID: one, ClientID: ann, Key: "A"})
				if a.Status == 204 || a.Status == 202 {
					last = sent
				}
				return a.Code() == "401 pass_required"
			}, wait, tick)
			require.True(t, last.IsZero() || last.Sub(begun) < lease+500*time.Millisecond,
				"a replica takes ids for %s", last.Sub(begun))
			seen.Count(Ballot{PollID: one, Pass: pass, Key: "B"})
		}
		res := r.Recount(one)
		require.Equal(t, "client", res.Identity, "some of its voters are what they say they are")
		require.Equal(t, map[string]int64{"A": 1, "B": 1}, res.Counts())
		r.Next()
		require.Equal(t, "pass", r.Results(two).Identity)
		require.Equal(t, "client", finalOf(t, r, one).Identity)
		require.Equal(t, "204", r.edit(http.MethodPost, "/polls/"+one+"/reset", nil).Code()[:3])
		r.Show(one)
		r.Count(Ballot{PollID: one, Pass: pass, Key: "B"})
		require.Equal(t, "pass", r.Recount(one).Identity)

		require.Equal(t, 200, r.admit(object{"voters": "anyone"}).Status)
		require.Equal(t, "client", r.Results(one).Identity)
		require.Eventually(t, func() bool {
			return r.Cast(Ballot{PollID: one, ClientID: ann,
				Key: "A"}).Status == 204
		}, wait, tick)
		require.Equal(t, "pass", finalOf(t, r, two).Identity)
		require.Equal(t, "409 no_passes", r.join(nil, nil).Code())
	})
}

// garbage are members that are neither of the type that they should be, nor of a right length or
// form. %s is the member's name.
func garbage(of string, values ...string) (bodies []string) {
	for _, value := range values {
		bodies = append(bodies, fmt.Sprintf(`"%s":%s`, of, value))
	}
	return bodies
}

var (
	noStrings = []string{`0`, `-1`, `1.5`, `1e400`, `true`, `[]`, `["x"]`, `{}`, `{"x":1}`}
	noNumbers = []string{`"3"`, `""`, `1.5`, `1e400`, `-0.1`, `true`, `[]`, `[3]`, `{}`,
		`99999999999999999999`}
)

func TestWhoMayVoteTakesNoGarbage(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := byPass(s.Client, 9, "garden7", choice("Who?"))
		before := r.Presentation(true)
		root := &Room{Client: s.Client}
		const polls = `"polls":[{"question":"Q","options":[{"key":"A","value":"a"}]}]`
		long := `"` + strings.Repeat("A", 13) + `"`
		for field, bodies := range map[string][]string{
			"voters": garbage("voters", append(noStrings, `""`, `"accounts"`,
				`"PASS"`, `" pass"`, `"pass\u0000"`, `"🗳️"`)...),
			"max_voters": append(garbage("max_voters",
				append(noNumbers, `-1`, `1000001`, `9223372036854775807`)...),
				`"voters":"anyone","max_voters":1`),
			"passcode": append(garbage("passcode",
				append(noStrings, `"abc"`, long, `"abcd\u0000"`, `"ab\ncd"`, `"🗳️🗳️🗳️🗳️"`,
					`"abc!"`, `"<b>x</b>"`,
					`"`+strings.Repeat("A", 100_000)+`"`, `"- - a"`, `"a_b_c"`, `"\ud800abcd"`)...),
				`"voters":"anyone","passcode":"garden"`),
		} {
			for _, body := range bodies {
				if !strings.Contains(body, `"voters"`) {
					body = `"voters":"pass",` + body
				}
				a := root.wrongAt(t, Base+"/presentations", "{"+body+","+polls+"}", jsonEnc)
				require.Equal(t, "400 invalid "+field, a.Code(), "%s: %v", short(body), a)
				a = r.Do(Request{Method: http.MethodPatch, Path: r.Path(""),
					Token: r.PresenterToken, Body: "{" + body + "}",
					Header: contentType("{"), Wrong: true})
				require.Equal(t, "400 invalid "+field, a.Code(), "%s: %v", short(body), a)
			}
		}
		require.Equal(t, before, r.Presentation(true), "what is refused changes nothing")
		for _, typed := range []string{" ab-cd ", "ｇａｒｄｅｎ", "straße", "ｇå rden １２", ""} {
			require.Equal(t, 200, r.admit(object{"passcode": typed}).Status, typed)
			if typed == "" { // nothing is read for it: a replica goes by what it knows, for a lease
				time.Sleep(lease)
			}
			r.Pass(typed)
		}
	})
}

func TestPassesTakeNoGarbage(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := byPass(s.Client, 100, "garden7", choice("Who?"))
		pollID, good := r.Polls[0].PollID, r.Pass("garden7").Pass
		wrongText := []string{`""`, `"x"`, `"` + good[:47] + `"`, `"` + good + `A"`,
			`" ` + good[1:] + `"`, `"` + good[:47] + `="`, `"` + good[:46] + `\u0000A"`,
			`"` + strings.Repeat("A", 48) + `"`, `"` + strings.Repeat("🗳", 48) + `"`,
			`"` + strings.Repeat("🗳", 12) + `"`, `"` + altered(good, 47) + `"`,
			`"` + strings.Repeat("A", 3000) + `"`, `"` + uuid.NewString() + `"`,
			`"Bearer ` + good + `"`}
		vote := func(member string) *Answer {
			return r.wrong(t, "/polls/current/votes",
				fmt.Sprintf(`{"poll_id":%q,"key":"A",%s}`, pollID, member), jsonEnc)
		}
		enter := func(body string, header map[string]string) *Answer {
			h := map[string]string{"Content-Type": jsonEnc}
			for k, v := range header {
				h[k] = v
			}
			return r.Do(Request{Method: http.MethodPost, Path: r.Path("/voters"), Body: body,
				Header: h, Wrong: true})
		}
		for _, member := range garbage("pass", noStrings...) {
			require.Equal(t, "400 invalid pass", vote(member).Code(), member)
			require.Equal(t, "400 invalid pass", enter("{"+member+"}", nil).Code(), member)
		}
		for _, member := range garbage("pass", wrongText...) {
			require.Equal(t, "401 invalid_pass", vote(member).Code(), member)
			require.Equal(t, "401 invalid_pass", enter("{"+member+"}", nil).Code(), member)
		}
		for member, want := range map[string]string{
			`"pass":null`: "400 invalid client_id",
			`"seq":1`:     "400 invalid client_id",
			`"pass":"` + good + `","client_id":"` + aVoter + `"`: "400 invalid pass",
			`"client_id":"` + good + `"`:                         "400 invalid client_id",
		} {
			require.Equal(t, want, vote(member).Code(), member)
		}
		for _, member := range garbage("passcode", noStrings...) {
			require.Equal(t, "400 invalid passcode", enter("{"+member+"}", nil).Code(), member)
		}
		for _, member := range garbage("passcode", `null`, `""`, `"garden77"`, `"garden7\u0000"`,
			`"🗳️"`, `"`+strings.Repeat("garden7", 500)+`"`) {
			require.Equal(t, "403 wrong_passcode", enter("{"+member+"}", nil).Code(), short(member))
		}
		for _, c := range malformed(`{"passcode":"garden7"}`) {
			switch c.name {
			case "an empty body", "null": // which say nothing
				c.want = "403 wrong_passcode"
			}
			c.check(t, enter(c.body, nil))
		}
		require.Equal(t, "415 unsupported_media_type",
			r.Do(Request{Method: http.MethodPost, Path: r.Path("/voters"),
				Body:   `{"passcode":"garden7"}`,
				Header: map[string]string{"Content-Type": "text/plain"}, Wrong: true}).Code())
		require.Equal(t, "413 payload_too_large",
			enter(`{"passcode":"garden7"}`+strings.Repeat(" ", 1<<20), nil).Code())
		for _, key := range []string{"x", "1", nilUUID, "{" + uuid.NewString() + "}",
			"urn:uuid:" + uuid.NewString(), strings.Repeat("a", 36), "🗳️",
			strings.Repeat("a", 5000), uuid.NewString() + "," + uuid.NewString()} {
			require.Equal(t, "400 invalid Idempotency-Key",
				enter(`{"passcode":"garden7"}`,
					map[string]string{"Idempotency-Key": key}).Code(), key)
		}
		for id, want := range map[string]string{noUUID: "404 not_found", nobody: "404 not_found",
			nilUUID: "400 invalid presentation_id"} {
			a := s.Do(Request{Method: http.MethodPost,
				Path: Base + "/presentations/" + id + "/voters", JSON: object{}, Wrong: true})
			require.Equal(t, want, a.Code(), id)
		}
		require.Equal(t, "404 not_found",
			s.Do(Request{Method: http.MethodPost,
				Path: Base + "/presentations/" + nobody + "/voters",
				JSON: object{"pass": good}}).Code())
		require.Zero(t, r.Recount(pollID).Total)
		told := r.audienceEvents(t)
		require.Equal(t, 1, told().Passes, "whoever is refused is not counted")
	})
}

func TestAnAddressThatGetsManyPassesIsToldOfAndWaits(t *testing.T) {
	s, _ := own(t, stack.Config{Parts: stack.API, APIs: 1,
		APIEnv: []string{"PLENARY_PASS_LIMIT=20", "PLENARY_TRUSTED_PROXIES=127.0.0.0/8"}})
	r := byPass(s.Client, 0, "", choice("Who?"))
	from := func(address string) *Answer {
		return r.join(object{},
			map[string]string{"X-Forwarded-For": address})
	}
	told := r.audienceEvents(t)
	for i := range 30 {
		require.Equal(t, 201, from(fmt.Sprintf("192.0.2.%d", i+1)).Status)
	}
	for range 20 {
		require.Equal(t, 201, from("198.51.100.7").Status)
	}
	a := from("198.51.100.7")
	require.Equal(t, "429 too_many_requests", a.Code())
	require.NotEmpty(t, a.Header.Get("Retry-After"))
	require.Equal(t, 201, from("198.51.100.8").Status)
	require.Equal(t, 201, from("198.51.100.9, 192.0.2.200").Status,
		"the last one is whom the proxy saw")
	for e := told(); e.Passes != 52 || e.OneAddress != 20; e = told() {
		require.LessOrEqual(t, e.Passes, 52)
	}
}

func TestGuessesOfAPasscodeAreLimitedAndAHallThatKnowsItIsNot(t *testing.T) {
	s, _ := own(t, stack.Config{Parts: stack.API, APIs: 1,
		APIEnv: []string{"PLENARY_TRUSTED_PROXIES=127.0.0.0/8", "PLENARY_WRONG_CODES=6"}})
	r := byPass(s.Client, 0, "garden7", choice("Who?"))
	from := func(address, passcode string) *Answer {
		return r.join(object{"passcode": passcode}, map[string]string{"X-Forwarded-For": address})
	}
	told, begun := map[string]int{}, time.Now()
	for i := range 200 {
		told[from("198.51.100.7", fmt.Sprintf("wrong%d", i)).Code()]++
		require.Equal(t, 201, from("192.0.2.1", "garden7").Status, "the hall")
	}
	require.GreaterOrEqual(t, told["403 wrong_passcode"], 60)
	require.LessOrEqual(t, told["403 wrong_passcode"], 61+int(time.Since(begun)/time.Second),
		"ten times as many as join codes, and one for each second: %v", told)
	require.Equal(t, 200, told["403 wrong_passcode"]+told["429 too_many_requests"])
	a := from("198.51.100.7", "garden7")
	require.Equal(t, "429 too_many_requests", a.Code(), "else it would tell which is right")
	require.NotEmpty(t, a.Header.Get("Retry-After"))
}

// A client that makes ids up, and one that asks for passes until there are none, count for nothing
// and for what the room holds.
func TestNobodyStuffsARoomOfPasses(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		const honest, room, tries = 300, 400, 3000
		r := byPass(s.Client, room, "", choice("Who wins?"))
		pollID := r.Polls[0].PollID
		client := newFast(s.base, 32)
		defer client.close()
		c := &stuffing{t: t, room: r, fast: client, told: map[string]int{}}
		concurrently(8, func(int) {
			for range honest / 8 {
				c.vote("A", c.join())
			}
		})
		begun := time.Now()
		concurrently(16, func(int) {
			for range tries / 16 {
				c.post("/polls/current/votes", ballotJSON(pollID, NewVoter(), `,"key":"B"`))
			}
		})
		concurrently(32, func(int) {
			for pass := c.join(); pass != ""; pass = c.join() {
				c.vote("B", pass)
			}
		})
		t.Logf("%v in %s", c.told, time.Since(begun).Round(time.Millisecond))
		const came = honest / 8 * 8
		require.Equal(t, tries/16*16, c.told["401 pass_required"])
		require.Equal(t, room, c.told["201"], "exactly as many passes as there is room for")
		require.Equal(t, 32, c.told["409 room_full"])
		res := r.Recount(pollID)
		require.Equal(t, map[string]int64{"A": came, "B": room - came}, res.Counts())
		require.Equal(t, "pass", res.Identity)
	})
}

// stuffing asks and votes, and counts what it is told.
type stuffing struct {
	t    *testing.T
	room *Room
	*fast

	mu   sync.Mutex
	told map[string]int
}

func (c *stuffing) post(path, body string) *Answer {
	a, err := c.fast.post(c.room.Path(path), body)
	if err != nil {
		c.t.Error(err)
		return &Answer{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.told[a.Kind()]++
	return a
}

// join gives a pass; empty: there is none.
func (c *stuffing) join() string {
	var p Pass
	if a := c.post("/voters", `{}`); a.Status == http.StatusCreated {
		if err := a.Decode(&p); err != nil {
			c.t.Error(err)
		}
	}
	return p.Pass
}

func (c *stuffing) vote(key, pass string) {
	body := fmt.Sprintf(`{"poll_id":%q,"key":%q,"pass":%q}`, c.room.Polls[0].PollID, key, pass)
	for range 20 {
		a := c.post("/polls/current/votes", body)
		if a.Status == http.StatusNoContent || a.Status == http.StatusAccepted {
			return
		}
		if a.Status != http.StatusServiceUnavailable {
			c.t.Errorf("a vote with a pass: %v", a)
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	c.t.Error("a vote is not counted")
}

// TestThirtyThousandPeopleJoinInSeconds has a crowd ask for passes at once, over three replicas
// behind NGINX. It shows that each is a voter, also after every process was started anew.
func TestThirtyThousandPeopleJoinInSeconds(t *testing.T) {
	s, st := own(t, stack.Config{AMQPURL: stack.RabbitMQURL(t),
		APIEnv: []string{"PLENARY_ACCESS_LOG=false", "PLENARY_PASS_LIMIT=0"}})
	const room = people - 1000
	r := byPass(s.Client, room, "", choice("Who wins?"))
	pollID := r.Polls[0].PollID
	c := &stuffing{t: t, room: r, fast: newFast(r.base, connections), told: map[string]int{}}
	defer c.close()
	passes := make([]string, people)
	var longest atomic.Int64
	begun := time.Now()
	concurrently(connections, func(i int) {
		for ; i < people; i += connections {
			asked := time.Now()
			passes[i] = c.join()
			for took := int64(time.Since(asked)); ; {
				if so := longest.Load(); took <= so || longest.CompareAndSwap(so, took) {
					break
				}
			}
		}
	})
	took := time.Since(begun)
	t.Logf("%d people asked over %d connections in %s, %.0f a second, the longest wait %s: %v",
		people, connections, took.Round(time.Millisecond),
		people/took.Seconds(), time.Duration(longest.Load()).Round(time.Millisecond), c.told)
	require.Equal(t, map[string]int{"201": room, "409 room_full": people - room}, c.told)
	require.Less(t, took, time.Minute, "it is seconds on a machine that does nothing else")
	passes = slices.DeleteFunc(passes, func(p string) bool { return p == "" })
	require.Len(t, slices.Compact(slices.Sorted(slices.Values(passes))), room)

	for _, p := range slices.Concat(st.APIs, st.Workers) {
		require.NoError(t, p.Stop())
		require.NoError(t, p.Start(t.Context()))
	}
	transport.CloseIdleConnections()
	c.close()
	require.Eventually(t, func() bool { return r.Current().Status == 200 }, wait, tick)
	passes = passes[:6000]
	begun = time.Now()
	concurrently(connections, func(i int) {
		for ; i < len(passes); i += connections {
			c.vote("A", passes[i])
		}
	})
	t.Logf("%d of them voted in %s", len(passes), time.Since(begun).Round(time.Millisecond))
	require.Eventually(t, func() bool {
		return r.Results(pollID).
			Total >= int64(len(passes))
	}, wait, tick)
	require.EqualValues(t, len(passes), r.Recount(pollID).Total)
	for _, replica := range s.replicas {
		r.Through(replica).Count(Ballot{PollID: pollID, Pass: passes[0], Key: "B"})
		require.Equal(t, "409 room_full", r.Through(replica).join(nil, nil).Code(),
			"the count of passes is kept, too")
	}
	require.Equal(t, map[string]int64{"A": int64(len(passes)) - 1, "B": 1},
		r.Recount(pollID).Counts())
}
