package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func TestATokenThatNoLogInGaveIsRefusedEverywhereWithItsReason(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := show(s.Client, choice("Now"), choice("Later"))
		wrong := []string{
			"eyJ.eyJ.x",
			"eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.",
			"eyJ" + strings.Repeat("A", 3000) + ".A.A",
		}
		for i, c := range accessCalls(r) {
			if c.operation == "castVote" { // its voter is in the body
				continue
			}
			c.Token = wrong[i%len(wrong)]
			require.Equal(t, 401, s.Do(c.Request).Status, c.operation)
			if a := s.Do(c.Request); c.Method != "HEAD" {
				require.Equal(t, "401 invalid_session", a.Code(), c.operation)
				require.Equal(
					t,
					`Bearer realm="account", error="invalid_token"`,
					a.Header.Get("WWW-Authenticate"),
				)
			}
		}
		for _, token := range wrong {
			for _, c := range []Request{
				{Method: "GET", Path: Base + "/users/me"},
				{Method: "DELETE", Path: Base + "/users/me"},
				{Method: "PATCH", Path: Base + "/users/me", JSON: object{}},
				{Method: "POST", Path: Base + "/auth/logout"},
				{Method: "POST", Path: Base + "/users/me/password", JSON: object{}, Wrong: true},
				{Method: "GET", Path: Base + "/users/me/presentations"},
				{Method: "GET", Path: Base + "/join/" + r.JoinCode},
				{Method: "POST", Path: Base + "/presentations", JSON: NewPresentation{
					Polls: []NewPoll{choice("?")},
				}},
			} {
				c.Token, c.Wrong = token, true
				require.Equal(t, "401 invalid_session", s.Do(c).Code(), "%s %s", c.Method, c.Path)
				if strings.HasPrefix(c.Path, Base+"/users") {
					c.Token = ""
					require.Equal(
						t,
						"401 login_required",
						s.Do(c).Code(),
						"%s %s",
						c.Method,
						c.Path,
					)
				}
			}
		}
	})
}

