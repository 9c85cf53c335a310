package browser

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWhoCannotLogInIsToldSo comes to a question for voters who log in, which the page does not
// offer yet, until the presenter lets everybody vote.
func TestWhoCannotLogInIsToldSo(t *testing.T) {
	r := passRoom(t, nil)
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
	v.shows("#vote", "This answer was not taken: voting takes an account, and this page cannot "+
		"log you in yet.")
	v.reload()
	v.shows("#entry-title", "Voting takes an account")
	v.shows("#entry-text", "This page cannot log you in yet. You can watch, but you cannot answer "+
		"here. If the presenter lets everybody vote, try again.")
	require.False(t, value[bool](v, `document.querySelector("#entry-form").checkVisibility()`))
	v.bars(1, 0, 0, 0)
	v.shoot("voter-account")

	r.admit(map[string]any{"voters": "anyone"})
	v.until(`!document.querySelector("#entry").checkVisibility() ||
		!document.querySelector("#again").matches("[aria-disabled=true]") &&
		document.querySelector("#again").click() === undefined`)
	v.until(`!document.querySelector("#entry").checkVisibility()`)
	v.choose(2)
	v.counted()
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
