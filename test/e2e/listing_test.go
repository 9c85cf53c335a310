package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Said is an answer in free text, as the listing has it.
type Said struct {
	Text    string `json:"text"`
	Count   int64  `json:"count"`
	FirstAt string `json:"first_at"`
	Hidden  bool   `json:"hidden"`
}

type saidPage struct {
	Items []Said `json:"items"`
	Next  string `json:"next"`
}

// answers asks for a page of answers, with whatever token, and gives whatever the answer is.
func (r *Room) answers(pollID, query, token string) (a *Answer, page saidPage) {
	r.tb.Helper()
	a = r.Do(Request{Method: http.MethodGet, Path: r.Path("/polls/" + pollID + "/answers" + query),
		Token: token, Wrong: true})
	if a.Status == http.StatusOK {
		require.NoError(r.tb, a.Decode(&page))
	}
	return a, page
}

// allAnswers turns all pages of a listing, and calls between before each but the first.
func (r *Room) allAnswers(pollID, order string, limit int, token string,
	between func()) (all []Said) {
	r.tb.Helper()
	query := fmt.Sprintf("?order=%s&limit=%d", order, limit)
	for cursor := ""; ; between() {
		a, page := r.answers(pollID, query+cursor, token)
		require.Equal(r.tb, "200", a.Code(), "%v", a)
		require.LessOrEqual(r.tb, len(page.Items), limit)
		if all = append(all, page.Items...); page.Next == "" {
			return all
		}
		require.Len(r.tb, page.Items, limit)
		cursor = "&cursor=" + page.Next
	}
}

// hide hides an answer, or shows it again, and gives whatever the answer is.
func (r *Room) hide(pollID, text string, hidden bool, token string) *Answer {
	r.tb.Helper()
	return r.Do(Request{Method: http.MethodPatch, Path: r.Path("/polls/" + pollID + "/answers"),
		Token: token, Wrong: true,
		JSON: map[string]any{"text": text, "hidden": hidden}})
}

// texts are those of answers, sorted.
func texts(said []Said) (texts []string) {
	for _, s := range said {
		texts = append(texts, strings.ToLower(s.Text))
	}
	slices.Sort(texts)
	return texts
}

func TestEverythingThatWasSaidIsReadPageByPageWhileMoreIsSaid(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		cloud := wordCloud("Where?")
		cloud.MaxChoices = 10
		r := s.Create(NewPresentation{Polls: []NewPoll{cloud, openText("Why?")}})
		for i, order := range []string{"most", "newest"} {
			pollID := r.Next().PollID
			var want []string
			for j := range 13 {
				b := Ballot{PollID: pollID, ClientID: NewVoter()}
				for k := range []int{10, 1}[i] {
					b.Texts = append(b.Texts, fmt.Sprintf("здесь %02d-%d", j, k))
				}
				want = append(want, b.Texts...)
				r.Count(b)
			}
			slices.Sort(want)
			for _, limit := range []int{1, 31, 1000} {
				for _, token := range []string{"", r.PresenterToken} {
					for _, by := range []string{"most", "newest"} {
						if limit > 1 || i == 1 {
							require.Equal(t, want, texts(r.allAnswers(pollID, by, limit, token,
								func() {})), "%s, %d at once", by, limit)
						}
					}
				}
			}
			res := r.Results(pollID)
			require.Equal(t, len(want), res.WordsTotal)
			require.Len(t, res.Words, min(100, len(want)))
			_, page := r.answers(pollID, "", "")
			_, named := r.answers(pollID, "?limit=100&order="+order, "")
			require.Equal(t, named, page, "the order is that of the results")
			for j, w := range res.Words {
				require.Equal(t, w, Word{page.Items[j].Text, page.Items[j].Count})
			}

			n := 0
			got := texts(r.allAnswers(pollID, "newest", 5, "", func() {
				if n++; n < 4 {
					r.Count(Ballot{PollID: pollID, ClientID: NewVoter(),
						Text: fmt.Sprintf("meanwhile %d", n)})
				}
			}))
			got = slices.DeleteFunc(got,
				func(text string) bool { return strings.HasPrefix(text, "meanwhile") })
			require.Equal(t, want, got)
		}
	})
}

