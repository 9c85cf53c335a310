package browser

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// TestWhatIsSaidWhileADialogIsOpenIsHeard says things of each kind while a dialog covers the page,
// and when it is closed again.
func TestWhatIsSaidWhileADialogIsOpenIsHeard(t *testing.T) {
	r := create(t, plain.title, newPoll{question: "One", kind: "rating"},
		newPoll{question: "Two", kind: "rating"}, newPoll{question: "Three", kind: "rating"})
	v := visit(t, "presenter", desktop).presents(r)

	// A toast on the page for writing. It is still there when the dialog has gone.
	v.open("/edit/" + r.ID)
	v.shows("#state", "Everything is saved")
	v.keepsWhatIsSaid()
	v.click("#remote")
	v.click("dialog [type=button]:not(.uncover, #remote-anew)")
	v.sees("dialog .toast")
	said := v.text(".toast")
	v.hears(said)
	v.press(kb.Escape)
	v.until(`!document.querySelector("dialog")`)
	v.sees("body > .toasts .toast")
	v.hears(said)

	// What moves on the stage, and what it refuses.
	v.open("/stage/" + r.ID)
	v.shows("#question", plain.title)
	r.show(0)
	v.hears("One")
	v.press("o")
	v.sees("dialog[open]")
	r.show(1)
	v.hears("Two")
	v.tabTo(`dialog .danger[aria-disabled="true"]`)
	v.press(kb.Enter)
	v.sees("dialog #notice p")
	v.hears(v.text("#notice"))
	v.press(kb.Escape)
	v.until(`!document.querySelector("dialog")`)
	r.show(2)
	v.hears("Three")
}

// keepsWhatIsSaid lets no notice of the page that is open go away by itself: a machine that is slow
// may look at it later.
func (v *visitor) keepsWhatIsSaid() {
	v.t.Helper()
	v.run(`window.setTimeout = ((later) => (act, ms, ...rest) => later(act, ms > 3500 ? 2 ** 31 ` +
		`- 1 : ms, ...rest))(setTimeout)`)
}

// hears waits until a screen reader finds a text in a live region.
func (v *visitor) hears(text string) {
	v.t.Helper()
	require.Eventually(v.t, func() bool { return v.spoken()[text] }, patience, 5*tick,
		"%q is not spoken", text)
}

// spoken gives the texts in live regions that are open to screen readers.
func (v *visitor) spoken() map[string]bool {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.ctx, patience)
	defer cancel()
	tree, err := chromedp.Call(ctx, accessibility.GetFullAXTree,
		accessibility.GetFullAXTreeParams{})
	v.ok(err, "read what a screen reader finds")
	text := func(value *accessibility.Value) (s string) {
		if value != nil {
			_ = json.Unmarshal(value.Value, &s) // what is no text is none that we look for
		}
		return s
	}
	nodes := map[accessibility.NodeID]*accessibility.Node{}
	for _, n := range tree.Nodes {
		nodes[n.NodeID] = n
	}
	all := map[string]bool{}
	for _, n := range tree.Nodes {
		if n.Ignored || text(n.Role) != "StaticText" {
			continue
		}
		for up := nodes[n.ParentID]; up != nil; up = nodes[up.ParentID] {
			if role := text(up.Role); role == "status" || role == "alert" {
				all[text(n.Name)] = true
			}
		}
	}
	return all
}
