package e2e

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
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

func TestAnAccountDoesWithItsOwnWhateverTheTokenDoes(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		p, other := s.Register(), s.Register()
		n := NewPresentation{Title: "A test", Polls: []NewPoll{choice("Now"), choice("Later")}}
		r := p.Own(n)
		for i := range accessCalls(r) {
			mine := p.Own(n)
			c := accessCalls(mine)[i]
			c.Token = other.Token
			if a := s.Do(c.Request); c.least > forAnybody {
				require.Equal(t, "403 forbidden", a.Code(), "%s by another account", c.operation)
			} else {
				require.NotContains(t, []int{401, 403, 404}, a.Status,
					"%s by another account: %v", c.operation, a)
			}
			c.Token = p.Token
			a := s.replicas[i%len(s.replicas)].Do(c.Request)
			if a.Code() != "409 no_passes" && a.Code() != "409 not_free_text" &&
				a.Code() != "409 out_of_polls" {
				require.Less(t, a.Status, 300, "%s by its account: %v", c.operation, a)
			}
		}
		token, a := r.renew("token", p.Token)
		require.Equal(t, 200, a.Status, "%v", a)
		require.Equal(
			t,
			"403 forbidden",
			r.Do(Request{Method: "GET", Path: r.Path("/export"), Token: r.PresenterToken}).Code(),
		)
		for _, right := range []string{token, p.Token} {
			require.Equal(
				t,
				200,
				r.Do(Request{Method: "GET", Path: r.Path("/export"), Token: right}).Status,
			)
		}
	})
}

func TestAnAccountsStreamEndsWithItsSessionOrWithWhatItOwns(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		p, other := s.Register(), s.Register()
		n := NewPresentation{Polls: []NewPoll{choice("Now")}}
		left, given := p.Own(n), p.Own(n)
		var gone, taken []*stream
		for _, replica := range s.replicas {
			for _, r := range []*Room{left, given} {
				v := r.Through(replica).watchAs(t, "", p.Token)
				_, err := v.next()
				require.NoError(t, err)
				if r == given {
					taken = append(taken, v)
				} else {
					gone = append(gone, v)
				}
			}
		}
		a := given.Do(Request{
			Method: "POST", Path: given.Path("/claim"), Token: given.PresenterToken,
			JSON: object{"account_token": other.Token},
		})
		require.Equal(t, 204, a.Status, "%v", a)
		for _, v := range taken {
			ends(t, v, "a stream of an account that owned the presentation")
		}
		require.Equal(t, 204, p.call("POST", "/auth/logout", nil).Status)
		for _, v := range gone {
			ends(t, v, "a stream after the log-out")
		}
	})
}

// ownList reads all pages of a person's presentations, of so many each.
func (p *Person) ownList(limit string) (ids []string, pages int) {
	p.tb.Helper()
	path := "/users/me/presentations?limit=" + limit
	for cursor := ""; ; pages++ {
		var page struct {
			Items []struct {
				ID      string    `json:"presentation_id"`
				Title   string    `json:"title"`
				Code    string    `json:"join_code"`
				Created time.Time `json:"created_at"`
			} `json:"items"`
			Next *string `json:"next"`
		}
		if a := p.call("GET", path+cursor, nil); a.Status != 200 || a.Decode(&page) != nil ||
			page.Items == nil {
			p.tb.Fatalf("%v", a)
		}
		for _, i := range page.Items {
			ids = append(ids, i.ID)
		}
		if page.Next == nil {
			return ids, pages + 1
		}
		cursor = "&cursor=" + *page.Next
	}
}

func TestAnAccountListsItsOwnPresentationsPageByPage(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		p, other := s.Register(), s.Register()
		ids, pages := p.ownList("2")
		require.Empty(t, ids)
		require.Equal(t, 1, pages)
		var want []string
		for range 4 {
			want = append(
				[]string{p.Own(NewPresentation{Polls: []NewPoll{choice("Now")}}).PresentationID},
				want...)
		}
		for limit, pages := range map[string]int{"1": 4, "2": 2, "3": 2, "4": 1, "100": 1} {
			ids, got := p.ownList(limit)
			require.Equal(t, want, ids)
			require.Equal(t, pages, got, "pages of %s", limit)
		}
		ids, _ = other.ownList("2")
		require.Empty(t, ids)
		for _, wrong := range []string{"limit=0", "limit=101", "limit=x", "limit=", "limit=-1"} {
			require.Equal(
				t,
				"400 invalid limit",
				p.call("GET", "/users/me/presentations?"+wrong, nil).Code(),
				wrong,
			)
		}
		for _, wrong := range []string{
			"", "x", "AAAAAAAAAAAAAAAAAAAAAA", strings.Repeat("A", 3000), "%00",
			"AZMcbnocfTCNXwxqQ8j3qg==",
		} {
			require.Equal(
				t,
				"400 invalid cursor",
				p.call("GET", "/users/me/presentations?cursor="+wrong, nil).Code(),
				wrong,
			)
		}
		require.Equal(
			t,
			"401 login_required",
			s.Do(Request{Method: "GET", Path: Base + "/users/me/presentations", Wrong: true}).
				Code(),
		)
	})
}

