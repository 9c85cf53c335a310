package polls

import (
	"crypto/sha256"
	"encoding/json"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"

	"github.com/plenary-live/plenary/api/internal/budget"
	"github.com/plenary-live/plenary/api/internal/polls/fast"
	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/intake"
	"github.com/plenary-live/plenary/pkg/life/lifetest"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

// calling gives a request that asks nothing of the services.
func calling(c *fiber.Ctx) *call {
	site := web.New(web.Config{Costly: budget.NewTurns(1)})
	return &call{Call: web.Call{Ctx: c, Site: site}}
}

// decoded runs decode on a JSON body.
func decoded(t *testing.T, app *fiber.App, body []byte, v any) error {
	c := app.AcquireCtx(&fasthttp.RequestCtx{})
	defer app.ReleaseCtx(c)
	c.Request().Header.SetContentType(fiber.MIMEApplicationJSON)
	c.Request().SetBody(body)
	err := calling(c).Decode(v)
	if err != nil {
		require.Equal(t, fault.Invalid, fault.CodeOf(err), "%q", body)
	}
	return err
}

func FuzzVoteBody(f *testing.F) {
	f.Add([]byte(
		`{"poll_id":"0198c0de-0000-7000-8000-0000000000aa","key":"A",` +
			`"client_id":"6e1f1c1e-7d2b-4a55-9a4e-0a5f6f0a7c11","seq":7}`))
	f.Add([]byte(
		`{"poll_id":"0198c0de-0000-7000-8000-0000000000aa","keys":["A","B"],` +
			`"client_id":"6e1f1c1e-7d2b-4a55-9a4e-0a5f6f0a7c11"}`))
	f.Add([]byte(
		`{"poll_id":"0198c0de-0000-7000-8000-0000000000aa","keys":[],` +
			`"client_id":"6e1f1c1e-7d2b-4a55-9a4e-0a5f6f0a7c11"}`))
	f.Add([]byte(`{"poll_id":null,"key":[],"client_id":1e400,"seq":-0.5}`))
	f.Add([]byte(`[{"\ud800":"\u0000"}]`))
	f.Add([]byte(
		`{"poll_id":"0198c0de-0000-7000-8000-0000000000aa","text":" Why\n not\u00e9? ",` +
			`"client_id":"6e1f1c1e-7d2b-4a55-9a4e-0a5f6f0a7c11"}`))
	f.Add([]byte(
		`{"poll_id":"0198c0de-0000-7000-8000-0000000000aa","texts":["Berlin","BERLIN!","\ud83d"],` +
			`"client_id":"6e1f1c1e-7d2b-4a55-9a4e-0a5f6f0a7c11"}`))
	f.Add([]byte(
		`{"texts":[],"text":"","keys":null,"key":"A",` +
			`"poll_id":"0198c0de-0000-7000-8000-0000000000aa",` +
			`"client_id":"6e1f1c1e-7d2b-4a55-9a4e-0a5f6f0a7c11"}`))
	f.Add([]byte(
		`{"poll_id":"0198c0de-0000-7000-8000-0000000000aa","key":"A",` +
			`"pass":"nB0cMr3rS1a6yKqkB9V1xGoVQMBQPVHqUe5D4R6mYB0qvH3Z"}`))
	f.Add([]byte(
		`{"poll_id":"0198c0de-0000-7000-8000-0000000000aa","key":"A","pass":"\u0000😀",` +
			`"client_id":null}`))
	f.Add([]byte(
		`{"poll_id":"0198c0de-0000-7000-8000-0000000000aa","key":"A","PASS":["x"],"pass":{}}`))
	app := fiber.New()
	cloud := poll.Poll{Question: question.Question{Kind: question.WordCloud, MaxChoices: 3,
		Banned: []string{"darn"}}}
	essay := poll.Poll{Question: question.Question{Kind: question.OpenText, MaxChoices: 1}}
	f.Fuzz(func(t *testing.T, body []byte) {
		var v newVote
		if decoded(t, app, body, &v) != nil {
			return
		}
		b, err := v.ballot()
		if err != nil {
			require.Contains(t, []fault.Code{fault.Invalid, fault.NotFound}, fault.CodeOf(err))
			return
		}
		require.NotEqual(t, uuid.Nil, b.PollID)
		require.NotEqual(t, b.VoterID == uuid.Nil, b.Pass == nil, "an id or a pass")
		if b.Pass != nil {
			_, err := thePasses.Check(aTalk, b.Pass, time.Now())
			require.Equal(t, access.BadPass, fault.CodeOf(err), "nobody makes a pass up")
		}
		require.True(t, b.Seq >= 0 && b.Seq <= maxSeq)
		require.NotEqual(t, b.Keys == nil, b.Texts == nil, "keys or texts")
		for _, q := range []*poll.Poll{&cloud, &essay} {
			if answer, err := q.TextAnswer(b.Texts); err == nil {
				require.LessOrEqual(t, len(answer.Texts()), q.MaxChoices)
				require.NotContains(t, q.Kind.Words(answer), "")
				require.NotContains(t, q.Kind.Words(answer), "darn")
				require.Less(t, strings.IndexFunc(strings.ReplaceAll(string(answer), "\n", ""),
					unicode.IsControl), 0)
			}
		}
		p := poll.Poll{Question: question.Question{Kind: question.Multiple, MaxChoices: 2,
			Options: []question.Option{{Key: "A"}, {Key: "B"}}}}
		if answer, err := p.Answer(b.Keys); err == nil {
			require.Contains(t, []question.Answer{"A", "B", "A\nB", ""}, answer)
			require.Equal(t, len(b.Keys) == 0, answer.TakenBack())
		}
	})
}

func FuzzCreateBody(f *testing.F) {
	f.Add([]byte(
		`{"title":"T","current_poll_index":0,"polls":[{"question":"Q","kind":"multiple",` +
			`"max_choices":1,"options":[{"key":"A","value":"a"},{"key":"B","value":"b"}]},` +
			`{"question":"R","kind":"rating"}]}`))
	f.Add([]byte(`{"polls":[{"options":[{"key":"\n"}]}],"current_poll_index":9e9}`))
	f.Add([]byte(
		`{"voters":"pass","max_voters":300,"passcode":"gar-den 7","polls":[{"question":"R",` +
			`"kind":"rating"}],"current_poll_index":0}`))
	f.Add([]byte(
		`{"voters":"","max_voters":-1,"passcode":"\u0000","polls":[{"question":"R",` +
			`"kind":"rating"}]}`))
	f.Add([]byte(
		`{"polls":[{"question":"Where?","kind":"word_cloud","max_choices":10},{"question":"Why?",` +
			`"kind":"open_text","options":[]}]}`))
	app := fiber.New()
	f.Fuzz(func(t *testing.T, body []byte) {
		var n newPresentation
		if decoded(t, app, body, &n) != nil {
			return
		}
		p, err := n.presentation()
		if err != nil {
			require.Equal(t, fault.Invalid, fault.CodeOf(err))
			return
		}
		require.Contains(t, []access.Voters{access.Anyone, access.ByPass}, p.Voters)
		require.True(t, p.Voters == access.ByPass ||
			p.Admission == access.Admission{Voters: access.Anyone}, "%+v", p.Admission)
		require.True(t, p.MaxVoters >= 0 && p.MaxVoters <= access.MaxVotersLimit)
		require.Equal(t, access.CleanPasscode(p.Passcode), p.Passcode,
			"what was taken is in its usual form")
		require.True(t, p.Opens(p.Passcode))
		require.Equal(t, p.Passcode == "", p.Opens(""))
		for i, q := range p.Polls {
			require.Len(t, p.State(i).Counts, len(q.Options))
			require.NotEqual(t, q.Kind.FreeText(), len(q.Options) > 0)
			require.GreaterOrEqual(t, q.MaxChoices, 1)
			for _, o := range q.Options {
				answer, err := q.Answer([]string{o.Key})
				require.NoError(t, err, "an option that was taken can be voted for")
				require.Equal(t, []string{o.Key}, answer.Keys())
			}
			require.LessOrEqual(t, len(fullest(t, q)), fast.MaxBody,
				"a vote has room for whatever may be chosen")
		}
	})
}

// fullest gives the longest body of a vote for options that this package's own client would send.
func fullest(t *testing.T, q poll.Poll) []byte {
	keys := make([]string, len(q.Options))
	for i, o := range q.Options {
		keys[i] = o.Key
	}
	slices.SortFunc(keys, func(a, b string) int { return len(b) - len(a) })
	keys = keys[:min(len(keys), q.MaxChoices)]
	pollID, client := q.ID.String(), uuid.NewString()
	body, err := json.Marshal(newVote{PollID: &pollID, Keys: &keys, ClientID: &client, Seq: maxSeq})
	require.NoError(t, err)
	return body
}

func FuzzPollBody(f *testing.F) {
	f.Add([]byte(
		`{"question":"Q","kind":"multiple","max_choices":1,"options":[{"key":"A","value":"a"}],` +
			`"results_visibility":"after","banned_words":["no"]}`))
	f.Add([]byte(`{"question":"\u0000","options":null,"banned_words":[" "]}`))
	app := fiber.New()
	talk, err := poll.New("",
		[]poll.Poll{{Question: question.Question{Text: "Which?", Kind: question.Rating}}})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, body []byte) {
		var q newPoll
		if decoded(t, app, body, &q) != nil {
			return
		}
		d := poll.Draft{Presentation: talk}
		if err := d.Apply(poll.AddPoll{Poll: q.poll()}); err != nil {
			require.Equal(t, fault.Invalid, fault.CodeOf(err))
			return
		}
		added := d.Polls[1]
		require.Len(t, d.State.Counts, len(added.Options))
		edit := poll.EditPoll{PollID: added.ID, Question: &added.Text,
			MaxChoices: &added.MaxChoices, Visibility: &added.Visibility, Banned: &added.Banned}
		again := poll.Draft{Presentation: d.Presentation, State: d.State}
		require.NoError(t, again.Apply(edit))
		require.False(t, again.Changed, "what was taken is in its usual form")
	})
}

