package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/test/stack"
)

func TestSomebodyRegistersLogsInAndOutOfEveryReplica(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		p := s.Register()
		second := p.logIn()
		for _, replica := range append(s.replicas, s.Client) {
			for _, token := range []string{p.Token, second} {
				var me Me
				a := replica.read(
					Request{Method: "GET", Path: Base + "/users/me", Token: token},
					&me,
				)
				require.Equal(t, Me{p.ID, p.Username, p.Email}, me)
				require.Equal(t, "no-store", a.Header.Get("Cache-Control"))
			}
		}
		require.Equal(t, 204, p.call("POST", "/auth/logout", nil).Status)
		for _, replica := range append(s.replicas, s.Client) {
			for _, token := range []string{p.Token, second} {
				require.Eventually(t, func() bool {
					a := replica.Do(Request{Method: "GET", Path: Base + "/users/me", Token: token})
					return a.Code() == "401 session_ended"
				}, 5*time.Second, 50*time.Millisecond, "a lease is a second")
			}
		}
		p.Token = p.logIn()
		for _, replica := range append(s.replicas, s.Client) {
			a := replica.Do(Request{Method: "GET", Path: Base + "/users/me", Token: p.Token})
			require.Equal(
				t,
				200,
				a.Status,
				"a new session works where an older epoch is known: %v",
				a,
			)
		}
	})
}

func TestAnAccountIsChangedAndDeleted(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		p, other := s.Register(), s.Register()
		require.Equal(
			t,
			"409 email_taken",
			s.Ask(Request{Method: "POST", Path: Base + "/auth/register", JSON: object{
				"username": "Else",
				"email":    strings.ToUpper(p.Email),
				"password": "another password",
			}}).Code(),
		)
		require.Equal(
			t,
			"409 email_taken",
			p.call("PATCH", "/users/me", object{"email": other.Email, "password": p.Password}).
				Code(),
		)
		require.Equal(
			t,
			"401 wrong_password",
			p.call("PATCH", "/users/me", object{"email": "x" + p.Email}).Code(),
		)
		var me Me
		a := p.call(
			"PATCH",
			"/users/me",
			object{"username": " Berta  B. ", "email": "x" + p.Email, "password": p.Password},
		)
		require.NoError(t, a.Decode(&me))
		require.Equal(t, Me{p.ID, "Berta B.", "x" + p.Email}, me)
		p.Email = me.Email
		require.Equal(
			t,
			"401 wrong_password",
			p.call("POST", "/users/me/password", object{
				"password": "wrong password", "new_password": "a new password",
			}).
				Code(),
		)
		a = p.call(
			"POST",
			"/users/me/password",
			object{"password": p.Password, "new_password": "a new password"},
		)
		var session Session
		require.NoError(t, a.Decode(&session), "%v", a)
		require.Equal(
			t,
			"401 wrong_password",
			s.Ask(Request{Method: "POST", Path: Base + "/auth/login", JSON: object{
				"email": p.Email, "password": p.Password,
			}}).
				Code(),
		)
		p.Password, p.Token = "a new password", session.Token
		p.logIn()

		r := p.Own(NewPresentation{Polls: []NewPoll{choice("Now")}})
		r.Vote(r.Polls[0].PollID, NewVoter(), "A")
		require.Equal(t, 204, p.call("DELETE", "/users/me", nil).Status)
		require.Eventually(t, func() bool {
			return r.Do(Request{Method: "GET", Path: r.Path("/export"), Token: p.Token}).
				Code() ==
				"401 session_ended"
		}, 5*time.Second, 50*time.Millisecond)
		require.Equal(
			t,
			"401 wrong_password",
			s.Ask(Request{Method: "POST", Path: Base + "/auth/login", JSON: object{
				"email": p.Email, "password": p.Password,
			}}).
				Code(),
		)
		require.Equal(t, "owner", r.Presentation(true).Role, "whoever holds the token goes on")
		require.EqualValues(t, 1, r.Results(r.Polls[0].PollID).Total, "counts stay")
	})
}

func TestASessionOutlivesARestart(t *testing.T) {
	s, st := own(t, stack.Config{Parts: stack.API, APIs: 1})
	p := s.Register()
	require.NoError(t, st.APIs[0].Stop())
	require.NoError(t, st.APIs[0].Start(t.Context()))
	require.Equal(t, 200, p.call("GET", "/users/me", nil).Status)
}

func TestAnOperatorsLinkSetsAPasswordOnce(t *testing.T) {
	for name, parts := range map[string]stack.Part{
		"SQLite": stack.API, "PostgreSQL": stack.API | stack.PostgreSQL,
	} {
		t.Run(name, func(t *testing.T) {
			s, st := own(t, stack.Config{Parts: parts, APIs: 1})
			database := st.DatabaseURL
			if parts == stack.API {
				database = "sqlite:" + filepath.Join(st.Dir, "api-0", "plenary.db")
			}
			operatorsLinkSetsAPasswordOnce(t, s, database)
		})
	}
}

func operatorsLinkSetsAPasswordOnce(t *testing.T, s site, database string) {
	p := s.Register()
	binaries, err := binaries.build()
	require.NoError(t, err)
	operator := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), filepath.Join(binaries, "api"), args...)
		cmd.Env = append(
			os.Environ(),
			"PLENARY_DATABASE_URL="+database,
			"PLENARY_PUBLIC_URL=https://vote.example",
		)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	for _, wrong := range [][]string{
		{"account"}, {"account", "reset"}, {"account", "delete", p.Email},
		{"account", "reset", p.Email, "x"},
	} {
		out, err := operator(wrong...)
		require.ErrorContains(t, err, "exit status 2", out)
		require.Contains(t, out, "account reset EMAIL")
	}
	out, err := operator("account", "reset", "nobody@example.org")
	require.ErrorContains(t, err, "exit status 1")
	require.Contains(t, out, "there is no such account")

	out, err = operator("account", "reset", strings.ToUpper(p.Email))
	require.NoError(t, err, out)
	_, rest, found := strings.Cut(out, "https://vote.example/account#reset=")
	require.True(t, found, out)
	token, _, _ := strings.Cut(rest, "\n")
	reset := func() string {
		return s.Ask(Request{Method: "POST", Path: Base + "/auth/reset", JSON: object{
			"token": token, "password": "a new password",
		}}).
			Code()
	}
	require.Equal(t, "204", reset())
	require.Equal(t, "403 invalid_reset", reset())
	require.Equal(t, "401 session_ended", p.call("GET", "/users/me", nil).Code())
	p.Password = "a new password"
	p.logIn()
}
