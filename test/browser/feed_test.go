package browser

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/postgres"
)

// publishes publishes a poll of the feed with a tag, and gives its id. body is what else is sent.
func (m *member) publishes(title, tag string, body map[string]any) string {
	m.t.Helper()
	all := map[string]any{"title": title, "options": plain.options, "tags": []string{tag}}
	for name, value := range body {
		all[name] = value
	}
	var made struct {
		PollID string `json:"poll_id"`
	}
	m.ask(http.MethodPost, "/polls", all, &made)
	return made.PollID
}

// votesOn votes on a poll of the feed.
func (m *member) votesOn(poll string, option int) {
	m.t.Helper()
	m.ask(http.MethodPost, "/polls/"+poll+"/vote", map[string]any{"option_index": option}, nil)
}

// tally gives the votes of a poll, and how many skip it.
func (m *member) tally(poll string) (votes []int, skips int) {
	m.t.Helper()
	var stats struct {
		Votes []struct{ Count int }
		Skips int
	}
	m.ask(http.MethodGet, "/polls/"+poll+"/stats", nil, &stats)
	for _, v := range stats.Votes {
		votes = append(votes, v.Count)
	}
	return votes, stats.Skips
}

// comesTo waits until a poll's votes are these, and so many skip it.
func (m *member) comesTo(poll string, skips int, votes ...int) {
	m.t.Helper()
	require.Eventually(m.t, func() bool {
		got, skipped := m.tally(poll)
		return skipped == skips && fmt.Sprint(got) == fmt.Sprint(votes)
	}, patience, 10*tick)
}

// aTag gives one that no other test's polls have.
func aTag() string { return "tag-" + uuid.NewString()[:8] }

// tapOption taps on an option of the poll that is on the screen, from 1.
func (v *visitor) tapOption(n int) {
	v.t.Helper()
	v.click(fmt.Sprintf("#options .option:nth-child(%d)", n))
}

// swipes moves a finger over an element, so many pixels to the right.
func (v *visitor) swipes(selector string, by float64) {
	v.t.Helper()
	at := soon[[]float64](v, fmt.Sprintf(`(() => {
		const { x, y, width } = document.querySelector(%s).getBoundingClientRect();
		return width > 0 && [x + width / 2, y + 10];
	})()`, js(selector)))
	touch := func(kind input.DispatchTouchEventType, points ...*input.TouchPoint) {
		v.t.Helper()
		v.ok(call(v, input.DispatchTouchEvent, input.DispatchTouchEventParams{
			Type: kind, TouchPoints: append([]*input.TouchPoint{}, points...)}), "touch")
	}
	touch(input.DispatchTouchEventTypeTouchStart, &input.TouchPoint{X: at[0], Y: at[1]})
	for i := 1.0; i <= 4; i++ {
		touch(input.DispatchTouchEventTypeTouchMove,
			&input.TouchPoint{X: at[0] + by*i/4, Y: at[1]})
	}
	touch(input.DispatchTouchEventTypeTouchEnd)
}

// TestTheFeedIsAnsweredOnAPhone by tap, with numbers that move while the poll is on the screen. A
// swipe skips, and what was skipped is brought back. Nothing comes twice.
func TestTheFeedIsAnsweredOnAPhone(t *testing.T) {
	author, other, m := register(t, "Anna"), register(t, "Berta"), register(t, "Cem")
	tag := aTag()
	third := author.publishes("Third?", tag, nil)
	second := author.publishes("Second?", tag, map[string]any{"results": "after_close"})
	first := author.publishes("First?", tag, nil)
	v := visit(t, "voter", phone).isLoggedIn(m)
	v.open("/feed?tag=" + tag)
	v.shows("#title", "First?")
	v.shows("#quota", "100 votes left today")
	require.False(t, value[bool](v, `document.querySelector("#chart").checkVisibility()`))
	v.tapOption(2)
	v.shows("#state", "Your answer is counted.")
	v.bars(0, 1, 0, 0)
	v.shows(".bar:nth-child(2) .badge", "Your vote")
	v.shows("#quota", "99 votes left today")
	v.focused("#skip")
	other.votesOn(first, 0)
	v.bars(1, 1, 0, 0)
	v.shows("#connection", "Live")
	v.shows("#skip", "Next poll")
	v.click("#skip")

	v.shows("#title", "Second?")
	v.focused("#title")
	v.swipes("#title", -40) // not far enough
	v.swipes("#title", 200)
	v.swipes("#title", -200)
	v.shows("#title", "Third?")
	author.comesTo(second, 1, 0, 0, 0, 0)
	v.click("#skip")
	v.shows("#empty-title", "There is no such poll that you have not seen.")
	author.comesTo(third, 1, 0, 0, 0, 0)
	v.click("#undo")
	v.shows("#title", "Third?")
	v.click("#undo")
	v.shows("#title", "Second?")
	author.comesTo(second, 0, 0, 0, 0, 0)
	author.comesTo(third, 0, 0, 0, 0, 0)
	v.tapOption(4)
	v.shows("#state", "Your answer is counted.")
	v.shows("#covered", "The numbers are shown when the poll is over.")
	author.ask(http.MethodPost, "/polls/"+second+"/close", nil, nil)
	v.shows("#until", "This poll is over.")
	v.bars(0, 0, 0, 1)

	// One that is closed while somebody reads it takes no vote any more.
	v.swipes("#title", -200)
	v.shows("#title", "Third?")
	author.ask(http.MethodPost, "/polls/"+third+"/close", nil, nil)
	v.shows("#until", "This poll is over.")
	v.bars(0, 0, 0, 0)
	v.swipes("#title", -200)
	v.sees("#empty")
	_, skips := author.tally(third)
	require.Zero(t, skips, "a poll that is over is left, and not skipped")
	v.reload()
	v.sees("#empty")
}

