package feeds

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/feed"
)

func TestATokenThatNoLogInGaveIsRefusedByEveryCall(t *testing.T) {
	s := newScene(t, usual, Config{})
	p := "/polls/" + s.published(feed.Always, "").String()
	for _, c := range []struct {
		method, path, body string
		anybody            bool
	}{
		{"POST", "/polls", `{"title":"?","options":["A","B"],"tags":["a"]}`, false},
		{"GET", "/polls", "", false}, {"GET", p, "", true}, {"DELETE", p, "", false},
		{"POST", p + "/close", "", false}, {"POST", p + "/vote", `{"option_index":0}`, false},
		{"PATCH", p + "/vote", `{"option_index":0}`, false}, {"DELETE", p + "/vote", "", false},
		{"POST", p + "/skip", "", false}, {"DELETE", p + "/skip", "", false},
		{"GET", p + "/stats", "", true}, {"GET", p + "/history", "", false},
		{"GET", "/tags", "", true}, {"GET", "/users/me/polls", "", false},
		{"GET", "/users/me/votes", "", false}, {"HEAD", p + "/events", "", true},
	} {
		for token, want := range map[string]string{
			oldSession: "session_expired", endedSession: "session_ended",
			"eyJ.eyJ.x": "invalid_session",
			"eyJ" + strings.Repeat("A", 3000) + ".A.A": "invalid_session",
		} {
			a := s.ask(c.method, c.path, token, c.body)
			if c.method == "HEAD" {
				require.Equal(t, 401, a.status, c.path)
				continue
			}
			require.Equal(t, "Unauthorized "+want, a.code(), "%s %s", c.method, c.path)
		}
		for _, token := range []string{"", "not-a-session"} {
			a := s.ask(c.method, c.path, token, c.body)
			if c.anybody {
				require.Equal(t, 200, a.status, "%s %s", c.method, c.path)
			} else {
				require.Equal(t, "Unauthorized login_required", a.code(), "%s %s", c.method, c.path)
			}
		}
	}
	require.Equal(t, 200, s.ask("GET", p, "", "").status, "it is there still")
}

func TestAPollIsItsAuthorsAndOperatorsMayTakeItDown(t *testing.T) {
	operator, stranger := uuid.New(), uuid.New()
	s := newScene(t, usual, Config{Operators: []uuid.UUID{operator}})
	p := s.published(feed.AfterClose, "")
	path := "/polls/" + p.String()
	for _, c := range [][2]string{
		{"POST", path + "/close"}, {"DELETE", path}, {"GET", path + "/history"},
	} {
		require.Equal(t, "Forbidden forbidden", s.by(stranger, c[0], c[1]).code(), c)
	}
	require.Equal(t, 403, s.by(operator, "GET", path+"/history").status)
	require.True(t, s.read(s.ann, p).Mine)
	require.False(t, s.read(operator, p).Mine)
	require.False(t, s.read(uuid.Nil, p).Mine)
	closed := decoded[wirePoll](t, s.by(operator, "POST", path+"/close"), 200)
	require.True(t, closed.Closed)
	require.NotNil(t, closed.Stats, "everybody sees the numbers of what is over")
	require.Equal(t, 200, s.by(s.ann, "POST", path+"/close").status, "it is closed already")
	require.Equal(t, "Conflict poll_closed", s.vote(stranger, p, "0").code())
	require.Equal(t, "Conflict poll_closed", s.by(stranger, "POST", path+"/skip").code())
	require.Equal(t, 204, s.by(operator, "DELETE", path).status)
	require.Equal(t, 404, s.by(s.ann, "DELETE", path).status)
	require.Equal(t, 404, s.ask("GET", path, "", "").status)
	require.Equal(t, 404, s.vote(stranger, p, "0").status)

	own := s.published(feed.Always, "")
	require.Equal(t, 204, s.by(s.ann, "DELETE", "/polls/"+own.String()).status)
}

func TestPublishingTakesTheKeyOfAServerThatHasOne(t *testing.T) {
	s := newScene(t, usual, Config{Door: web.NewDoor("a-key-of-eight-or-more")})
	body := `{"title":"?","options":["A","B"],"tags":["a"]}`
	require.Equal(t, "Unauthorized create_key_missing",
		s.ask("POST", "/polls", session(s.ann), body).code())
	require.Equal(t, "Forbidden create_key_wrong",
		s.ask("POST", "/polls", session(s.ann), body, "X-Create-Key", "another").code())
	require.Equal(t, 201, s.ask("POST", "/polls", session(s.ann), body,
		"X-Create-Key", "a-key-of-eight-or-more").status)
}