func FuzzMoveBody(f *testing.F) {
	f.Add([]byte(``))
	f.Add([]byte(`{"move":"previous"}`))
	f.Add([]byte(`{"poll_id":"0198c0de-0000-7000-8000-0000000000aa","move":null}`))
	f.Add([]byte(`{"POLL_ID":"00000000-0000-0000-0000-000000000000","move":"next"}`))
	app := fiber.New()
	f.Fuzz(func(t *testing.T, body []byte) {
		c := app.AcquireCtx(&fasthttp.RequestCtx{})
		defer app.ReleaseCtx(c)
		c.Request().Header.SetContentType(fiber.MIMEApplicationJSON)
		c.Request().SetBody(body)
		move, err := moveOf(calling(c))
		if err != nil {
			require.Contains(t, []fault.Code{fault.Invalid, fault.NotFound}, fault.CodeOf(err))
			return
		}
		require.Equal(t, move.To == poll.ToPoll, move.PollID != uuid.Nil,
			"a poll is named where one is meant, and only there")
		require.NotEqual(t, poll.ToNothing, move.To, "no body clears the slide")
	})
}

// FuzzIdentity feeds what says who asks, and for what.
func FuzzIdentity(f *testing.F) {
	const token = "the-right-token"
	f.Add("Bearer "+token, "018f-AB_c.2", "0198c0de-0000-7000-8000-0000000000aa", "ab-cd ef",
		"1.2.3.4, 5.6.7.8")
	f.Add("bearer  \t"+token+" ", "\r\nX: y", "{0198c0de-0000-7000-8000-0000000000aa}", "%zz", ",")
	f.Add("Basic "+token, "", "urn:uuid:0198c0de-0000-7000-8000-0000000000aa", "\x00\xff", "")
	server := newTestServer()
	f.Fuzz(func(t *testing.T, authorization, request, id, code, forwarded string) {
		c := server.app.AcquireCtx(&fasthttp.RequestCtx{})
		defer server.app.ReleaseCtx(c)
		c.Request().Header.Set(fiber.HeaderAuthorization, authorization)
		c.Request().Header.Set(fiber.HeaderXRequestID, request)
		c.Request().Header.Set(fiber.HeaderXForwardedFor, forwarded)
		tokens := &access.Tokens{TokenHash: sha256.Sum256([]byte(token))}
		if err := server.call(c).allow(tokens, access.Owner); err == nil {
			require.Regexp(t, `(?i)^bearer\s+`+token+`\s*$`, authorization)
		} else {
			require.Contains(t, []fault.Code{fault.Unauthenticated, fault.Forbidden},
				fault.CodeOf(err))
		}
		require.Regexp(t, `^[A-Za-z0-9._-]{1,64}$`, web.RequestID(c),
			"what a client says does not become more than an id")
		require.Equal(t, "0.0.0.0", server.TrustedProxies.Client(c).String(),
			"only a proxy's word is believed")
		if parsed, err := web.ParseID("poll_id", id); err == nil {
			require.Equal(t, strings.ToLower(id), parsed.String(), "one id has one form")
		}
		require.NotContains(t, access.CleanCode(code), " ")
	})
}