// TestTheFeedIsAnsweredWithKeys which do nothing while somebody writes.
func TestTheFeedIsAnsweredWithKeys(t *testing.T) {
	author, m := register(t, "Anna"), register(t, "Berta")
	tag, word := aTag(), "w"+uuid.NewString()[:8]
	author.publishes("Third?", tag, nil)
	author.publishes("About "+word+"s", tag, nil)
	first := author.publishes("First?", tag, nil)
	v := visit(t, "voter", desktop).isLoggedIn(m)
	v.open("/feed")
	v.sees("#options .option")
	v.open("/feed?tag=" + tag)
	v.shows("#title", "First?")
	v.press("9")
	v.press("s")
	v.shows("#title", "About "+word+"s")
	v.press("u")
	v.shows("#title", "First?")
	v.press("3")
	v.bars(0, 0, 1, 0)
	v.press("1")
	v.press("s") // goes on: it is answered
	v.shows("#title", "About "+word+"s")
	author.comesTo(first, 0, 0, 0, 1, 0)

	// What is looked for is in the address, so it may be kept and shared.
	v.fill("#search", word[2:])
	v.press(kb.Enter)
	v.shows("#filter-text", "Tag: "+tag+" · With “"+word[2:]+"”")
	v.shows("#title", "About "+word+"s")
	v.press("s")
	v.shows("#empty-title", "There is no such poll that you have not seen.")
	v.reload()
	v.sees("#empty")
	v.click("#clear")
	v.sees("#options .option")
	v.at("/feed")
	v.click("#search")
	v.press("us1") // and no skip, no vote
	require.Equal(t, "us1", value[string](v, `document.querySelector("#search").value`))

	v.open("/feed?tag=" + strings.ToUpper(tag))
	v.shows("#title", "Third?")
	v.click(".feed-card .tags button")
	v.shows("#filter-text", "Tag: "+tag)
	v.shows("#title", "Third?")
	v.open("/feed?search=" + strings.Repeat("x", 200)) // no poll can have it
	v.expect("400")
	v.sees("#empty")
}

// TestTheQuotaIsSaidWhenItIsSpent and when it comes back. Polls can still be skipped.
func TestTheQuotaIsSaidWhenItIsSpent(t *testing.T) {
	author, m := register(t, "Anna"), register(t, "Berta")
	tag := aTag()
	author.publishes("Second?", tag, nil)
	author.publishes("First?", tag, nil)
	poll := author.publishes("Voted on", aTag(), nil)
	m.votesOn(poll, 0) // so that there is an account to spend it
	db, err := postgres.Open(t.Context(), postgres.Config{URL: site(t).DatabaseURL})
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	uses := func(n int) {
		changed, err := db.Exec(t.Context(), "test",
			`UPDATE feed_accounts SET used = $1 WHERE account_id = $2`, n, m.id())
		require.NoError(t, err)
		require.Equal(t, 1, changed)
	}
	uses(99)
	v := visit(t, "voter", phone).isLoggedIn(m)
	v.expect("429")
	v.open("/feed?tag=" + tag)
	v.shows("#title", "First?")
	v.shows("#quota", "1 vote left today")
	uses(100) // by another device
	v.tapOption(1)
	const said = "Your votes of today are given. The next ones are yours from "
	for _, place := range []string{"#quota", "#state"} {
		v.until(`document.querySelector(%s).textContent.startsWith(%s)`, js(place), js(said))
	}
	v.until(`!document.querySelector("#options .option:not([aria-disabled=true])")`)
	v.click("#skip")
	v.shows("#title", "Second?")
	v.until(`document.querySelector("#state").textContent.startsWith(%s)`, js(said))
	v.reload()
	v.shows("#title", "Second?")
	v.until(`document.querySelector("#quota").textContent.startsWith(%s)`, js(said))
}