func TestAPageOfAnswersIsReadAnewOnlyWhenThereIsSomethingNew(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := show(s.Client, openText("Why?"))
		pollID := r.Polls[0].PollID
		r.Count(Ballot{PollID: pollID, ClientID: NewVoter(), Text: "Because"})
		read := func(c *Client, token, tag string) *Answer {
			return c.Do(Request{Method: http.MethodGet,
				Path: r.Path("/polls/" + pollID + "/answers"), Token: token,
				Header: map[string]string{"If-None-Match": tag}})
		}
		tags := map[string]string{}
		for _, token := range []string{"", r.PresenterToken} {
			tags[token] = read(s.Client, token, "").Header.Get("ETag")
			for _, replica := range s.replicas {
				require.Equal(t, "304", read(replica, token, tags[token]).Code())
			}
		}
		require.NotEqual(t, tags[""], tags[r.PresenterToken])
		require.Equal(t, "200", r.hide(pollID, "Because", true, r.PresenterToken).Code())
		for token, tag := range tags {
			for _, replica := range s.replicas {
				require.Equal(t, "200", read(replica, token, tag).Code())
			}
		}
	})
}

func TestAnAnswerIsHiddenFromEverybodyAtOnceAndShownAgain(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := s.Create(NewPresentation{Polls: []NewPoll{wordCloud("Where?"), openText("Why?")}})
		remote, _ := r.renew("remote", r.PresenterToken)
		for i, pollID := range []string{r.Polls[0].PollID, r.Polls[1].PollID} {
			r.Next()
			r.Count(Ballot{PollID: pollID, ClientID: NewVoter(), Text: "Rude"})
			r.Count(Ballot{PollID: pollID, ClientID: NewVoter(), Text: "Rude"})
			r.Count(Ballot{PollID: pollID, ClientID: NewVoter(), Text: "Nice"})
			before := r.Results(pollID)
			var streams []*stream
			for j, replica := range s.replicas {
				v := r.Through(replica).watchAs(t, "", []string{"", r.PresenterToken}[j%2])
				v.until(t, "three voters", total(pollID, 3))
				streams = append(streams, v)
			}
			told := func(what string, words int) {
				for _, v := range streams {
					v.until(t, what, func(e event) bool {
						return e.tallies != nil && e.tallies.PollID == pollID &&
							len(e.tallies.Words) == words
					})
				}
			}
			a := r.hide(pollID, []string{"RUDE!", "Rude"}[i], true, remote)
			require.Equal(t, "200", a.Code(), "%v", a)
			var said Said
			require.NoError(t, a.Decode(&said))
			require.EqualValues(t, 2, said.Count)
			require.True(t, said.Hidden)
			told("a word less", 1)
			for _, replica := range s.replicas {
				res := r.Through(replica).Results(pollID)
				require.Len(t, res.Words, 1)
				require.Equal(t, 1, res.WordsTotal)
				require.Equal(t, before.Total, res.Total)
				require.Greater(t, res.Revision, before.Revision)
				_, page := r.Through(replica).answers(pollID, "", "")
				require.Equal(t, []string{"nice"}, texts(page.Items))
				for _, token := range []string{remote, r.PresenterToken} {
					_, page = r.Through(replica).answers(pollID, "?order=most", token)
					require.Equal(t, []string{"nice", "rude"}, texts(page.Items))
					require.True(t, page.Items[0].Hidden)
					require.False(t, page.Items[1].Hidden)
				}
			}
			require.Len(t, r.Votes(pollID), 3, "the votes stay")
			revision := r.Results(pollID).Revision
			require.Equal(t, "200", r.hide(pollID, said.Text, true, remote).Code())
			require.Equal(t, revision, r.Results(pollID).Revision, "it was hidden")
			// who says it again does not bring it back
			r.Count(Ballot{PollID: pollID, ClientID: NewVoter(), Text: "Rude"})
			require.Len(t, r.Results(pollID).Words, 1)

			a = r.hide(pollID, said.Text, false, r.PresenterToken)
			require.Equal(t, "200", a.Code())
			require.NotContains(t, string(a.Body), "hidden")
			told("the word again", 2)
			require.EqualValues(t, 3,
				r.Recount(pollID).Words[0].Count+r.Results(pollID).Words[1].Count-1)
			require.Equal(t, "404 not_found", r.hide(pollID, "Nobody's", true, remote).Code())
		}
		final := finalOf(t, r, r.Polls[0].PollID)
		require.Equal(t, "200", r.hide(final.PollID, "rude", true, remote).Code(),
			"what is final can be hidden, too")
		require.Len(t, r.Results(final.PollID).Words, 1)
		require.Equal(t, "204", r.Do(Request{Method: "POST",
			Path: r.Path("/polls/" + final.PollID + "/reset"), Token: r.PresenterToken}).Code())
		require.Equal(t, "404 not_found", r.hide(final.PollID, "rude", false, remote).Code())
	})
}

