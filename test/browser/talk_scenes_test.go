package browser

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// talkScenes gives the pages of talks in every state that differs to look at. The room and the
// talks are those whose tokens the browser has.
func talkScenes(t *testing.T, w words) (all []scene, room *room, talks []*lecture) {
	t.Helper()
	fresh := lectureOf(t, w.title, map[string]any{"speaker": w.options[0],
		"starts_at": at(-time.Hour)})
	rated := lectureOf(t, w.title, map[string]any{"settings": map[string]any{"min_ratings": 3}})
	early := lectureOf(t, w.title, map[string]any{"starts_at": at(time.Hour)})
	known := lectureOf(t, w.title, map[string]any{"settings": map[string]any{"voters": "account"}})
	fresh.api.ask(http.MethodPost, "/ratings", map[string]any{"talk_id": fresh.TalkID, "value": 4,
		"comment": short(w.question, 1000), "client_id": fresh.api.voter()}, nil)
	fresh.rates(5, 5, 1)
	over := create(t, w.title, newPoll{question: w.question, kind: "rating"})
	over.ask(http.MethodPatch, over.path(""), map[string]any{"talk_id": fresh.TalkID}, nil)
	over.show(0)
	over.close()

	there := func(path, selector string) func(*visitor) {
		return func(v *visitor) {
			v.open(path)
			v.sees(selector)
		}
	}
	board := func(v *visitor) {
		there("/programme", fmt.Sprintf(`[data-talk="%s"] [data-do="comments"]`, fresh.TalkID))(v)
	}
	then := func(name string) func(*visitor) {
		return func(v *visitor) {
			board(v)
			v.run(fmt.Sprintf(`document.querySelector('[data-talk="%s"] [data-do="%s"]').click()`,
				fresh.TalkID, name))
			v.sees("dialog[open] h2")
		}
	}
	return []scene{
		{"rate", phone, there("/t/"+fresh.Code, "#chart .bar"), true},
		{"rate-rated", phone, func(v *visitor) {
			v.run(fmt.Sprintf(`localStorage.setItem("plenary.rating.%s", JSON.stringify(`+
				`{ value: 4, comment: %s, key: "x", state: "counted", as: "client" }))`,
				rated.TalkID, js(short(w.question, 1000))))
			there("/t/"+rated.Code, "#covered")(v)
		}, true},
		{"rate-early", phone, there("/t/"+early.Code, "#shut"), true},
		{"rate-account", phone, there("/t/"+known.Code, "#log-in"), true},
		{"rate-gone", phone, there("/t/ZZZZZZ", "#unknown"), false},
		{"audience-over", phone, there("/p/"+over.ID, "#rate-link"), true},
		{"programme", desktop, board, true},
		{"programme-edit", desktop, then("edit"), true},
		{"programme-comments", desktop, then("comments"), true},
		{"programme-present", desktop, then("present"), true},
		{"talk-wall", desktop, there("/wall/"+fresh.TalkID, "#chart .bar"), true},
		{"talk-wall-gone", desktop, there("/wall/"+nowhere, "#trouble:not(:empty)"), false},
		{"talk-sheets", desktop,
			there("/programme/print?talk="+fresh.TalkID, ".talk-sheet .qr"), true},
	}, over, []*lecture{fresh, rated, early}
}
