package browser

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lib/pq"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// walls are the windows in which a stage is held. The last three are what is left of one at a zoom
// of 200 %, and a phone.
var walls = []screen{
	{1024, 768, false}, {1280, 720, false}, {1366, 768, false}, {1920, 1080, false},
	{3840, 2160, false},
	{640, 360, false}, {512, 384, false}, {320, 568, false},
}

// content is what people write, of some length and script.
type content struct {
	name, question        string
	options, words, texts []string
}

// contents are short, as long as is allowed, as many as are allowed, in other scripts, and without
// a place to break a line.
func contents() []content {
	repeat := func(n int, text func(i int) string) (all []string) {
		for i := range n {
			all = append(all, text(i))
		}
		return all
	}
	numbered := func(text string, most int) func(int) string {
		return func(i int) string { return short(fmt.Sprintf("%d %s", i+1, text), most) }
	}
	latin := strings.Repeat("Would a train every ten minutes make you leave your car at home? ", 20)
	arabic := strings.Repeat("هل تترك سيارتك في المنزل إذا جاء القطار كل عشر دقائق؟ ", 12)
	chinese := strings.Repeat("如果每十分钟有一班火车您会把汽车留在家里吗？", 30)
	const unbroken = "Donaudampfschifffahrtsgesellschaftskapitän"
	w := strings.Repeat(unbroken, 30)
	return []content{
		{"short", "Trains?", []string{"Yes", "No"}, []string{"trains", "bikes", "rain"},
			[]string{"Why not?", "Because."}},
		{
			"usual", short(latin, 103), repeat(4, numbered(latin, 55)),
			repeat(25, func(i int) string {
				return fmt.Sprintf("%s%d",
					[]string{"trains", "bikes", "cheaper fares", "rain"}[i%4], i)
			}),
			repeat(12, numbered(latin, 140)),
		},
		{"longest", short(latin, 1000), repeat(6, numbered(latin, 1000)),
			repeat(25, numbered(latin, 50)), repeat(12, numbered(latin, 500))},
		{"many", plain.question, repeat(100, numbered("Option", 55)),
			repeat(150, numbered("word", 50)), repeat(150, numbered(latin, 60))},
		{"all", short(latin, 1000), repeat(100, numbered(latin, 1000)),
			repeat(100, numbered(latin, 50)), repeat(100, numbered(latin, 500))},
		{"arabic", short(arabic, 120), repeat(5, numbered(arabic, 60)),
			repeat(30, numbered(arabic, 20)), repeat(15, numbered(arabic, 120))},
		{"chinese", short(chinese, 100), repeat(5, numbered(chinese, 60)),
			repeat(30, numbered(chinese, 8)), repeat(15, numbered(chinese, 120))},
		{
			"unbroken", short(w, 1000),
			repeat(4, func(i int) string { return short(fmt.Sprint(i)+w, 1000) }),
			repeat(30, func(i int) string { return short(fmt.Sprint(i)+w, 50) }),
			repeat(6, func(i int) string { return short(fmt.Sprint(i)+w, 500) }),
		},
	}
}

// tallied writes a poll's tallies as counting would have left them.
func tallied(t *testing.T, db *sql.DB, pollID string, voters int, counts []int64, words []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := db.ExecContext(ctx, `UPDATE poll_states SET voters = $2, counts = $3,
		revision = revision + 1, fold_revision = revision + 1 WHERE poll_id = $1`,
		pollID, voters, pq.Array(counts))
	require.NoError(t, err)
	_, err = db.ExecContext(ctx,
		`INSERT INTO words (poll_id, word, count) SELECT $1, word, $3 / n + 1
		FROM unnest($2::text[])
		WITH ORDINALITY AS u (word, n)`, pollID, pq.Array(words), voters)
	require.NoError(t, err)
}

// database opens the site's database.
func database(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("postgres", site(t).DatabaseURL)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	return db
}

// fitted is how a slide stands in its window: what is wrong with it, and its sizes.
type fitted struct {
	Wrong []string
	Sizes string
}

