package browser

import (
	"testing"

	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// TestLetterKeysCanBeSwitchedOff switches them off with the keyboard. The browser remembers that,
// and what a clicker sends goes on working: those who speak to their computer may type any letter.
func TestLetterKeysCanBeSwitchedOff(t *testing.T) {
	r := create(t, "Keys", newPoll{question: "One", kind: "rating"},
		newPoll{question: "Two", kind: "rating"}, newPoll{question: "Three", kind: "rating"})
	v := visit(t, "presenter", desktop).presents(r)
	named := func() []string {
		return value[[]string](v,
			`[...document.querySelectorAll("[aria-keyshortcuts]")].map((e) => `+
				`e.getAttribute("aria-keyshortcuts"))`)
	}
	arrows := []string{"ArrowLeft PageUp", "ArrowRight PageDown Space"}
	// nothing presses every sign, and one arrow: of all that, the slide has heard the arrow alone.
	nothing := func(arrow, shows string) {
		t.Helper()
		before := r.version()
		v.press("bBc.haAfoOx?")
		v.moves(arrow, shows)
		require.Equal(t, before+1, r.version())
		require.Equal(t, "Hide results", v.text("#results"))
		require.Empty(t, v.text("#notice"), "nor has it refused one")
		require.True(t, value[bool](v,
			`!document.fullscreenElement && !document.querySelector("dialog") && `+
				`document.querySelector("#status").classList.contains("badge-open")`))
	}

	v.open("/stage/" + r.ID)
	v.shows("#question", "Keys")
	require.Equal(t, append([]string{"H", "C", "B", "A", "O", "F", "?"}, arrows...), named())
	v.moves(kb.ArrowRight, "One")
	v.press("?")
	v.sees("dialog[open]")
	require.True(t, value[bool](v,
		`document.querySelector("#signs").checked && `+
			`document.activeElement.textContent === "Close"`))
	v.tabTo("#signs")
	v.press(" ")
	v.press(kb.Escape)
	v.until(`!document.querySelector("dialog")`)
	nothing(kb.ArrowRight, "Two")
	require.Equal(t, arrows, named())

	v.reload()
	v.shows("#question", "Two")
	nothing(kb.PageDown, "Three")
	nothing(kb.PageUp, "Two")
	nothing(" ", "Three")
	nothing(kb.ArrowLeft, "Two")

	v.click("#keys")
	v.click("#signs")
	v.press(kb.Escape)
	v.until(`!document.querySelector("dialog")`)
	v.moves("b", "Keys")
	v.moves("B", "Two")
	require.Equal(t, append([]string{"H", "C", "B", "A", "O", "F", "?"}, arrows...), named())
}
