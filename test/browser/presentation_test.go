package browser

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/test/stack"
)

// TestAPresentationIsHeld goes through a whole presentation as people do: one writes it and is on
// stage, four vote. In the middle an API replica is killed, and somebody's phone loses its
// connection. Nobody reloads a page.
func TestAPresentationIsHeld(t *testing.T) {
	presenter := visit(t, "presenter", desktop)
	write3Questions(presenter)
	presenter.click("#go")
	presenter.until(`location.pathname.startsWith("/stage/")`)
	presenter.until(`document.querySelector("#code").textContent.length >= 6`)
	code := presenter.text("#code")
	require.Equal(t, code, presenter.text(".ticket .code"))
	presenter.shoot("stage-lobby")

	var audience []*visitor
	for _, name := range []string{"ada", "ben", "cleo", "dan"} {
		audience = append(audience, visit(t, name, phone))
	}
	ada, ben, cleo, dan := audience[0], audience[1], audience[2], audience[3]
	ada.open("/")
	ada.click("#code")
	ada.types(strings.ToLower(code)) // as people type it
	ada.press(kb.Enter)
	for _, v := range audience[1:] {
		v.open("/join/" + strings.ReplaceAll(code, " ", ""))
	}
	for _, v := range audience {
		v.shows("#waiting-title", "You are in!")
		v.shows("#title", "Friday's talk")
	}

	// Everybody sees the first question, and one tap votes.
	presenter.press(kb.ArrowRight)
	for _, v := range append(audience, presenter) {
		v.shows("#question", "Who wins?")
		v.run(`window.loadedOnce = true`)
	}
	ada.choose(1)
	ben.choose(1)
	cleo.choose(2)
	for _, v := range audience[:3] {
		v.counted()
		v.until(`document.querySelector("#ballot [aria-pressed=true]")`)
	}
	for _, v := range append(audience, presenter) {
		v.bars(2, 1, 0)
	}
	presenter.shows("#voters", "3")

	// A change of mind.
	ben.choose(3)
	ben.counted()
	for _, v := range append(audience, presenter) {
		v.bars(1, 1, 1)
	}

	// A replica dies. Those who were connected to it are connected to another one.
	for _, v := range append(audience, presenter) {
		v.expect("net::ERR_", "503", "event stream")
	}
	killReplica(t)
	dan.choose(2)
	dan.counted()
	for _, v := range append(audience, presenter) {
		v.bars(1, 2, 1)
	}
	presenter.until(`document.querySelector("#away").hidden`)
	presenter.click("#next")
	for _, v := range append(audience, presenter) {
		v.shows("#question", "What have you tried?")
	}

	// Somebody is offline while they vote, and says so; then the vote is delivered.
	cleo.connect(network.Conditions{Offline: true})
	cleo.click("#ballot label:nth-of-type(1)")
	cleo.click("#ballot label:nth-of-type(3)")
	cleo.click("#ballot [type=submit]")
	cleo.until(`document.querySelector("#vote").dataset.state === "retrying"`)
	cleo.until(`document.querySelector("#vote").textContent.startsWith("You are offline. Your ` +
		`answer will be sent")`)
	cleo.shoot("audience-offline")
	ada.click("#ballot label:nth-of-type(1)")
	ada.click("#ballot [type=submit]")
	ada.counted()
	presenter.bars(1, 0, 0)
	require.Equal(t, "retrying",
		value[string](cleo, `document.querySelector("#vote").dataset.state`))
	cleo.connect(network.Conditions{})
	cleo.counted()
	for _, v := range append(audience, presenter) {
		v.bars(2, 0, 1)
	}

	// Somebody votes while they are offline, and the presenter goes on. Nobody tells them that the
	// vote counts.
	dan.connect(network.Conditions{Offline: true})
	dan.click("#ballot label:nth-of-type(2)")
	dan.click("#ballot [type=submit]")
	dan.until(`document.querySelector("#vote").dataset.state === "retrying"`)
	presenter.click("#next")
	for _, v := range audience[:3] {
		v.shows("#question", "How was it?")
	}
	dan.expect("409") // what the vote is answered with
	dan.connect(network.Conditions{})
	dan.shows("#question", "How was it?")
	dan.until(`document.querySelector("#before").checkVisibility() && ` +
		`document.querySelector("#before").textContent.includes("What have you tried?")`)
	for i, v := range audience {
		v.choose(5 - i)
		v.counted()
	}
	presenter.shows("#chart .mean", "3.5")
	presenter.shoot("stage-rating")

	// What left the slide is final, for the presenter and for everybody.
	id := value[string](presenter, `location.pathname.split("/")[2]`)
	presenter.press("o")
	presenter.until(`document.querySelectorAll("dialog .badge-final").length === 2`)
	presenter.press(kb.Escape)
	for _, v := range append(audience, presenter) {
		require.True(t, value[bool](v, `window.loadedOnce === true`),
			"%s had to load the page anew", v.name)
	}
	for _, v := range []*visitor{presenter, ada} {
		v.open("/results/" + id)
		v.until(`document.querySelectorAll("#polls .badge-final").length === 2`)
		v.until(`document.querySelectorAll("#polls .poll").length === 3`)
		require.Equal(t, []int{1, 2, 1}, value[[]int](v, counts("#polls .poll:nth-child(1)")))
		require.Equal(t, []int{2, 0, 1}, value[[]int](v, counts("#polls .poll:nth-child(2)")))
	}
}

