package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/test/stack"
)

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