func TestAnAnswerThatHoldsABannedWordIsListedForPresentersAndCannotBeShown(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := show(s.Client, wordCloud("Where?"))
		pollID := r.Polls[0].PollID
		r.Count(Ballot{PollID: pollID, ClientID: NewVoter(),
			Texts: []string{"Heck of a place", "Rome"}})
		a := r.Do(Request{Method: http.MethodPatch, Path: r.Path("/polls/" + pollID),
			Token: r.PresenterToken,
			JSON:  map[string]any{"banned_words": []string{"heck"}}})
		require.Equal(t, "200", a.Code())
		require.Equal(t, 1, r.Results(pollID).WordsTotal)
		_, page := r.answers(pollID, "", "")
		require.Equal(t, []string{"rome"}, texts(page.Items))
		_, page = r.answers(pollID, "", r.PresenterToken)
		require.Equal(t, []string{"heck of a place", "rome"}, texts(page.Items))
		require.Equal(t, "409 word_banned",
			r.hide(pollID, "heck of a place", false, r.PresenterToken).Code())
		require.Equal(t, "200", r.hide(pollID, "heck of a place", true, r.PresenterToken).Code())
	})
}

func TestAnswersAreReadByWhoSeesTheResults(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		live, after, never := wordCloud("Where?"), openText("Why?"), openText("Who?")
		after.Visibility, never.Visibility = "after", "presenter"
		r := s.Create(NewPresentation{Polls: []NewPoll{live, after, never, choice("Which?")}})
		remote, _ := r.renew("remote", r.PresenterToken)
		other := show(s.Client, choice("Another's"))
		read := func(i int, token string) string {
			a, _ := r.answers(r.Polls[i].PollID, "", token)
			return a.Code()
		}
		for i := range 4 {
			require.Equal(t, "404 not_found", read(i, ""), "nobody has seen the poll")
			require.Equal(t, "404 not_found", read(i, other.PresenterToken))
		}
		require.Equal(t, "200", read(0, remote))
		for i, want := range []string{"200", "401 unauthorized", "401 unauthorized",
			"409 not_free_text"} {
			r.Next()
			require.Equal(t, want, read(i, ""))
			require.Equal(t, strings.ReplaceAll(want, "401 unauthorized", "403 forbidden"),
				read(i, other.PresenterToken))
			for _, token := range []string{remote, r.PresenterToken} {
				require.Equal(t, strings.ReplaceAll(want, "401 unauthorized",
					"200"), read(i, token))
			}
		}
		require.Equal(t, "200", read(1, ""), "voting has ended")
		require.Equal(t, "401 unauthorized", read(2, ""))
		for i, want := range []string{"404 not_found", "404 not_found", "404 not_found",
			"409 not_free_text"} {
			require.Equal(t, want, r.hide(r.Polls[i].PollID, "A", true, remote).Code())
		}
		require.Equal(t, "404 not_found", r.hide(other.Polls[0].PollID, "A", true, remote).Code())
	})
}