func TestGarbageForAnAccountNamesItsField(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		p := s.Register()
		send := func(method, path, token, body string) string {
			return s.Ask(Request{
				Method: method, Path: Base + path, Token: token, Body: body, Wrong: true,
				Header: map[string]string{"Content-Type": jsonEnc}}).
				Code()
		}
		email := uuid.NewString() + "@example.org"
		good := `"username":"A","email":"` + email + `","password":"12345678"`
		for body, want := range map[string]string{
			`{}`:                           "400 invalid username",
			`{` + good + `,"username":""}`: "400 invalid username",
			`{` + good + `,"username":7}`:  "400 invalid username",
			`{` + good + `,"username":"` + strings.Repeat("a", 51) + `"}`: "400 invalid username",
			`{` + good + `,"username":"\u0000"}`:                          "400 invalid username",
			`{` + good + `,"email":"x"}`:                                  "400 invalid email",
			`{` + good + `,"email":null}`:                                 "201",
			`{` + good + `,"email":[]}`:                                   "400 invalid email",
			`{` + good + `,"email":"` +
				strings.Repeat("a", 250) + `@b.example"}`: "400 invalid email",
			`{` + good + `,"email":"a@b.example\r\nBcc: c@d.example"}`:     "400 invalid email",
			`{` + good + `,"password":"1234567"}`:                          "400 invalid password",
			`{` + good + `,"password":"` + strings.Repeat("a", 129) + `"}`: "400 invalid password",
			`{` + good + `,"password":{}}`:                                 "400 invalid password",
			`[]`:                                                           "400 invalid body",
			`{`:                                                            "400 invalid body",
			``:                                                             "400 invalid body",
			`null`:                                                         "400 invalid username",
			`"` + strings.Repeat("a", 5000) + `"`:                          "413 payload_too_large",
			"\xff":                                                         "400 invalid body",
		} {
			require.Equal(t, want, send("POST", "/auth/register", "", body), "%.80s", body)
		}
		all := s.Ask(Request{
			Method: "POST", Path: Base + "/auth/register", Wrong: true,
			Body:   `{"username":7,"email":"x","password":"short"}`,
			Header: map[string]string{"Content-Type": jsonEnc},
		})
		require.Equal(t, "400 invalid username", all.Code())
		named := []string{}
		for _, wrong := range all.Problem().Errors {
			named = append(named, wrong.Field)
		}
		require.Equal(t, []string{"username", "email", "password"}, named)
		for body, want := range map[string]string{
			`{}`:                          "401 wrong_password",
			`{"email":"` + p.Email + `"}`: "401 wrong_password",
			`{"email":7}`:                 "400 invalid email",
			`{"password":[]}`:             "400 invalid password",
			`{"email":"` + p.Email + `","password":"\u0000"}`: "401 wrong_password",
			`{"email":"\u0000","password":"12345678"}`:        "401 wrong_password",
			`[]`: "400 invalid body",
			`{"email":"` + strings.Repeat("a", 5000) + `"}`: "413 payload_too_large",
			`{"email":"%' OR 1=1","password":"12345678"}`:   "401 wrong_password",
		} {
			require.Equal(t, want, send("POST", "/auth/login", "", body), "%.80s", body)
		}
		for body, want := range map[string]string{
			`{"username":""}`: "400 invalid username",
			`{"email":""}`:    "400 invalid email",
			`{"email":7}`:     "400 invalid email",
			`{"password":7}`:  "400 invalid password",
			`{}`:              "200",
			`{"unknown":1}`:   "200",
			`[]`:              "400 invalid body",
			`{"username":"` + strings.Repeat("a", 5000) + `"}`: "413 payload_too_large",
		} {
			require.Equal(t, want, send("PATCH", "/users/me", p.Token, body), "%.80s", body)
		}
		for body, want := range map[string]string{
			`{}`: "400 invalid new_password",
			`{"password":"x","new_password":"short"}`: "400 invalid new_password",
			`{"new_password":7}`:                      "400 invalid new_password",
			`{"new_password":"12345678"}`:             "401 wrong_password",
			`[]`:                                      "400 invalid body",
			`{"password":"` + strings.Repeat("a", 5000) + `"}`: "413 payload_too_large",
		} {
			require.Equal(t, want, send("POST", "/users/me/password", p.Token, body), "%.80s", body)
		}
		for body, want := range map[string]string{
			`{}`:                      "400 invalid password",
			`{"password":"12345678"}`: "403 invalid_reset",
			`{"token":7}`:             "400 invalid token",
			`{"token":"\u0000","password":"12345678"}`:          "403 invalid_reset",
			`{"token":"` + p.Token + `","password":"12345678"}`: "403 invalid_reset",
			`[]`: "400 invalid body",
			`{"token":"` + strings.Repeat("a", 5000) + `"}`: "413 payload_too_large",
		} {
			require.Equal(t, want, send("POST", "/auth/reset", "", body), "%.80s", body)
		}
		r := show(s.Client, choice("Now"))
		for _, body := range []string{
			`{}`, `{"account_token":""}`, `{"account_token":7}`,
			`{"account_token":"` + r.PresenterToken + `"}`,
		} {
			a := s.Do(
				Request{
					Method: "POST",
					Path:   r.Path("/claim"),
					Token:  r.PresenterToken,
					Body:   body,
					Wrong:  true,
					Header: map[string]string{"Content-Type": jsonEnc},
				},
			)
			require.Equal(t, "400 invalid account_token", a.Code(), body)
		}
		for _, path := range []string{"/auth/register", "/auth/login", "/auth/reset"} {
			a := s.Do(
				Request{
					Method: "POST",
					Path:   Base + path,
					Body:   "{}",
					Wrong:  true,
					Header: map[string]string{"Content-Type": "text/plain"},
				},
			)
			require.Equal(t, "415 unsupported_media_type", a.Code(), path)
			require.Equal(
				t,
				http.StatusMethodNotAllowed,
				s.Do(Request{Method: "GET", Path: Base + path, Wrong: true}).Status,
			)
		}
	})
}