func TestAnAccountTakesOverWhatItsTokensHolderShows(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		first, second := s.Register(), s.Register()
		r := show(s.Client, choice("Now"))
		claim := func(token, account string) string {
			return r.Do(Request{
				Method: "POST", Path: r.Path("/claim"), Token: token, Wrong: true,
				JSON: object{"account_token": account},
			}).
				Code()
		}
		export := func(token string) int {
			return r.Do(Request{Method: "GET", Path: r.Path("/export"), Token: token}).Status
		}
		require.Equal(t, "401 unauthorized", claim("", first.Token))
		require.Equal(
			t,
			"403 forbidden",
			claim(first.Token, first.Token),
			"its own token is no right to it",
		)
		require.Equal(t, "401 invalid_session", claim(r.PresenterToken, "eyJ.eyJ.x"))
		require.Equal(t, 403, export(first.Token))
		require.Equal(t, "204", claim(r.PresenterToken, first.Token))
		require.Equal(t, 200, export(first.Token))
		require.Equal(t, 200, export(r.PresenterToken), "the token goes on working")
		ids, _ := first.ownList("10")
		require.Equal(t, []string{r.PresentationID}, ids)

		require.Equal(t, "204", claim(first.Token, second.Token), "an account gives it to another")
		require.Equal(t, 403, export(first.Token))
		require.Equal(t, 200, export(second.Token))
		ids, _ = first.ownList("10")
		require.Empty(t, ids)
	})
}

func TestVotersLogInWhereThePresentationAsksForThat(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		owner, voter := s.Register(), s.Register()
		r := owner.Own(NewPresentation{Polls: []NewPoll{choice("Now")}, Voters: "account"})
		poll := r.Polls[0].PollID
		require.Equal(t, "account", r.Presentation(false).Voters)
		enter := func(token string) *Answer {
			return r.Do(
				Request{Method: "POST", Path: r.Path("/voters"), Token: token, JSON: object{}},
			)
		}
		require.Equal(t, "401 login_required", enter("").Code())
		require.Equal(t, "401 login_required", enter(r.PresenterToken).Code())
		require.Equal(t, `Bearer realm="account"`, enter("").Header.Get("WWW-Authenticate"))
		require.Equal(
			t,
			"401 pass_required",
			r.Cast(Ballot{PollID: poll, Key: "A", ClientID: NewVoter()}).Code(),
		)
		passes := []string{}
		for _, token := range []string{voter.Token, voter.logIn(), owner.Token} {
			var p Pass
			require.NoError(t, enter(token).Decode(&p))
			require.Less(t, time.Until(p.Expires), 25*time.Hour)
			passes = append(passes, p.Pass)
		}
		for i, key := range []string{"A", "B", "A"} {
			require.Equal(t, 204, r.Cast(Ballot{PollID: poll, Key: key, Pass: passes[i]}).Status)
		}
		results := r.Results(poll)
		require.EqualValues(t, 2, results.Total, "two accounts, and one of them on two phones")
		require.Equal(t, "account", results.Identity)
		a := r.Do(Request{Method: "POST", Path: r.Path("/voters"), JSON: object{"pass": passes[0]}})
		require.Equal(t, "401 invalid_pass", a.Code(), "an account asks again")

		weak := byPass(s.Client, 0, "", choice("Now"))
		require.Equal(t, 200, weak.admit(object{"voters": "account"}).Status)
		plain := byPass(s.Client, 0, "", choice("Now"))
		pass := plain.Pass("")
		require.Equal(t, 200, plain.admit(object{"voters": "account"}).Status)
		require.Eventually(t, func() bool {
			return plain.Cast(Ballot{PollID: plain.Polls[0].PollID, Key: "A", Pass: pass.Pass}).
				Code() ==
				"401 pass_required"
		}, 5*time.Second, 50*time.Millisecond, "a pass of before is not enough")
		require.Equal(t, "400 invalid passcode", weak.admit(object{"passcode": "GARDEN"}).Code())
	})
}

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