func TestWhatIsNoListingAndNothingToHideSaysSo(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := show(s.Client, openText("Why?"))
		pollID := r.Polls[0].PollID
		r.Count(Ballot{PollID: pollID, ClientID: NewVoter(), Text: strings.Repeat("💬", 500)})
		r.Count(Ballot{PollID: pollID, ClientID: NewVoter(), Text: "b"})
		_, page := r.answers(pollID, "?limit=1&order=newest", "")
		cursor := page.Next
		require.NotEmpty(t, cursor)
		for _, c := range []struct{ query, want string }{
			{"order=", "400 invalid order"}, {"order=oldest", "400 invalid order"},
			{"order=MOST", "400 invalid order"}, {"order=%ff", "400 invalid order"},
			{"limit=", "400 invalid limit"}, {"limit=0", "400 invalid limit"},
			{"limit=-1", "400 invalid limit"}, {"limit=1001", "400 invalid limit"},
			{"limit=1.5", "400 invalid limit"}, {"limit=ten", "400 invalid limit"},
			{"limit=99999999999999999999", "400 invalid limit"},
			{"cursor=", "400 invalid cursor"}, {"cursor=x", "400 invalid cursor"},
			{"cursor=%00", "400 invalid cursor"},
			{"cursor=" + cursor[1:], "400 invalid cursor"},
			{"cursor=" + cursor + "==", "400 invalid cursor"},
			{"cursor=" + strings.Repeat("A", 2800), "400 invalid cursor"},
			{"cursor=" + url.QueryEscape(strings.Repeat("ä", 30)), "400 invalid cursor"},
			{"order=most&cursor=" + cursor, "400 invalid cursor"},
			{"order=newest&limit=1000&cursor=" + cursor, "200"}, {"cursor=" + cursor, "200"},
			{"more=yes", "200"},
		} {
			a, _ := r.answers(pollID, "?"+c.query, "")
			require.Equal(t, c.want, a.Code(), c.query)
		}
		patch := func(body, typ string) *Answer {
			return r.Do(Request{Method: http.MethodPatch,
				Path: r.Path("/polls/" + pollID + "/answers"), Token: r.PresenterToken,
				Body: body, Wrong: true,
				Header: map[string]string{"Content-Type": typ}})
		}
		for _, c := range []struct{ body, want string }{
			{`{}`, "400 invalid text"}, {`{"hidden":true}`, "400 invalid text"},
			{`{"text":null,"hidden":true}`, "400 invalid text"},
			{`{"text":"","hidden":true}`, "400 invalid text"},
			{`{"text":7,"hidden":true}`, "400 invalid text"},
			{`{"text":["b"],"hidden":true}`, "400 invalid text"},
			{`{"text":"` + strings.Repeat("x", 501) + `","hidden":true}`, "400 invalid text"},
			{`{"text":"b"}`, "400 invalid hidden"},
			{`{"text":"b","hidden":"yes"}`, "400 invalid hidden"},
			{`{"text":"b","hidden":1}`, "400 invalid hidden"},
			{`{"text":"b","hidden":null}`, "400 invalid hidden"}, {`[]`, "400 invalid body"},
			{`{`, "400 invalid body"}, {``, "400 invalid body"},
			{`{"text":"a\u0000b","hidden":true}`, "404 not_found"},
			{`{"text":"\ud800","hidden":true}`, "404 not_found"},
			{`{"text":"\n","hidden":true}`, "404 not_found"},
			{`{"text":"B","hidden":true}`, "404 not_found"},
		} {
			require.Equal(t, c.want, patch(c.body, jsonEnc).Code(), c.body)
		}
		require.Equal(t, "415 unsupported_media_type",
			patch(`{"text":"b","hidden":true}`, "text/plain").Code())
		require.Equal(t, 2, r.Results(pollID).WordsTotal, "nothing was hidden")
	})
}

func TestAModeratorHidesAsManyAnswersAsHandsCan(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		cloud := wordCloud("Where?")
		cloud.MaxChoices = 10
		r := show(s.Client, cloud)
		pollID := r.Polls[0].PollID
		for i := range 6 {
			b := Ballot{PollID: pollID, ClientID: NewVoter()}
			for j := range 10 {
				b.Texts = append(b.Texts, fmt.Sprintf("word %d-%d", i, j))
			}
			r.Count(b)
		}
		for i := range 60 {
			text := fmt.Sprintf("word %d-%d", i/10, i%10)
			require.Equal(t, "200", r.hide(pollID, text, true, r.PresenterToken).Code())
		}
		require.Zero(t, r.Results(pollID).WordsTotal)
	})
}