// TestAVoteIsKeptWithoutAConnectionAndCountsOnce also when its answer is lost, or the page is
// loaded anew before it is sent.
func TestAVoteIsKeptWithoutAConnectionAndCountsOnce(t *testing.T) {
	author, m := register(t, "Anna"), register(t, "Berta")
	tag := aTag()
	third := author.publishes("Third?", tag, nil)
	second := author.publishes("Second?", tag, nil)
	first := author.publishes("First?", tag, nil)
	v := visit(t, "voter", phone).isLoggedIn(m)
	v.expect("net::ERR_")
	v.open("/feed?tag=" + tag)
	v.shows("#title", "First?")
	v.run(`window.sent = []; window.fetch = ((real) => async (url, init = {}) => {
		const answer = await real(url, init);
		if (init.method !== "POST") return answer;
		sent.push(init.headers["Idempotency-Key"]);
		if (sent.length === 1) throw new TypeError("lost");
		return answer;
	})(fetch)`)
	v.tapOption(1)
	v.until(`document.querySelector("#state").dataset.state === "retrying"`)
	v.shows("#state", "Your answer is counted.")
	v.bars(1, 0, 0, 0)
	sent := value[[]string](v, `sent`)
	require.Len(t, sent, 2)
	require.Equal(t, sent[0], sent[1], "the same vote has the same key")
	v.click("#skip")

	v.shows("#title", "Second?")
	v.connect(network.Conditions{Offline: true})
	v.tapOption(2)
	v.shows("#state", "You are offline. Your answer will be sent as soon as there is a connection.")
	v.click("#skip") // the next one is there
	v.shows("#title", "Third?")
	v.tapOption(3)
	v.until(`document.querySelector("#state").dataset.state === "sending"`)
	v.until(`JSON.parse(localStorage["plenary.feed.%s"]).length === 2`, m.id())
	v.connect(network.Conditions{})
	v.leaves("location.reload()")
	v.sees("#empty")
	author.comesTo(second, 0, 0, 1, 0, 0)
	author.comesTo(third, 0, 0, 0, 1, 0)
	author.comesTo(first, 0, 1, 0, 0, 0)
	v.until(`localStorage["plenary.feed.%s"] === "[]"`, m.id())
}

// id gives the id of the account.
func (m *member) id() string {
	m.t.Helper()
	var me struct {
		ID string `json:"user_id"`
	}
	m.ask(http.MethodGet, "/users/me", nil, &me)
	return me.ID
}

// TestAPollIsReadByAnybodyAndLogInLeadsBackToIt where it is voted on. So it does to the feed.
func TestAPollIsReadByAnybodyAndLogInLeadsBackToIt(t *testing.T) {
	author, m := register(t, "Anna"), register(t, "Berta")
	tag := aTag()
	poll := author.publishes("Which?", tag, map[string]any{"results": "always"})
	v := visit(t, "guest", phone)
	v.expect(nowhere)
	v.open("/feed/" + poll)
	v.shows("#title", "Which?")
	v.bars(0, 0, 0, 0)
	author.votesOn(poll, 3)
	v.bars(0, 0, 0, 1)
	v.until(`!document.querySelector("#options .option:not([aria-disabled=true])")`)
	v.click("#log-in")
	v.at("/login?next=%2Ffeed%2F" + poll)
	v.logsIn(m.email, m.password)
	v.at("/feed/" + poll)
	v.tapOption(1)
	v.shows("#state", "Your answer is counted.")
	v.bars(1, 0, 0, 1)
	v.reload()
	v.shows("#state", "Your answer is counted.")
	v.shows(".bar:nth-child(1) .badge", "Your vote")
	v.open("/feed/" + nowhere)
	v.shows("#unknown-title", "There is no such poll")

	other := visit(t, "guest of the feed", phone)
	other.open("/")
	other.click(`.foot a[href$="/feed"]`)
	other.shows("#log-in", "Log in")
	other.open("/feed?tag=" + tag)
	other.click("#log-in")
	other.logsIn(author.email, author.password)
	other.until(`location.pathname === "/feed" && location.search === %s`,
		js("?tag="+tag))
	other.sees("#empty") // the author has voted
}

