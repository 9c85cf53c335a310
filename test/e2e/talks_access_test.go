package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// talkCalls are all calls of a talk: the table of who may do what.
func talkCalls(k *Talk, commentID string) []accessCall {
	call := func(operation string, least int, method, path string, body any) accessCall {
		return accessCall{operation, least,
			Request{Method: method, Path: k.Path(path), JSON: body, Wrong: true}}
	}
	return []accessCall{
		call("getTalk", forAnybody, "GET", "", nil),
		call("watchTalk", forAnybody, "HEAD", "/events", nil),
		call("joinTalk", forAnybody, "POST", "/voters", nil),
		call("editTalk", forOwner, "PATCH", "", object{"title": "Other"}),
		call("listComments", forOwner, "GET", "/comments", nil),
		call("hideComment", forOwner, "PATCH", "/comments/"+commentID, object{"hidden": true}),
		call("exportTalk", forOwner, "GET", "/export", nil),
		call("claimTalk", forOwner, "POST", "/claim", object{"account_token": k.someone()}),
		call("deleteTalk", forOwner, "DELETE", "", nil),
	}
}

// commented gives a talk with a comment, and that comment's id.
func (k *Talk) commented(t *testing.T) string {
	t.Helper()
	require.Equal(t, 204, k.Rate(NewRating{Value: 4, Comment: "Fine"}, patient).Status)
	var page struct {
		Items []struct {
			ID string `json:"comment_id"`
		} `json:"items"`
	}
	a := k.Do(Request{Method: "GET", Path: k.Path("/comments"), Token: k.Owner})
	_ = a.Decode(&page) // the id alone is looked at
	require.NotEmpty(t, page.Items, "%v", a)
	return page.Items[0].ID
}

func TestEveryCallOfATalkTakesTheTokenThatItNeeds(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		p, stranger := s.Register(), s.Register()
		mine := func() (*Talk, string) {
			k := &Talk{Client: s.Client}
			a := p.call("POST", "/talks", object{"title": "Mine"})
			require.NoError(t, a.Decode(k), "%v", a)
			return k, k.commented(t)
		}
		other := s.AddTalk(nil)
		there := map[string]bool{}
		k, comment := mine()
		for _, c := range talkCalls(k, comment) {
			there[c.operation] = true
			for token, refusal := range map[string]string{
				"": "401 unauthorized", other.Owner: "403 forbidden",
				k.Owner + "x": "403 forbidden", stranger.Token: "403 forbidden",
				"eyJ.eyJ.x": "401 invalid_session",
			} {
				c.Token = token
				a := s.Do(c.Request)
				switch {
				case token == "eyJ.eyJ.x" && c.Method == "HEAD":
					require.Equal(t, 401, a.Status, c.operation)
				case token == "eyJ.eyJ.x" || c.least == forOwner:
					require.Equal(t, refusal, a.Code(), "%s by %q", c.operation, token)
				default:
					require.NotContains(t, []int{401, 403, 404}, a.Status, "%s: %v", c.operation, a)
				}
			}
		}
		for i := range talkCalls(k, comment) { // each destroys what it wants
			for _, owner := range []func(*Talk) string{
				func(k *Talk) string { return k.Owner }, func(*Talk) string { return p.Token },
			} {
				k, comment := mine()
				c := talkCalls(k, comment)[i]
				c.Token = owner(k)
				if a := s.replicas[i%len(s.replicas)].Do(c.Request); a.Code() != "409 no_passes" {
					require.Less(t, a.Status, 300, "%s by its owner: %v", c.operation, a)
				}
			}
		}
		for path, item := range s.contract.Doc.Paths.Map() {
			if strings.HasPrefix(path, Base+"/talks/{") {
				for _, op := range item.Operations() {
					require.True(t, there[op.OperationID],
						"%s is not in the table of who may do what", op.OperationID)
				}
			}
		}
	})
}

// ownTalks reads all pages of a person's talks, of so many each.
func (p *Person) ownTalks(limit string) (ids []string, pages int) {
	p.tb.Helper()
	path := "/users/me/talks?limit=" + limit
	for cursor := ""; ; pages++ {
		var page struct {
			Items []struct {
				ID      string     `json:"talk_id"`
				Title   string     `json:"title"`
				Code    string     `json:"code"`
				Starts  *time.Time `json:"starts_at"`
				Created time.Time  `json:"created_at"`
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

func TestAnAccountListsItsOwnTalksPageByPage(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		p := s.Register()
		ids, pages := p.ownTalks("2")
		require.Empty(t, ids)
		require.Equal(t, 1, pages)
		var want []string
		for range 4 {
			var k Talk
			require.NoError(t, p.call("POST", "/talks", object{"title": "Mine"}).Decode(&k))
			want = append([]string{k.ID}, want...)
		}
		for limit, pages := range map[string]int{"1": 4, "2": 2, "3": 2, "4": 1, "100": 1} {
			ids, got := p.ownTalks(limit)
			require.Equal(t, want, ids)
			require.Equal(t, pages, got, "pages of %s", limit)
		}
		for query, want := range map[string]string{
			"limit=0": "400 invalid limit", "limit=101": "400 invalid limit",
			"limit=x": "400 invalid limit", "cursor=": "400 invalid cursor",
			"cursor=%00": "400 invalid cursor", "cursor=x": "400 invalid cursor",
			"cursor=" + strings.Repeat("A", 3000): "400 invalid cursor",
		} {
			require.Equal(t, want, p.call("GET", "/users/me/talks?"+query, nil).Code(), query)
		}
		require.Equal(t, "401 login_required",
			s.Do(Request{Method: "GET", Path: Base + "/users/me/talks", Wrong: true}).Code())
	})
}

func TestAnAccountTakesATalkOver(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		first, second := s.Register(), s.Register()
		k := s.AddTalk(nil)
		claim := func(token string, account any) string {
			return k.Do(Request{Method: "POST", Path: k.Path("/claim"), Token: token, Wrong: true,
				JSON: object{"account_token": account}}).Code()
		}
		comments := func(token string) int {
			return k.Do(Request{Method: "GET", Path: k.Path("/comments"), Token: token}).Status
		}
		require.Equal(t, "401 unauthorized", claim("", first.Token))
		require.Equal(t, "403 forbidden", claim(first.Token, first.Token))
		require.Equal(t, "401 invalid_session", claim(k.Owner, "eyJ.eyJ.x"))
		for _, wrong := range []any{"", "x", 7, nil, k.Owner} {
			require.Equal(t, "400 invalid account_token", claim(k.Owner, wrong))
		}
		require.Equal(t, 403, comments(first.Token))
		require.Equal(t, "204", claim(k.Owner, first.Token))
		require.Equal(t, 200, comments(first.Token))
		require.Equal(t, 200, comments(k.Owner), "the token goes on working")
		ids, _ := first.ownTalks("10")
		require.Equal(t, []string{k.ID}, ids)
		require.Equal(t, "204", claim(first.Token, second.Token), "an account gives it to another")
		require.Equal(t, 403, comments(first.Token))
		require.Equal(t, 200, comments(second.Token))
		require.Equal(t, 204, second.call("DELETE", "/users/me", nil).Status)
		require.Equal(t, 200, comments(k.Owner), "who deletes an account leaves its talks")
	})
}

