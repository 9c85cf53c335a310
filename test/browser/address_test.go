package browser

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/test/stack"
)

const unreachable = "Phones cannot reach this address."

// TestThePagesSayWhereLinksLeadThatPhonesCannotReach presents on the machine that serves: its QR
// codes are of no use to the room.
func TestThePagesSayWhereLinksLeadThatPhonesCannotReach(t *testing.T) {
	r := create(t, plain.title, newPoll{question: "One", kind: "rating"})
	v := visit(t, "presenter", desktop).presents(r)
	v.open("/stage/" + r.ID)
	v.sees(".lobby .ticket .qr")
	v.until(`document.querySelector("#unreachable").checkVisibility() && `+
		`document.querySelector("#unreachable").textContent.includes(%s)`, js(unreachable))
	itself := []string{"localhost", "LocalHost.:80", "a.localhost:8080", "127.0.0.1", "127.1:8080",
		"0.0.0.0:1", "[::1]", "[::1]:8080", "[::]:80"}
	others := []string{"plenary.example", "localhost.example:8080", "127.example",
		"192.168.1.5:8080", "10.127.0.1", "[fe80::1]:80", "mylocalhost"}
	require.Equal(t, itself,
		value[[]string](v, fmt.Sprintf(
			`import(document.querySelector("link[href$='address.js']").href)
		.then(({ meansItself }) => %s.split(" ").filter(meansItself))`, js(strings.Join(append(others, itself...), " ")))))
	v.click("#next")
	v.shows("#question", "One")
	v.sees("#stage:not(.lobby) #unreachable")
	require.LessOrEqual(t, value[int](v, `document.documentElement.scrollHeight - innerHeight`), 0,
		"the slide has room for it")
	v.click("#remote")
	v.until(`document.querySelector(".remote-dialog").innerText.includes(%s)`, js(unreachable))
}

// TestLinksLeadToThePublicAddress presents on the machine that serves, which has a name for the
// room.
func TestLinksLeadToThePublicAddress(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: needs a browser")
	}
	const public = "https://vote.example:8443"
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	named, err := stack.Start(ctx,
		stack.Config{Parts: stack.API, APIs: 1,
			APIEnv: []string{"PLENARY_OPEN=true", "PLENARY_PUBLIC_URL=" + public + "/"}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, named.Close()) })
	r := createAt(t, named.URL, plain.title, newPoll{question: "One", kind: "rating"})
	v := newVisitor(chrome(t), t, "presenter", named.URL, desktop, chromedp.WithNewBrowserContext())
	v.open("/stage/" + r.ID)
	v.sees(".lobby .ticket .qr")
	require.Equal(t, "vote.example:8443", v.text("#host"))
	require.False(t, value[bool](v, `document.querySelector("#unreachable").checkVisibility()`))
	v.click("#remote")
	require.Equal(t, public+"/remote/"+r.ID,
		value[string](v, `document.querySelector("#remote-url").value`))
	require.NotContains(t, v.text(".remote-dialog"), unreachable)
	v.press(kb.Escape)
	v.open("/edit/" + r.ID)
	v.shows("#join-link", public+"/join/"+r.JoinCode)
}