// lookAtTheWall gives what is wrong on a stage, after the frame in which it is drawn. A word or
// row that is not shown must be counted in "+ n more". Wrong is what is:
//   - outside of the window
//   - covered
//   - smaller than 14 pixels
//   - cut although it could be smaller
const lookAtTheWall = `(async () => {
	await new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)));
	const wrong = [], stage = document.querySelector("#stage"), root = document.documentElement;
	const name = (e) => e.tagName.toLowerCase() + (e.id && "#" + e.id) + "." + e.className + " “" + e.textContent.slice(0, 30) + "”";
	const least = parseFloat(getComputedStyle(stage).getPropertyValue("--least"));
	if (!(least >= 14)) wrong.push("the least is " + least);
	if (root.scrollHeight > innerHeight || root.scrollWidth > innerWidth) wrong.push("the page is " + root.scrollWidth + "×" + root.scrollHeight);
	const seen = [...stage.querySelectorAll("*")].filter((e) => e.checkVisibility() && !e.closest(".unseen, svg") &&
		(e.matches("button, img, .track") || [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())));
	const boxes = seen.map((e) => e.getBoundingClientRect());
	seen.forEach((e, i) => {
		const { left, top, right, bottom, width, height } = boxes[i];
		if (left < -1 || top < -1 || right > innerWidth + 1 || bottom > innerHeight + 1) {
			return wrong.push(name(e) + " is outside: " + [left, top, right, bottom].map(Math.round));
		}
		if (width < 1 || height < 1) wrong.push(name(e) + " has no size");
		const style = getComputedStyle(e), font = parseFloat(style.fontSize);
		if (e.textContent.trim() && font < 13.99) wrong.push(name(e) + " is small: " + font);
		const cut = e.scrollHeight > e.clientHeight + font / 2 || e.scrollWidth > e.clientWidth + 1;
		if (e.matches(".said") && cut && font > least + 0.5) wrong.push(name(e) + " is cut at a size of " + font);
		if (e.matches(".track")) return;
		const at = document.elementFromPoint(left + width / 2, top + Math.min(height / 2, font));
		if (at && !e.contains(at) && !at.contains(e)) wrong.push(name(e) + " is covered by " + name(at));
	});
	const leaves = seen.map((e, i) => [e, boxes[i]]).filter(([e]) => e.matches(".word, .label, .answer, .numbers *, h1, button, .rest, .count-of, .code, .said"));
	leaves.forEach(([a, x], i) => leaves.slice(i + 1).forEach(([b, y]) => {
		if (a.contains(b) || b.contains(a)) return;
		const wide = Math.min(x.right, y.right) - Math.max(x.left, y.left), high = Math.min(x.bottom, y.bottom) - Math.max(x.top, y.top);
		if (wide > 1 && high > 1) wrong.push(name(a) + " and " + name(b) + " overlap by " + Math.round(wide) + "×" + Math.round(high));
	}));
	const items = [...stage.querySelectorAll(".bar, .word, .answer")], rest = stage.querySelector(".rest:not([hidden])");
	const more = rest ? Number(rest.textContent.replace(/\D/g, "")) : 0;
	const shown = items.filter((e) => !e.hidden).length;
	if (items.length > 0 && shown === 0) wrong.push("nothing is shown of " + items.length);
	if (shown + more < items.length) wrong.push(shown + " are shown of " + items.length + ", and + " + more);
	const sizes = JSON.stringify([shown, more, [...stage.querySelectorAll("h1, .label, .word, .answer, .code, .qr")].filter((e) => e.checkVisibility())
		.map((e) => getComputedStyle(e).fontSize + " " + e.offsetWidth + " " + e.offsetHeight).join()]);
	return { wrong, sizes };
})()`

// allThatIsSaid counts the words or answers that are shown, and those that are not.
const allThatIsSaid = `[...document.querySelectorAll("#chart .word, #chart .answer")].filter((e) => !e.hidden).length +
	Number(document.querySelector("#chart .rest:not([hidden])")?.textContent.replace(/\D/g, "") ?? 0)`

