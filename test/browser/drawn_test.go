package browser

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// direction gives in which direction an element's text runs.
func (v *visitor) direction(selector string) string {
	v.t.Helper()
	return value[string](v, fmt.Sprintf(`getComputedStyle(document.querySelector(%s)).direction`,
		js(selector)))
}

// TestThePhoneDrawsWhatPeopleWroteAsTheyWroteIt shows code, Arabic, Hebrew and stacked marks, and
// lets somebody answer in them.
func TestThePhoneDrawsWhatPeopleWroteAsTheyWroteIt(t *testing.T) {
	const code = "What does this print?\n\n  for i in range(3):\n      print(i)"
	stacked := strings.Repeat("e"+strings.Repeat("\u0301", 45), 8)
	r := create(t, "عنوان!",
		newPoll{question: code, kind: "choice",
			options: []string{"if a:\n    b()", "نعم!", stacked, "No!"}},
		newPoll{question: "למה?", kind: "open_text"},
		newPoll{question: "كلمة؟", kind: "word_cloud", most: 2})
	r.show(0)
	v := visit(t, "voter", phone)
	v.open("/p/" + r.ID)
	v.until(`document.querySelector("#question").innerText === %s`, js(code))
	v.shows("#title", "عنوان!")
	require.Equal(t, "rtl", v.direction("#title"))
	require.Equal(t, "ltr", v.direction("#question"))
	const option = "#ballot .option:nth-child(%d) .value"
	require.Equal(t, "if a:\n    b()",
		value[string](v, fmt.Sprintf(`document.querySelector(%s).innerText`,
			js(fmt.Sprintf(option, 1)))))
	require.Equal(t, "rtl", v.direction(fmt.Sprintf(option, 2)))
	require.Equal(t, "ltr", v.direction(fmt.Sprintf(option, 4)))
	require.Equal(t, "clip",
		value[string](v, fmt.Sprintf(`getComputedStyle(document.querySelector(%s)).overflowY`,
			js(fmt.Sprintf(option, 3)))),
		"marks end with the option that they stand in")
	v.shoot("drawn-choice")

	r.show(1)
	v.until(`document.querySelector("#question").textContent === "למה?"`)
	require.Equal(t, "rtl", v.direction("#question"))
	v.fill("#ballot textarea", "כי כך!")
	require.Equal(t, "rtl", v.direction("#ballot textarea"))
	v.click("#ballot [type=submit]")
	v.counted()
	v.fill("#ballot textarea", "one")
	v.press(kb.Enter)
	v.types("  two ")
	require.Equal(t, "one\n  two ",
		value[string](v, `document.querySelector("#ballot textarea").value`), "Enter begins a line")
	for _, kind := range []input.DispatchKeyEventType{input.DispatchKeyEventTypeRawKeyDown,
		input.DispatchKeyEventTypeKeyUp} {
		v.ok(call(v, input.DispatchKeyEvent, input.DispatchKeyEventParams{
			Type: kind, Key: "Enter", Code: "Enter", WindowsVirtualKeyCode: 13, Modifiers: 2,
		}), "press Ctrl and Enter")
	}
	v.counted()
	v.until(`document.querySelector("#ballot textarea").value === "one\n  two"`)
	v.until(`!document.querySelector("#take-back").hidden`)

	r.show(2)
	v.until(`document.querySelector("#question").textContent === "كلمة؟"`)
	v.fill("#ballot input:nth-of-type(2)", "سلام")
	require.Equal(t, "rtl", v.direction("#ballot input:nth-of-type(2)"))
	v.expect("409") // where the vote arrives after the poll's last second
	v.hold("*/votes")
	v.click("#ballot [type=submit]")
	v.release(func() {
		r.show(0)
		v.sees("#before")
	})
	v.until(`document.querySelector("#before bdi").textContent === "كلمة؟"`)
}

// TestThePhoneCountsCharactersAsTheServerDoes writes as much as the server takes, in signs that are
// counted in several ways, and one more.
func TestThePhoneCountsCharactersAsTheServerDoes(t *testing.T) {
	r := create(t, plain.title, newPoll{question: "Why?", kind: "open_text"},
		newPoll{question: "Word?", kind: "word_cloud", most: 1})
	v := visit(t, "voter", phone)
	v.open("/p/" + r.ID)
	for i, most := range []int{500, 50} {
		r.show(i)
		v.shows("#question", []string{"Why?", "Word?"}[i])
		field := []string{"#ballot textarea", "#ballot input"}[i]
		for n, one := range []string{"x", "\U0001f600", "e\u0301", "\u1100\u1161\u11a8"} {
			for _, text := range []string{strings.Repeat(one, most+1),
				"  " + strings.Repeat(one, most) + " \u202e "} {
				v.fill(field, text)
				if strings.HasPrefix(text, one) {
					v.shows("#length", fmt.Sprintf("%d of %d characters", most+1, most))
					v.until(`document.querySelector(%s).ariaInvalid === "true"`, js(field))
					v.until(`document.querySelector("#ballot [type=submit]").ariaDisabled ` +
						`=== "true"`)
					v.until(`document.querySelector("#announcer").textContent.includes("%d of")`,
						most+1)
					continue
				}
				v.shows("#length", fmt.Sprintf("%d of %d characters", most, most))
				v.until(`document.querySelector(%s).ariaInvalid === "false"`, js(field))
				v.click("#ballot [type=submit]")
				v.counted()
			}
			require.Equal(t, 1, r.results(i).Total, "sign %d", n)
		}
	}
}

// TestWhatTheServerDoesNotTakeIsShownAtTheField sends a text that nobody can see.
func TestWhatTheServerDoesNotTakeIsShownAtTheField(t *testing.T) {
	r := create(t, plain.title, newPoll{question: "Words?", kind: "word_cloud", most: 2})
	r.show(0)
	v := visit(t, "voter", phone)
	v.open("/p/" + r.ID)
	v.fill("#ballot input:nth-of-type(2)", "\u200b")
	v.expect("400")
	v.click("#ballot [type=submit]")
	v.shows("#vote", "This answer was not taken: a word in it is not wanted here, is there "+
		"twice, or cannot be seen.")
	invalid := `[...document.querySelectorAll("#ballot input")].map((e) => e.ariaInvalid + " " + ` +
		`e.getAttribute("aria-describedby")).join()`
	v.until(`%s === "true vote,false vote"`, invalid) // what is sent stands in the first fields
	v.fill("#ballot input:nth-of-type(1)", "seen")
	v.until(`%s === "false length,false length"`, invalid)
	v.click("#ballot [type=submit]")
	v.counted()
}