// write3Questions writes a presentation on the page for it: one choice, one of several, one rating.
func write3Questions(v *visitor) {
	v.t.Helper()
	v.open("/edit/new")
	v.sees("#edit")
	v.fill("#title", "Friday's talk")
	question := func(n int, text string, options ...string) {
		v.fill(fmt.Sprintf("#polls > :nth-child(%d) [data-field=question]", n), text)
		for i, o := range options {
			if i > 1 {
				v.click(fmt.Sprintf("#polls > :nth-child(%d) [data-do=option]", n))
			}
			v.fill(fmt.Sprintf(`#polls > :nth-child(%d) [aria-label="Option %c"]`, n, 'A'+i), o)
		}
	}
	question(1, "Who wins?", "Argentina", "Brazil", "Chile")
	v.click("#add")
	v.click(`#polls > :nth-child(2) [value="multiple"]`)
	question(2, "What have you tried?", "Walking", "Cycling", "Flying")
	v.click("#add")
	v.click(`#polls > :nth-child(3) [value="rating"]`)
	question(3, "How was it?")
	v.shoot("edit-new")
}

// choose taps the n-th option, counted from 1.
func (v *visitor) choose(n int) {
	v.t.Helper()
	v.click(fmt.Sprintf("#ballot .option:nth-child(%d)", n))
}

// counted waits until the page says that the vote is counted, or that it is durable and will be.
func (v *visitor) counted() {
	v.t.Helper()
	v.until(`["counted", "accepted"].includes(document.querySelector("#vote").dataset.state)`)
}

// counts gives an expression for the numbers at the bars within an element.
func counts(selector string) string {
	return fmt.Sprintf(
		`[...document.querySelectorAll(%s)].map((e) => `+
			`Number.parseInt(e.textContent.replace(/\D/g, "")))`, js(selector+" .bar .count"))
}

// bars waits until the bars show these numbers.
func (v *visitor) bars(want ...int) {
	v.t.Helper()
	v.until(`document.querySelector("#chart").checkVisibility() && JSON.stringify(%s) === `+
		`JSON.stringify(%s)`,
		counts("#chart"), strings.ReplaceAll(fmt.Sprint(want), " ", ","))
}

// killReplica kills the API replica with the most event streams, as a crash does, and starts it
// again when the test ends.
func killReplica(t *testing.T) {
	t.Helper()
	var busiest *stack.Process
	most := -1
	for _, p := range site(t).APIs {
		if n := openStreams(t, p.OperatorsURL); n > most {
			busiest, most = p, n
		}
	}
	require.Positive(t, most, "nobody is connected")
	t.Logf("%s is killed, with %d event streams", busiest.Name, most)
	busiest.Kill()
	t.Cleanup(func() { require.NoError(t, busiest.Start(context.Background())) })
}

// openStreams asks a replica how many event streams it has.
func openStreams(t *testing.T, url string) int {
	t.Helper()
	client := http.Client{Transport: transport, Timeout: patience}
	res, err := client.Get(url + "/metrics")
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	_, after, found := strings.Cut(string(raw), "\nplenary_event_streams ")
	require.True(t, found, "the metrics have no plenary_event_streams")
	line, _, _ := strings.Cut(after, "\n")
	n, err := strconv.ParseFloat(line, 64)
	require.NoError(t, err)
	return int(n)
}
