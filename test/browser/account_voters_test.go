package browser

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestVotersLogInAndVote answers a question before anybody is logged in. The answer is sent after
// the log-in, which leads back. Two browsers of an account are one voter.
func TestVotersLogInAndVote(t *testing.T) {
	r, m := passRoom(t, nil), register(t, "Anna")
	v := visit(t, "voter", phone)
	v.open("/p/" + r.ID)
	v.choose(1)
	v.counted()
	v.expect("401")
	r.admit(map[string]any{"voters": "account"})
	r.show(1)
	r.show(0)
	v.shows("#vote", "You have answered this question before; that still counts unless the "+
		"presenter has started it anew. You may answer again.")
	v.choose(2)
	v.shows("#entry-title", "Voting takes an account")
	v.shows("#vote", "Your answer is kept here. It is sent as soon as you have logged in.")
	v.reload()
	v.shows("#entry-title", "Voting takes an account")
	v.shows("#entry-text", "You can watch. To answer, log in: what you have chosen here is then "+
		"sent.")
	require.False(t, value[bool](v, `document.querySelector("#entry-form").checkVisibility()`))
	v.bars(1, 0, 0, 0)
	v.shoot("voter-account")

	elsewhere := v.tab("another tab", phone)
	elsewhere.expect("401")
	elsewhere.open("/join/" + r.JoinCode)
	elsewhere.sees("#log-in")
	v.click("#log-in")
	v.at("/login?next=%2Fp%2F" + r.ID)
	v.logsIn(m.email, m.password)
	v.at("/p/" + r.ID)
	v.counted()
	v.bars(1, 1, 0, 0) // the pass from before was another voter's
	for _, tab := range []*visitor{v, elsewhere} {
		tab.until(`!document.querySelector("#entry").checkVisibility()`)
	}
	second := visit(t, "second", phone).isLoggedIn(m)
	second.open("/join/" + r.JoinCode)
	second.choose(3)
	second.counted()
	second.bars(1, 0, 1, 0)
	require.Equal(t, 2, r.results(0).Total)

	// Whoever logs out takes the pass along, and can come back when everybody may vote.
	second.expect("401", "409")
	second.open("/account")
	second.click("#log-out")
	second.at("/")
	require.NotContains(t, value[string](second, `Object.keys(localStorage).join()`), r.ID)
	second.open("/p/" + r.ID)
	second.sees("#log-in")
	second.click("#again")
	second.until(`document.querySelector("#again").ariaDisabled === "false"`)
	second.sees("#log-in")

	// That has ended the session of the other browser, too, which is said as soon as it is needed.
	m.isLoggedOut()
	v.run(fmt.Sprintf(`localStorage.removeItem("plenary.pass.%s")`, r.ID))
	v.reload()
	v.sees("#log-in")
	require.False(t, value[bool](v, `"plenary.session" in localStorage`))

	r.admit(map[string]any{"voters": "anyone"})
	second.click("#again")
	second.until(`!document.querySelector("#entry").checkVisibility()`)
	second.choose(2)
	second.counted()
}

// TestAPassOfOneAccountIsNotAnothers lets two people vote in one browser, one after the other.
func TestAPassOfOneAccountIsNotAnothers(t *testing.T) {
	r, one, two := passRoom(t, nil), register(t, "Anna"), register(t, "Berta")
	r.admit(map[string]any{"voters": "account"})
	v := visit(t, "voter", phone)
	for i, m := range []*member{one, two} {
		v.isLoggedIn(m)
		v.open("/p/" + r.ID)
		v.choose(1 + i)
		v.counted()
		require.Equal(t, 1+i, r.results(0).Total)
	}
}

// TestANewPresentationAsksItsVotersToLogIn as its author chooses.
func TestANewPresentationAsksItsVotersToLogIn(t *testing.T) {
	v := visit(t, "author", desktop)
	v.open("/edit/new")
	v.fill("#polls [data-field=question]", "Which?")
	v.click(`#polls [value="rating"]`)
	v.click(`#voters [value="account"]`)
	require.False(t, value[bool](v, `document.querySelector("#with-pass").checkVisibility()`))
	v.reload()
	v.until(`document.querySelector("#voters [value=account]").checked`)
	v.click("#save")
	v.shows("#state", "Everything is saved")
	v.until(`document.querySelector("#voters [value=account]").checked`)
}

// TestThePageForWritingLeavesVotersWhoLogInAsTheyAre edits a presentation whose voters log in,
// which another program has chosen. Its results say so.
func TestThePageForWritingLeavesVotersWhoLogInAsTheyAre(t *testing.T) {
	r := passRoom(t, nil)
	r.admit(map[string]any{"voters": "account"})
	author := visit(t, "author", desktop).presents(r)
	author.open("/edit/" + r.ID)
	author.until(`document.querySelector("#voters [value=account]").checked`)
	author.sees("#by-account")
	require.False(t, value[bool](author, `document.querySelector("#with-pass").checkVisibility()`))
	is := func(want string) {
		t.Helper()
		author.shows("#state", "Everything is saved")
		var got struct{ Voters string }
		r.ask(http.MethodGet, r.path(""), nil, &got)
		require.Equal(t, want, got.Voters)
	}
	author.fill("#title", "Another one")
	author.click(`#voters-name`)
	author.shows("#state", "Everything is saved")
	is("account")
	author.click(`#voters [value="anyone"]`)
	is("anyone")
	author.click(`#voters [value="account"]`)
	is("account")

	r.show(1)
	author.open("/results/" + r.ID)
	author.until(`[...document.querySelectorAll("#polls .identity")]
		.some((line) => line.textContent === "Each voter had logged in with an account.")`)
}