// lookAtThePhone gives what is wrong on an audience's page: what is cut at its sides, or smaller
// than 14 pixels.
const lookAtThePhone = `(async () => {
	await new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)));
	const wrong = [], root = document.documentElement;
	const name = (e) => e.tagName.toLowerCase() + (e.id && "#" + e.id) + "." + e.className + " “" + e.textContent.slice(0, 30) + "”";
	if (root.scrollWidth > innerWidth) wrong.push("the page is " + root.scrollWidth + " wide");
	for (const e of document.querySelectorAll("main *")) {
		if (!e.checkVisibility() || e.closest(".unseen, [data-off]")) continue;
		const { left, right } = e.getBoundingClientRect(), style = getComputedStyle(e);
		if (left < -1 || right > innerWidth + 1) wrong.push(name(e) + " is outside: " + left + " " + right);
		const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
		if (own && parseFloat(style.fontSize) < 13.99) wrong.push(name(e) + " is small: " + style.fontSize);
		if (own && e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0) wrong.push(name(e) + " is cut");
	}
	const words = [...document.querySelectorAll(".word")].map((e) => [e, e.getBoundingClientRect()]);
	words.forEach(([a, x], i) => words.slice(i + 1).forEach(([b, y]) => {
		const wide = Math.min(x.right, y.right) - Math.max(x.left, y.left), high = Math.min(x.bottom, y.bottom) - Math.max(x.top, y.top);
		if (wide > 1 && high > 1) wrong.push(name(a) + " and " + name(b) + " overlap");
	}));
	return { wrong, sizes: "" };
})()`

// TestWhatIsOnTheWallFitsTheWall shows every kind of question on every screen. It shows texts of
// every sort, with none, one and thousands of votes. All of it is inside, readable, and covered by
// nothing. All of it has the same sizes when its window has them again.
func TestWhatIsOnTheWallFitsTheWall(t *testing.T) {
	kinds := []string{"choice", "multiple", "rating", "word_cloud", "open_text"}
	votes := map[string][]int{"choice": {0, 1, 12345}, "multiple": {12345}, "rating": {0, 1, 12345},
		"word_cloud": {0, 1, 12345}, "open_text": {0, 1, 12345}}
	stage, voter := visit(t, "presenter", desktop), visit(t, "voter", narrow)
	db := database(t)
	for _, c := range contents() {
		t.Run(c.name, func(t *testing.T) {
			var polls []newPoll
			var voters []int
			for _, kind := range kinds {
				for _, n := range votes[kind] {
					voters = append(voters, n)
					p := newPoll{question: c.question, kind: kind}
					if kind == "choice" || kind == "multiple" {
						p.options, p.most = c.options, map[string]int{"multiple": 2}[kind]
					}
					polls = append(polls, p)
				}
			}
			r := create(t, short(c.question, 1000), polls...)
			for i, p := range polls {
				n := voters[i]
				counts, written := make([]int64, len(r.polls[i].Options)), []string{}
				for o := range counts {
					counts[o] = int64(n / (1 << min(o, 20)))
				}
				if texts := map[string][]string{"word_cloud": c.words,
					"open_text": c.texts}[p.kind]; n > 0 {
					written = texts[:min(n, len(texts))]
				}
				tallied(t, db, r.polls[i].PollID, n, counts, written)
			}
			stage.presents(r)
			stage.resize(walls[0])
			stage.open("/stage/" + r.ID)
			stage.until(
				`document.querySelector("#code").textContent.length >= 6 && ` +
					`!document.querySelector("#qr").hidden && ` +
					`document.querySelector("#away").hidden`)
			stage.sees("#next")
			everywhere(t, stage, c.name+", lobby")
			voter.open("/p/" + r.ID)
			began := time.Now()
			defer func() {
				t.Logf("%d slides took %.1f s", len(polls),
					time.Since(began).Seconds())
			}()
			for i, p := range polls {
				n := voters[i]
				what := fmt.Sprintf("%s, %s, %d votes", c.name, p.kind, n)
				r.show(i)
				stage.until(`document.querySelector("#place").textContent === "Question %d of %d" &&
					document.querySelector("#voters").textContent === (%d).toLocaleString("en")`, i+1, len(polls), n)
				if len(p.options) > 0 || p.kind == "rating" {
					stage.until(`document.querySelector("#chart .count").textContent !== ""`)
				} else {
					stage.until(
						`Boolean(document.querySelector("#chart .word, #chart .answer")) === %t`,
						n > 0)
				}
				everywhere(t, stage, what)
				voter.until(`document.querySelector("#question").textContent.length > 0`)
				if c.name != "all" { // whose results come before its texts are read
					voter.until(
						`document.querySelector("#voters").textContent`+
							`.startsWith((%d).toLocaleString("en") + " ")`, n)
				}
				assert.Empty(t, value[fitted](voter, lookAtThePhone).Wrong, "%s, on a phone", what)
				if texts := map[string][]string{"word_cloud": c.words,
					"open_text": c.texts}[p.kind]; n > 1 && texts != nil {
					assert.Equal(t, len(texts), value[int](stage, allThatIsSaid),
						"%s: shown, and counted in “+ n more”", what)
				}
				if n > 1 {
					for _, s := range walls[1:4:4] {
						stage.resize(s)
						scene := fmt.Sprintf("%s-%s-%dx%d", c.name, p.kind, s.width, s.height)
						require.NoError(t, keepIn("scenes", scene, stage.shoot(scene)))
					}
					require.NoError(t, keepIn("scenes", fmt.Sprintf("%s-%s-phone", c.name, p.kind),
						voter.shoot("scene")))
				}
			}
		})
	}
}