// TestAPollIsPublishedInThreeFieldsAndWatchedByItsAuthor with every mistake on the way. Its author
// sees how the votes came, closes it and deletes it.
func TestAPollIsPublishedInThreeFieldsAndWatchedByItsAuthor(t *testing.T) {
	author, m := register(t, "Anna"), register(t, "Berta")
	v := visit(t, "author", phone)
	v.expect("400")
	v.open("/feed/new")
	v.at("/login?next=%2Ffeed%2Fnew")
	v.logsIn(author.email, author.password)
	v.at("/feed/new")
	v.click("#publish")
	for _, field := range []string{"title", "options", "tags"} {
		v.sees("#" + field + "-wrong")
	}
	v.focused("#title")
	v.fill("#title", "Tea or coffee?")
	v.fill("#options", "Tea\n\nCoffee\nTea\n")
	v.fill("#tags", "Drinks, "+strings.Repeat("x", 51))
	v.click(".feed-more summary")
	v.run(`document.querySelector("#closes").value = "2001-01-01T00:00"`)
	v.click("#publish")
	v.shows("#options-wrong", "No. 3: Between 2 and 20 different options, "+
		"each of at most 200 characters.")
	v.shows("#tags-wrong", "No. 2: Between 1 and 10 tags, each of at most 50 characters.")
	v.shows("#closes-wrong", "A time in the future, or nothing.")
	v.until(`document.querySelector("#title-wrong").hidden`)
	v.focused("#options")
	v.fill("#options", "Tea\nCoffee")
	v.fill("#tags", "Drinks, morning")
	v.run(`document.querySelector("#closes").value = ""`)
	v.click("#publish")
	v.shows("#title", "Tea or coffee?")
	v.until(`/^\/feed\/[0-9a-f-]{36}$/.test(location.pathname)`)
	v.bars(0, 0)
	poll := strings.TrimPrefix(value[string](v, `location.pathname`), "/feed/")
	m.votesOn(poll, 1)
	v.bars(0, 1)

	v.open("/mine")
	v.shows("#polls strong", "Tea or coffee?")
	v.shows("#polls .poll-stand .soft", "1 vote · 0 skips")
	v.click("#polls summary")
	v.until(`/^1 vote\. The most in one hour: 1, from /.test(` +
		`document.querySelector("#polls svg").getAttribute("aria-label"))`)
	v.until(`document.querySelectorAll("#polls svg rect").length === 1`)
	v.until(`document.querySelector("#polls rect").getBoundingClientRect().height > 20`)
	author.votesOn(poll, 0)
	v.shows("#polls .poll-stand .soft", "2 votes · 0 skips")
	v.until(`JSON.stringify(%s) === "[1,1]"`, counts("#polls"))
	v.click("#polls .row > button:not(.danger)")
	v.click("dialog [value=yes]")
	v.shows("#polls .badge", "This poll is over.")
	v.focused("#polls .danger")
	v.click("#polls .danger")
	v.click("dialog [value=yes]")
	v.sees("#polls-none")
	v.focused("#polls-name")
	status, _ := author.send(http.MethodGet, "/polls/"+poll, nil)
	require.Equal(t, http.StatusNotFound, status)
}

// TestVotesOverTimeAreDrawnInColumns of as many hours as it takes.
func TestVotesOverTimeAreDrawnInColumns(t *testing.T) {
	v := visit(t, "author", desktop)
	v.open("/mine")
	v.at("/login?next=%2Fmine")
	v.run(`void (window.chart = import(document.querySelector("script[src]").src
		.replace("login.js", "overtime.js")))`)
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, tried := range []struct {
		hours []int
		want  string
	}{
		{[]int{0}, "[1]"},
		{[]int{0, 1, 3}, "[1,1,0,1]"},
		{[]int{0, 60}, "[1" + strings.Repeat(",0", 29) + ",1]"}, // two hours a column
	} {
		var items []string
		for _, h := range tried.hours {
			items = append(items, fmt.Sprintf(`{ at: "%s", votes: 1 }`,
				now.Add(time.Duration(h)*time.Hour).Format(time.RFC3339)))
		}
		require.Equal(t, tried.want, value[string](v, fmt.Sprintf(
			`chart.then(({ spread }) => JSON.stringify(spread([%s])))`, strings.Join(items, ","))))
	}
}
