package httpapi

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"

	"github.com/plenary-live/plenary/pkg/intake"
	"github.com/plenary-live/plenary/pkg/poll"
)

// decoded runs decode on a JSON body.
func decoded(t *testing.T, app *fiber.App, body []byte, v any) error {
	c := app.AcquireCtx(&fasthttp.RequestCtx{})
	defer app.ReleaseCtx(c)
	c.Request().Header.SetContentType(fiber.MIMEApplicationJSON)
	c.Request().SetBody(body)
	err := decode(c, v)
	if err != nil {
		require.Equal(t, poll.Invalid, poll.KindOf(err), "%q", body)
	}
	return err
}

func FuzzVoteBody(f *testing.F) {
	f.Add([]byte(`{"poll_id":"0198c0de-0000-7000-8000-0000000000aa","key":"A","client_id":"6e1f1c1e-7d2b-4a55-9a4e-0a5f6f0a7c11","seq":7}`))
	f.Add([]byte(`{"poll_id":"0198c0de-0000-7000-8000-0000000000aa","keys":["A","B"],"client_id":"6e1f1c1e-7d2b-4a55-9a4e-0a5f6f0a7c11"}`))
	f.Add([]byte(`{"poll_id":null,"key":[],"client_id":1e400,"seq":-0.5}`))
	f.Add([]byte(`[{"\ud800":"\u0000"}]`))
	app := fiber.New()
	f.Fuzz(func(t *testing.T, body []byte) {
		var v newVote
		if decoded(t, app, body, &v) != nil {
			return
		}
		b, err := v.ballot()
		if err != nil {
			require.Contains(t, []poll.ErrorKind{poll.Invalid, poll.NotFound}, poll.KindOf(err))
			return
		}
		require.NotEqual(t, uuid.Nil, b.PollID)
		require.NotEqual(t, uuid.Nil, b.VoterID)
		require.True(t, b.Seq >= 0 && b.Seq <= maxSeq)
		p := poll.Poll{Kind: poll.Multiple, MaxChoices: 2, Options: []poll.Option{{Key: "A"}, {Key: "B"}}}
		if answer, err := p.Answer(b.Keys); err == nil {
			require.Contains(t, []poll.Answer{"A", "B", "A\nB"}, answer)
		}
	})
}

func FuzzCreateBody(f *testing.F) {
	f.Add([]byte(`{"title":"T","current_poll_index":0,"polls":[{"question":"Q","kind":"multiple","max_choices":1,"options":[{"key":"A","value":"a"},{"key":"B","value":"b"}]},{"question":"R","kind":"rating"}]}`))
	f.Add([]byte(`{"polls":[{"options":[{"key":"\n"}]}],"current_poll_index":9e9}`))
	app := fiber.New()
	f.Fuzz(func(t *testing.T, body []byte) {
		var n newPresentation
		if decoded(t, app, body, &n) != nil {
			return
		}
		p, err := n.presentation()
		if err != nil {
			require.Equal(t, poll.Invalid, poll.KindOf(err))
			return
		}
		for i, q := range p.Polls {
			require.Len(t, p.State(i).Counts, len(q.Options))
			for _, o := range q.Options {
				answer, err := q.Answer([]string{o.Key})
				require.NoError(t, err, "an option that was taken can be voted for")
				require.Equal(t, []string{o.Key}, answer.Keys())
			}
		}
	})
}

func FuzzHeaders(f *testing.F) {
	f.Add("wait=3, respond-async", `"7"`, "Bearer x")
	f.Add("wait=;;,=", `W/"`, "bearer")
	f.Add("", `"1", W/"2",, 3`, "")
	f.Fuzz(func(t *testing.T, prefer, match, authorization string) {
		wait, applied := preference(prefer)
		require.True(t, wait.For >= 0 && wait.For <= intake.Deadline)
		require.NotContains(t, applied, "\n", "what a client says does not become a header of ours")
		seen, err := versions("If-Match", match)
		if err != nil {
			require.Equal(t, poll.Invalid, poll.KindOf(err))
		}
		var tags []string
		for _, v := range seen {
			require.GreaterOrEqual(t, v, int64(0))
			tags = append(tags, etag(v))
		}
		if len(tags) > 0 {
			again, err := versions("If-Match", strings.Join(tags, ","))
			require.NoError(t, err)
			require.Equal(t, seen, again)
		}
		require.Regexp(t, `^(respond-async|wait=\d|, )*$`, applied)
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
	require.Equal(t, internal, p.Code)
	require.NotContains(t, p.Detail, "secret")
	require.NotEmpty(t, p.RequestID)
}