func FuzzHeaders(f *testing.F) {
	f.Add("wait=3, respond-async", `"7"`)
	f.Add("wait=;;,=", `W/"`)
	f.Add("", `"1", W/"2",, 3`)
	f.Fuzz(func(t *testing.T, prefer, match string) {
		wait, applied := web.Preference(prefer, intake.DefaultWait, intake.Deadline)
		require.True(t, wait.For >= 0 && wait.For <= intake.Deadline)
		require.NotContains(t, applied, "\n", "what a client says does not become a header of ours")
		seen, err := versions("If-Match", match)
		if err != nil {
			require.Equal(t, fault.Invalid, fault.CodeOf(err))
		}
		var tags []string
		for _, v := range seen {
			require.GreaterOrEqual(t, v, int64(0))
			tags = append(tags, web.ETag(v))
		}
		if len(tags) > 0 {
			again, err := versions("If-Match", strings.Join(tags, ","))
			require.NoError(t, err)
			require.Equal(t, seen, again)
		}
		edits, err := revisions("If-Match", match)
		if err != nil {
			require.Equal(t, fault.Invalid, fault.CodeOf(err))
		}
		for _, n := range edits {
			if n >= 0 {
				again, err := revisions("If-Match", standTag(1, n))
				require.NoError(t, err)
				require.Equal(t, poll.Seen{n}, again)
			}
		}
		require.Regexp(t, `^(respond-async|wait=\d|, )*$`, applied)
	})
}