func TestRegisteringIsLimitedByAddress(t *testing.T) {
	s, _ := own(
		t,
		stack.Config{Parts: stack.API, APIs: 1, APIEnv: []string{"PLENARY_REGISTER_LIMIT=3"}},
	)
	register := func(email, address string) string {
		return s.Ask(Request{
			Method: "POST", Path: Base + "/auth/register", Header: from(address), Wrong: true,
			JSON: object{"username": "A", "email": email, "password": "12345678"}}).
			Code()
	}
	for range 5 {
		require.Equal(
			t,
			"400 invalid email",
			register("none", "192.0.2.1"),
			"what looks nothing up costs nothing",
		)
	}
	require.Equal(t, "201", register("a@example.org", "192.0.2.1"))
	require.Equal(t, "409 email_taken", register("a@example.org", "192.0.2.1"))
	require.Equal(t, "409 email_taken", register("a@example.org", "192.0.2.1"))
	require.Equal(
		t,
		"429 too_many_requests",
		register("a@example.org", "192.0.2.1"),
		"nobody asks for many addresses",
	)
	require.Equal(t, "429 too_many_requests", register("b@example.org", "192.0.2.1"))
	require.Equal(t, "201", register("b@example.org", "192.0.2.2"))
}

func TestWrongPasswordsAreLimitedAndNobodyLocksAPersonOut(t *testing.T) {
	s, _ := own(
		t,
		stack.Config{Parts: stack.API, APIs: 1, APIEnv: []string{"PLENARY_WRONG_PASSWORDS=3"}},
	)
	p := s.Register()
	logIn := func(email, password, address string) *Answer {
		return s.Ask(
			Request{Method: "POST", Path: Base + "/auth/login", Header: from(address), Wrong: true,
				JSON: object{"email": email, "password": password}},
		)
	}
	for range 10 { // a right one costs nothing
		require.Equal(t, 200, logIn(p.Email, p.Password, "192.0.2.7").Status)
	}
	for _, email := range []string{p.Email, "nobody@example.org"} {
		for i := range 3 {
			a := logIn(email, "wrong password", "192.0.2."+string(rune('1'+i)))
			require.Equal(t, "401 wrong_password", a.Code())
			require.Equal(t, `Bearer realm="account"`, a.Header.Get("WWW-Authenticate"))
		}
		a := logIn(strings.ToUpper(email), p.Password, "192.0.2.4")
		require.Equal(
			t,
			"429 too_many_requests",
			a.Code(),
			"of all addresses together, for a known and an unknown account",
		)
		require.NotEmpty(t, a.Header.Get("Retry-After"))
	}
	require.Equal(
		t,
		200,
		logIn(p.Email, p.Password, "192.0.2.7").Status,
		"where the person was before, they are not held",
	)

	begun, tried := time.Now(), 0
	for logIn(uuid.NewString()+"@example.org", "wrong password", "192.0.2.9").Status == 401 {
		tried++
	}
	require.GreaterOrEqual(t, tried, 30, "an address may try ten times as many")
	require.LessOrEqual(
		t,
		tried,
		31+int(time.Since(begun).Seconds()/2),
		"and one more every two seconds",
	)
	require.Equal(
		t,
		"401 wrong_password",
		logIn(uuid.NewString()+"@example.org", "wrong password", "192.0.2.10").Code(),
	)
}

func TestAnAccountShowsTheKeyOfAServerThatHasOneBesideItsToken(t *testing.T) {
	const key = "a-key.of~ours+1/="
	s, _ := own(
		t,
		stack.Config{Parts: stack.API, APIs: 1, APIEnv: []string{"PLENARY_CREATE_KEY=" + key}},
	)
	p := s.Register()
	create := func(given string) string {
		return s.Do(Request{
			Method: "POST", Path: Base + "/presentations", Token: p.Token,
			Header: map[string]string{"X-Create-Key": given},
			JSON:   NewPresentation{Polls: []NewPoll{choice("?")}}}).
			Code()
	}
	require.Equal(t, "401 create_key_missing", create(""))
	require.Equal(t, "403 create_key_wrong", create(key+"x"))
	require.Equal(t, "201", create(key))
	ids, _ := p.ownList("10")
	require.Len(t, ids, 1)
}

func TestASessionOutlivesARestart(t *testing.T) {
	s, st := own(t, stack.Config{Parts: stack.API, APIs: 1})
	p := s.Register()
	require.NoError(t, st.APIs[0].Stop())
	require.NoError(t, st.APIs[0].Start(t.Context()))
	require.Equal(t, 200, p.call("GET", "/users/me", nil).Status)
}

func TestAnOperatorsLinkSetsAPasswordOnce(t *testing.T) {
	s, st := own(t, stack.Config{Parts: stack.API | stack.PostgreSQL, APIs: 1})
	p := s.Register()
	binaries, err := binaries.build()
	require.NoError(t, err)
	operator := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), filepath.Join(binaries, "api"), args...)
		cmd.Env = append(
			os.Environ(),
			"PLENARY_DATABASE_URL="+st.DatabaseURL,
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
