package browser

import (
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

var arabic = words{
	title: "مدينة الغد", question: "ما الذي يجعلك تترك سيارتك في البيت؟",
	options: []string{"قطار كل عشر دقائق", "مسارات آمنة للدراجات", "تذاكر أرخص", "لا شيء"},
}

// outside gives what of a page reaches over the edges of a screen of that width.
const outside = `[...document.querySelectorAll("body *")].filter((e) => {
	const { left, right, width } = e.getBoundingClientRect();
	return width > 0 && (left < -1 || right > innerWidth + 1) && e.checkVisibility() && !e.closest(".unseen, .skip, #announcer");
}).map((e) => e.tagName + "#" + e.id + "." + e.className)`

// TestEveryPageIsMirroredForReadersOfArabic in every state, and nothing reaches over an edge of the
// smallest phone.
func TestEveryPageIsMirroredForReadersOfArabic(t *testing.T) {
	all, presents := scenes(t, arabic)
	v := visit(t, "presenter", desktop)
	v.speaks("ar")
	presents(v)
	for _, s := range all {
		if s.name == "docs" { // it speaks English only
			continue
		}
		v.resize(s.on)
		s.show(v)
		require.Equal(t, []string{"ar", "rtl", "rtl"},
			value[[]string](v, `[document.documentElement.lang, document.documentElement.dir,
			getComputedStyle(document.body).direction]`), s.name)
		v.shoot("ar-" + s.name)
		v.resize(narrow)
		v.until(`document.documentElement.scrollWidth <= 320 && (%s).length === 0 /* %s */`,
			outside, s.name)
	}
}

// TestBarsTicketAndArrowsStandOnTheOtherSideInArabic and codes, which are in no language, do not.
func TestBarsTicketAndArrowsStandOnTheOtherSideInArabic(t *testing.T) {
	r := create(t, arabic.title,
		newPoll{question: arabic.question, kind: "choice", options: arabic.options},
		newPoll{question: "وما رأيك؟", kind: "rating"})
	r.show(0)
	r.votes(0, 3, 1)
	v := visit(t, "presenter", desktop).presents(r)
	at := func(selector string) (left, right int) {
		t.Helper()
		box := value[[]int](v, `(({ left, right }) => [left, `+
			`right].map(Math.round))(document.querySelector(`+js(selector)+
			`).getBoundingClientRect())`)
		return box[0], box[1]
	}
	for _, lang := range []string{"en", "ar"} {
		mirrored := lang == "ar"
		v.speaks(lang)
		v.open("/stage/" + r.ID)
		v.until(`document.querySelector("#chart .percent")?.textContent.includes("75")`)
		v.until(`!document.querySelector("#qr").hidden && document.querySelector("#away").hidden`)
		slide, _ := at("#chart")
		ticket, _ := at(".ticket")
		require.Equal(t, mirrored, ticket < slide, lang)
		next, _ := at("#next")
		previous, _ := at("#previous")
		require.Equal(t, mirrored, next < previous, lang)
		trackLeft, trackRight := at("#chart .track")
		fillLeft, fillRight := at("#chart .fill")
		require.Equal(t, mirrored, fillRight == trackRight, lang)
		require.Equal(t, !mirrored, fillLeft == trackLeft, lang)
		percentLeft, percentRight := at("#chart .percent")
		countLeft, countRight := at("#chart .count")
		require.Equal(t, mirrored, countRight <= percentLeft,
			"numbers beside each other do not run together in %s", lang)
		require.Equal(t, !mirrored, percentRight <= countLeft, lang)
		require.Equal(t, map[bool]string{true: "matrix(-1, 0, 0, 1, 0, 0)",
			false: "none"}[mirrored],
			value[string](v, `getComputedStyle(document.querySelector("#next > span")).transform`),
			"the arrow of %s", lang)
		require.Equal(t, "ltr", value[string](v,
			`getComputedStyle(document.querySelector("#code")).direction`))

		// The arrow that points on goes on; so do the keys of a clicker, which know no side.
		onward, back := kb.ArrowRight, kb.ArrowLeft
		if mirrored {
			onward, back = back, onward
		}
		v.moves(onward, "وما رأيك؟")
		v.moves(back, arabic.question)
		v.moves(kb.PageDown, "وما رأيك؟")
		v.moves(kb.PageUp, arabic.question)
		v.moves(" ", "وما رأيك؟")
		v.press("?")
		v.until(`document.querySelector("dialog .keys dt kbd").textContent === %s`,
			js(map[bool]string{true: "←", false: "→"}[mirrored]))
		require.Equal(t, map[bool]string{true: "ArrowLeft", false: "ArrowRight"}[mirrored]+
			" PageDown Space",
			value[string](v, `document.querySelector("#next").getAttribute("aria-keyshortcuts")`))
		v.press(kb.Escape)
		v.moves(back, arabic.question)
	}
}

// TestALabelBeginsWhereItsBarDoes whichever way it is written, and not beside the numbers at the
// bar's other end.
func TestALabelBeginsWhereItsBarDoes(t *testing.T) {
	r := create(t, plain.title,
		newPoll{question: plain.question, kind: "choice",
			options: []string{arabic.options[0], "In English",
				"Another one that is longer than a line of a phone's screen can be"}})
	r.show(0)
	r.votes(0, 1, 2, 3)
	for lang, side := range map[string]string{"en": "left", "ar": "right"} {
		for name, s := range map[string]screen{"stage": desktop, "p": narrow} {
			v := visit(t, lang+name, s).presents(r)
			v.speaks(lang)
			v.open("/" + name + "/" + r.ID)
			v.until(`document.querySelectorAll("#chart .percent").length === 3`)
			v.until(`[...document.querySelectorAll("#chart .bar")].every((bar) => {
				const text = document.createRange(), label = bar.querySelector(".label").getBoundingClientRect();
				text.selectNodeContents(bar.querySelector(".label"));
				const { left, right } = text.getBoundingClientRect(); // where a line is broken a space may hang over the edge
				const at = { left: Math.max(left, label.left), right: Math.min(right, label.right) };
				return Math.abs(at.%s - bar.querySelector(".track").getBoundingClientRect().%[1]s) < 4;
			}) /* %[2]s %[3]s */`, side, name, lang)
		}
	}
}

// TestACodeOfDigitsAndLettersReadsFromLeftToRightInArabic: by itself "234 BCD" would stand as "BCD
// 234".
func TestACodeOfDigitsAndLettersReadsFromLeftToRightInArabic(t *testing.T) {
	r := create(t, arabic.title, newPoll{question: arabic.question, kind: "rating"})
	v := visit(t, "presenter", desktop).presents(r)
	v.speaks("ar")
	v.open("/stage/" + r.ID)
	v.sees(".lobby .ticket .qr")
	require.True(t, value[bool](v, `(() => {
		const code = document.querySelector("#code");
		code.textContent = "234 BCD";
		const x = (i) => { const r = document.createRange(); r.setStart(code.firstChild, i); r.setEnd(code.firstChild, i + 1); return r.getBoundingClientRect().left; };
		return x(0) < x(4) && x(4) < x(6);
	})()`))
	require.True(t, value[bool](v, `(() => {
		const text = document.createRange();
		text.selectNodeContents(document.querySelector("#host"));
		return Math.abs(text.getBoundingClientRect().right - document.querySelector(".ticket-go").getBoundingClientRect().right) < 2;
	})()`), "the address stands under what is before it")
}

// TestAnEmptyFieldBeginsWhereTheReadersLanguageDoes and one that is written in goes by what is
// written.
func TestAnEmptyFieldBeginsWhereTheReadersLanguageDoes(t *testing.T) {
	r := create(t, arabic.title, newPoll{question: arabic.question, kind: "open_text"})
	r.show(0)
	v := visit(t, "voter", phone)
	v.speaks("ar")
	v.open("/p/" + r.ID)
	const field, direction = "#ballot textarea",
		`getComputedStyle(document.querySelector("#ballot textarea")).direction`
	v.sees(field)
	require.Equal(t, "rtl", value[string](v, direction))
	v.fill(field, "Trains")
	require.Equal(t, "ltr", value[string](v, direction))
	v.fill(field, "قطارات")
	require.Equal(t, "rtl", value[string](v, direction))
}

// TestNumbersAreThoseOfTheReadersRegion: people of Cairo and of Rabat read the same words and other
// digits.
func TestNumbersAreThoseOfTheReadersRegion(t *testing.T) {
	r := create(t, arabic.title,
		newPoll{question: arabic.question, kind: "choice", options: arabic.options},
		newPoll{question: "وما رأيك؟", kind: "rating"})
	r.show(0)
	r.votes(0, 12, 3, 2, 1)
	for languages, want := range map[string][]string{
		"ar-EG,ar": {"١٨ مصوّتًا", "١٢ صوتًا", "٣ أصوات", "صوتان", "صوت واحد"},
		"ar-MA,ar": {"18 مصوّتًا", "12 صوتًا", "3 أصوات", "صوتان", "صوت واحد"},
	} {
		v := visit(t, "reader", phone)
		of := emulation.SetUserAgentOverrideParams{UserAgent: value[string](v,
			`navigator.userAgent`), AcceptLanguage: languages}
		v.ok(call(v, emulation.SetUserAgentOverride, of), "speak %s", languages)
		v.open("/p/" + r.ID)
		v.shows("#voters", want[0])
		v.until(`[...document.querySelectorAll("#chart .count")].map((e) => `+
			`e.textContent).join() === %s`, js(want[1]+","+want[2]+","+want[3]+","+want[4]))
		v.open("/results/" + r.ID)
		v.until(`document.querySelector("#polls .poll h2")`)
		digits := value[string](v,
			`getComputedStyle(document.querySelector("#polls .poll h2"), "::before").content`)
		require.Equal(t, languages == "ar-EG,ar",
			digits == `counter(poll, arabic-indic) ". "`, digits)
	}
}
