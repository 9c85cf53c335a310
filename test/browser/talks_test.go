package browser

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// lecture is a talk that a test adds without a browser.
type lecture struct {
	api    *room  // that calls the API as its owner
	TalkID string `json:"talk_id"`
	Code   string `json:"code"`
	Token  string `json:"token"`
}

// lectureOf adds a talk. body is what is sent beside the title.
func lectureOf(t *testing.T, title string, body map[string]any) *lecture {
	t.Helper()
	l := &lecture{api: &room{t: t, base: site(t).URL + "/api/v1"}}
	all := map[string]any{"title": title}
	for name, value := range body {
		all[name] = value
	}
	l.api.ask(http.MethodPost, "/talks", all, l)
	l.api.Token = l.Token
	return l
}

// edit changes a talk as its owner.
func (l *lecture) edit(body map[string]any) {
	l.api.t.Helper()
	l.api.ask(http.MethodPatch, "/talks/"+l.TalkID, body, nil)
}

// rates rates a talk as so many people.
func (l *lecture) rates(values ...int) {
	l.api.t.Helper()
	for _, value := range values {
		l.api.ask(http.MethodPost, "/ratings", map[string]any{"talk_id": l.TalkID,
			"value": value, "client_id": l.api.voter()}, nil)
	}
}

// comments gives what people wrote of a talk, with the value of each rating.
func (l *lecture) comments() map[string]int {
	l.api.t.Helper()
	var page struct {
		Items []struct {
			Text  string
			Value int
		}
	}
	l.api.ask(http.MethodGet, "/talks/"+l.TalkID+"/comments", nil, &page)
	all := map[string]int{}
	for _, c := range page.Items {
		all[c.Text] = c.Value
	}
	return all
}

// at gives a moment as the API takes it.
func at(from time.Duration) string { return time.Now().Add(from).UTC().Format(time.RFC3339) }

// stars taps so many of them.
func (v *visitor) stars(n int) {
	v.t.Helper()
	v.click(fmt.Sprintf("#stars label:nth-child(%d)", n))
}

// rated waits until the page says that a rating of so many stars is counted.
func (v *visitor) rated(n int) {
	v.t.Helper()
	v.shows("#state",
		fmt.Sprintf("Thank you, your rating is counted: %d of 5. You may change it.", n))
}

// TestATalkIsRatedByTapAndByKeyboardAndAnew rates with a comment, changes the rating with the keys,
// and finds it again after a reload. A second tap in the same browser counts no second person.
func TestATalkIsRatedByTapAndByKeyboardAndAnew(t *testing.T) {
	l := lectureOf(t, plain.title, map[string]any{"speaker": "Ada"})
	v := visit(t, "listener", phone)
	v.open("/t/" + strings.ToLower(l.Code))
	v.shows("#title", plain.title)
	v.shows("#speaker", "Ada")
	v.stars(4)
	v.fill("#comment", "Well said")
	v.click("#send")
	v.rated(4)
	v.bars(0, 0, 0, 1, 0)
	require.Equal(t, map[string]int{"Well said": 4}, l.comments())

	v.tabTo("#stars :checked")
	v.press(kb.ArrowRight)
	v.until(`document.querySelector("#stars :checked").value === "5"`)
	v.until(`document.querySelectorAll("#stars .on").length === 5`)
	v.shows("#send", "Change my rating")
	v.press(kb.Enter)
	v.rated(5)
	v.bars(0, 0, 0, 0, 1)
	require.Equal(t, map[string]int{"Well said": 5}, l.comments())

	v.reload()
	v.rated(5)
	v.until(`document.querySelector("#stars :checked").value === "5"`)
	require.Equal(t, "Well said", value[string](v, `document.querySelector("#comment").value`))
	v.until(`document.querySelector("#send").ariaDisabled === "true"`)
	l.rates(1)
	v.bars(1, 0, 0, 0, 1)
	v.shows("#chart .mean", "3.0")

	// Two tabs have one rating, and show the same.
	tab := v.tab("another tab", phone)
	tab.open("/t/" + l.Code)
	tab.rated(5)
	tab.stars(2)
	tab.click("#send")
	for _, one := range []*visitor{tab, v} {
		one.rated(2)
		one.until(`document.querySelector("#stars :checked").value === "2"`)
		one.bars(1, 1, 0, 0, 0)
	}
	require.Equal(t, map[string]int{"Well said": 2}, l.comments())
	l.edit(map[string]any{"settings": map[string]any{"comments": "off"}})
	v.until(`!document.querySelector("#comment").checkVisibility()`)
}

// TestARatingWhoseAnswerIsLostIsSentAgainUnderItsKey and one that is changed meanwhile goes after
// it, so that the last one stands. The talk asks for passes, which the page gets by itself.
func TestARatingWhoseAnswerIsLostIsSentAgainUnderItsKey(t *testing.T) {
	l := lectureOf(t, plain.title, map[string]any{"settings": map[string]any{"voters": "pass"}})
	v := visit(t, "listener", phone)
	v.open("/t/" + l.Code)
	v.sees("#rating")
	v.run(`window.sent = []; window.fetch = ((real) => async (url, init = {}) => {
		const answer = await real(url, init);
		if (init.method !== "POST" || !url.endsWith("/ratings")) return answer;
		sent.push(init.headers["Idempotency-Key"] + " " + JSON.parse(init.body).value);
		if (sent.length === 1) throw new TypeError("lost");
		return answer;
	})(fetch)`)
	v.stars(2)
	v.click("#send")
	v.until(`document.querySelector("#state").dataset.state === "retrying"`)
	v.stars(3)
	v.click("#send")
	v.rated(3)
	v.bars(0, 0, 1, 0, 0)
	sent := value[[]string](v, `sent`)
	require.Len(t, sent, 3)
	require.Equal(t, sent[0], sent[1], "the same rating has the same key")
	require.NotEqual(t, strings.Fields(sent[1])[0], strings.Fields(sent[2])[0])
}

