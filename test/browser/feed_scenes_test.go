package browser

import (
	"fmt"
	"net/http"
	"testing"
)

// feedScenes gives the pages of the feed in every state that differs to look at, as an account that
// has published all of it.
func feedScenes(t *testing.T, w words) []scene {
	t.Helper()
	author, m := register(t, short(w.title, 50)), register(t, "Voter")
	var options []string
	for _, option := range w.options {
		options = append(options, short(option, 200))
	}
	tag := aTag()
	body := map[string]any{"options": options, "tags": []string{tag, short(w.options[0], 50)}}
	author.publishes(w.title, tag, body)
	body["results"] = "always"
	open := author.publishes(w.title, aTag(), body)
	over := author.publishes(w.title, aTag(), body)
	for i, poll := range []string{open, over} {
		m.votesOn(poll, i)
	}
	author.ask(http.MethodPost, "/polls/"+over+"/close", nil, nil)
	// as opens a page as an account, and forgets the session again: other scenes have none
	as := func(who *member, path, selector string, then func(*visitor)) func(*visitor) {
		return func(v *visitor) {
			v.isLoggedIn(who)
			v.open(path)
			v.sees(selector)
			if then != nil {
				then(v)
			}
			v.run(`localStorage.removeItem("plenary.session")`)
		}
	}
	there := func(path, selector string) func(*visitor) {
		return func(v *visitor) {
			v.open(path)
			v.sees(selector)
		}
	}
	clicks := func(selector, shows string) func(*visitor) {
		return func(v *visitor) {
			v.keepsWhatIsSaid()
			v.run(fmt.Sprintf(`document.querySelector(%s).click()`, js(selector)))
			v.sees(shows)
		}
	}
	return []scene{
		{"feed", phone, as(m, "/feed?tag="+tag, "#options .option", nil), true},
		{"feed-tags", phone, as(m, "/feed?tag="+tag, "#tags-part",
			clicks("#tags-part summary", "#tags button")), true},
		{"feed-empty", phone, as(m, "/feed?tag=nothing+has+this+tag", "#empty", nil), false},
		{"feed-guest", phone, there("/feed", "#enter"), false},
		{"feed-poll", phone, there("/feed/"+open, "#chart .bar"), true},
		{"feed-poll-voted", phone, as(m, "/feed/"+open, "#chart .badge", nil), true},
		{"feed-poll-over", phone, there("/feed/"+over, "#chart .bar"), true},
		{"feed-poll-gone", phone, there("/feed/"+nowhere, "#unknown"), false},
		{"feed-new", phone, as(author, "/feed/new", "#ask", nil), false},
		{"feed-new-wrong", phone, as(author, "/feed/new", "#ask",
			clicks("#publish", "#title-wrong")), false},
		{"mine-polls", desktop, as(author, "/mine", "#polls li",
			clicks("#polls summary", "#polls figure")), true},
	}
}