// FuzzVoter feeds what somebody says who asks for a pass.
func FuzzVoter(f *testing.F) {
	// the same in each of the fuzzer's processes
	good := thePasses.Draw(aTalk, aPoll, time.Unix(4_000_000_000, 0)).Text
	f.Add([]byte(`{"passcode":" Gar-den 7"}`), "7d1f5a52-8a0b-4f0e-9a60-0a4c2f6f2d10")
	f.Add([]byte(`{"pass":"`+good+`"}`), "")
	f.Add([]byte(`{"pass":null,"passcode":"\u0000"}`), uuid.Nil.String())
	f.Add([]byte(`{"pass":"`+good[:47]+`B"}`), "{7d1f5a52-8a0b-4f0e-9a60-0a4c2f6f2d10}")
	f.Add([]byte(``), "\x00\xff")
	server := newTestServer()
	server.entrance = newEntrance(thePasses, &till{room: 1}, 0,
		newGuesses(wrongPasscodes, time.Now))
	lifetest.Start(f, server.entrance)
	d := byPass
	d.Passcode = "GARDEN7"
	f.Fuzz(func(t *testing.T, body []byte, header string) {
		c := server.call(server.app.AcquireCtx(&fasthttp.RequestCtx{}))
		defer server.app.ReleaseCtx(c.Ctx)
		c.Request().Header.SetContentType(fiber.MIMEApplicationJSON)
		c.Request().Header.Set("Idempotency-Key", header)
		c.Request().SetBody(body)
		key, err := web.IdempotencyKey(c.Ctx)
		if err != nil {
			require.Equal(t, fault.Invalid, fault.CodeOf(err))
		} else if said := c.Get("Idempotency-Key"); said != "" {
			require.Equal(t, strings.ToLower(said), key.String(), "one key has one form")
		}
		asked, err := c.askedPass()
		if err != nil {
			require.Equal(t, fault.Invalid, fault.CodeOf(err))
			return
		}
		if asked.Pass != nil {
			_, err := thePasses.Renew(aTalk, []byte(*asked.Pass), time.Now())
			require.Equal(t, *asked.Pass == good, err == nil, "%q", body)
		}
		_, _, err = server.entrance.enter(t.Context(), always(d), asked.Passcode,
			uuid.Nil, netip.Addr{})
		if err == nil || fault.CodeOf(err) == access.RoomFull {
			require.Equal(t, d.Passcode, access.CleanPasscode(asked.Passcode))
		} else {
			require.Contains(t, []fault.Code{access.BadPasscode, fault.Busy}, fault.CodeOf(err))
		}
	})
}

// The answer to a request is the same problem document whatever made it fail.
func TestAPanicIsAnInternalErrorAndTellsNothing(t *testing.T) {
	s := newTestServer()
	s.app.Get("/panic", func(*fiber.Ctx) error { panic("the password is secret") })
	res, err := s.app.Test(httptest.NewRequest("GET", "/panic", nil), -1)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	var p problem
	require.NoError(t, json.NewDecoder(res.Body).Decode(&p))
	require.Equal(t, 500, res.StatusCode)
	require.Equal(t, "internal", p.Code)
	require.NotContains(t, p.Detail, "secret")
	require.NotEmpty(t, p.RequestID)
}