// TestARatingIsOnePersonsWhereTheBrowserKeepsNothing also after a reload.
func TestARatingIsOnePersonsWhereTheBrowserKeepsNothing(t *testing.T) {
	l := lectureOf(t, plain.title, nil)
	v := visit(t, "listener", phone)
	v.prepares(blocked)
	v.open("/t/" + l.Code)
	v.stars(4)
	v.click("#send")
	v.rated(4)
	v.reload()
	v.rated(4)
	v.stars(1)
	v.click("#send")
	v.rated(1)
	v.bars(1, 0, 0, 0, 0)
}

// TestARatingWaitsForTheLogIn where people rate with an account: it is sent after that.
func TestARatingWaitsForTheLogIn(t *testing.T) {
	l := lectureOf(t, plain.title, map[string]any{"settings": map[string]any{"voters": "account"}})
	m := register(t, "Anna")
	v := visit(t, "listener", phone)
	v.open("/t/" + l.Code)
	v.shows("#entry-title", "Rating takes an account")
	v.stars(3)
	v.click("#send")
	v.shows("#state", "Your rating is kept here. It is sent as soon as you have logged in.")
	v.click("#log-in")
	v.at("/login?next=%2Ft%2F" + l.Code)
	v.logsIn(m.email, m.password)
	v.at("/t/" + l.Code)
	v.rated(3)
	require.False(t, value[bool](v, `document.querySelector("#entry").checkVisibility()`))
	v.bars(0, 0, 1, 0, 0)
}

// TestATalkSaysWhenItTakesRatings while the page is open: not yet, now, and no more. It keeps the
// numbers to itself until enough people have rated.
func TestATalkSaysWhenItTakesRatings(t *testing.T) {
	l := lectureOf(t, plain.title, map[string]any{"starts_at": at(time.Hour),
		"settings": map[string]any{"min_ratings": 2}})
	v := visit(t, "listener", phone)
	v.open("/t/" + l.TalkID)
	v.sees("#shut")
	require.True(t, strings.HasPrefix(v.text("#shut"), "You may rate this talk from"))
	require.False(t, value[bool](v, `document.querySelector("#rating").checkVisibility()`))

	l.edit(map[string]any{"starts_at": at(-time.Hour)})
	v.stars(4)
	v.click("#send")
	v.rated(4)
	v.shows("#covered", "The numbers are shown from 2 ratings on.")
	require.False(t, value[bool](v, `document.querySelector("#chart").checkVisibility()`))
	l.rates(2)
	v.bars(0, 1, 0, 1, 0)
	v.until(`!document.querySelector("#covered").checkVisibility()`)

	l.edit(map[string]any{"settings": map[string]any{"closes_at": at(-time.Second)}})
	v.shows("#shut", "This talk takes no ratings any more.")
	require.False(t, value[bool](v, `document.querySelector("#rating").checkVisibility()`))
	v.rated(4) // what was rated stands

	v.open("/t/ZZZZZZ")
	v.shows("#unknown-title", "There is no such talk")
}

// TestTheAudienceIsOfferedToRateTheTalkWhenTheLastPollIsOver also where no event stream gets
// through.
func TestTheAudienceIsOfferedToRateTheTalkWhenTheLastPollIsOver(t *testing.T) {
	l := lectureOf(t, plain.title, nil)
	r := create(t, plain.title, newPoll{question: "One", kind: "rating"},
		newPoll{question: "Two", kind: "rating"})
	r.ask(http.MethodPatch, r.path(""), map[string]any{"talk_id": l.TalkID}, nil)
	r.show(0)
	v, blind := visit(t, "voter", phone), visit(t, "voter without a stream", phone)
	blind.behindProxy()
	blind.expect("409") // nothing is on the slide
	for _, one := range []*visitor{v, blind} {
		one.open("/join/" + r.JoinCode)
		one.shows("#question", "One")
	}
	r.ask(http.MethodDelete, r.path("/polls/current"), nil, nil)
	v.sees("#waiting-title")
	require.False(t, value[bool](v, `document.querySelector("#rate").checkVisibility()`),
		"there is another poll")
	r.show(1)
	v.shows("#question", "Two")
	r.move("close")
	v.sees("#rate-link")
	r.move("open")
	v.until(`!document.querySelector("#rate-link").checkVisibility()`)
	r.ask(http.MethodDelete, r.path("/polls/current"), nil, nil)
	for _, one := range []*visitor{v, blind} {
		one.click("#rate-link")
		one.until(`location.pathname === "/t/%s"`, l.TalkID)
		one.stars(5)
		one.click("#send")
		one.rated(5)
	}
	v.bars(0, 0, 0, 0, 2)
	blind.bars(0, 0, 0, 0, 2)
	blind.shows("#connection", "A few seconds behind")
}