// TestNoNoticePushesTheControlsOffTheWall shows a long question whose results are hidden, with all
// that the stage may have to say besides:
//   - the passcode
//   - that phones cannot reach it
//   - that many passes went to one address
func TestNoNoticePushesTheControlsOffTheWall(t *testing.T) {
	const widest = "WWWWWWWWWWWW" // passcode
	c := contents()[1]
	r := create(t, c.question, newPoll{question: c.question, kind: "choice", options: c.options},
		newPoll{question: c.question, kind: "rating"})
	r.admit(map[string]any{"voters": "pass", "passcode": widest, "max_voters": 30_000})
	r.ask(http.MethodPatch, r.path("/polls/"+r.polls[0].PollID),
		map[string]any{"results_visibility": "presenter"}, nil)
	stage := visit(t, "presenter", desktop).presents(r)
	stage.open("/stage/" + r.ID)
	for i := range 3 {
		if i > 0 {
			r.show(i - 1)
			stage.shows("#question", c.question)
		}
		for range 12 {
			r.pass(widest)
		}
		stage.sees("#one-address")
		for _, s := range walls {
			stage.resize(s)
			assert.Empty(t, value[fitted](stage, lookAtTheWall).Wrong, "%d, %d×%d", i,
				s.width, s.height)
			require.NoError(t, keepIn("scenes",
				fmt.Sprintf("notices-%d-%dx%d", i, s.width, s.height), stage.shoot("scene")))
		}
	}
}

// everywhere looks at a slide in each window, and in the first one again: there it must be as it
// was.
func everywhere(t *testing.T, stage *visitor, what string) {
	t.Helper()
	first := ""
	for i, s := range append(walls[:len(walls):len(walls)], walls[0]) {
		stage.resize(s)
		now := value[fitted](stage, lookAtTheWall)
		assert.Empty(t, now.Wrong, "%s, %d×%d", what, s.width, s.height)
		switch i {
		case 0:
			first = now.Sizes
		case len(walls):
			assert.Equal(t, first, now.Sizes,
				"%s: the sizes differ when the window is as before", what)
		}
	}
}

// keepIn writes a picture to a folder of .build, which Git ignores.
func keepIn(folder, name string, picture []byte) error {
	dir := filepath.Join(root(), ".build", folder)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644)
}