func TestAnAccountsStreamOfATalkEndsWithItsSessionOrItsOwnership(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		p, other := s.Register(), s.Register()
		mine := func() *Talk {
			k := &Talk{Client: s.Client}
			a := p.call("POST", "/talks", object{"title": "Mine",
				"settings": object{"min_ratings": 9}})
			require.NoError(t, a.Decode(k), "%v", a)
			return k
		}
		counts := func(name, data string) bool {
			return name == "ratings" && strings.Contains(data, `"count":0`)
		}
		left, given := mine(), mine()
		watch := func(k *Talk) (ends func(after string)) {
			lines, hangUp := talkStream(t, s.replicas[0], k.Path("/events"), p.Token)
			untilEvent(t, lines, "what is hidden from others", counts)
			return func(after string) {
				late := time.AfterFunc(wait, hangUp)
				for lines.Scan() { // what comes still
				}
				require.True(t, late.Stop(), "the stream goes on after %s", after)
			}
		}
		gone, taken := watch(left), watch(given)
		a := given.Do(Request{Method: "POST", Path: given.Path("/claim"), Token: given.Owner,
			JSON: object{"account_token": other.Token}})
		require.Equal(t, 204, a.Status, "%v", a)
		taken("the talk is another's")
		require.Equal(t, 204, p.call("POST", "/auth/logout", nil).Status)
		gone("the log-out")
	})
}

func TestAccountsRateATalkThatAsksForThem(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		first, second := s.Register(), s.Register()
		k := s.AddTalk(map[string]any{"settings": map[string]any{"voters": "account"}})
		enter := func(token string) *Answer {
			return k.Do(Request{
				Method: "POST", Path: k.Path("/voters"), Token: token, JSON: object{},
			})
		}
		require.Equal(t, "401 login_required", enter("").Code())
		require.Equal(t, "401 login_required", enter(k.Owner).Code())
		require.Equal(t, `Bearer realm="account"`, enter("").Header.Get("WWW-Authenticate"))
		require.Equal(t, "401 pass_required",
			k.Rate(NewRating{Value: 5, ClientID: aVoter}, nil).Code())
		var passes []string
		for _, token := range []string{first.Token, first.logIn(), second.Token} {
			var p Pass
			require.NoError(t, enter(token).Decode(&p))
			require.Less(t, time.Until(p.Expires), 25*time.Hour)
			passes = append(passes, p.Pass)
		}
		for i, value := range []int{1, 3, 5} {
			a := k.Rate(NewRating{Value: value, Pass: passes[i]}, patient)
			require.Equal(t, 204, a.Status, "%v", a)
		}
		now := k.Ratings("")
		require.Equal(t, Histogram(0, 0, 1, 0, 1), now.Histogram, "two accounts, one of them twice")
		require.Equal(t, "account", now.Identity)
		again := k.Do(Request{Method: "POST", Path: k.Path("/voters"),
			JSON: object{"pass": passes[0]}})
		require.Equal(t, "401 invalid_pass", again.Code(), "an account asks again")
		require.Equal(t, 204, first.call("DELETE", "/users/me", nil).Status)
		require.Equal(t, now, k.Ratings(""), "who deletes an account leaves its ratings")

		plain := s.AddTalk(map[string]any{"settings": map[string]any{"voters": "pass"}})
		var weak Pass
		s.read(Request{Method: "POST", Path: plain.Path("/voters")}, &weak)
		require.Equal(t, 204, plain.Rate(NewRating{Value: 2, Pass: weak.Pass}, patient).Status)
		edit := Request{Method: "PATCH", Path: plain.Path(""), Token: plain.Owner,
			JSON: object{"settings": object{"voters": "account"}}}
		require.Equal(t, 200, s.Do(edit).Status)
		require.Eventually(t, func() bool {
			return plain.Rate(NewRating{Value: 2, Pass: weak.Pass}, patient).Code() ==
				"401 pass_required"
		}, wait, tick, "a pass of before is not enough")
		require.Equal(t, "pass", plain.Ratings("").Identity, "as the weakest of them")
	})
}
