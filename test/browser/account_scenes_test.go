package browser

import (
	"fmt"
	"testing"
)

// accountScenes are the pages of an account, in every state that differs. The account has a
// presentation with these words.
func accountScenes(t *testing.T, w words) []scene {
	t.Helper()
	m := register(t, short(w.title, 50))
	m.owns(w.title)
	voting := create(t, w.title, newPoll{question: w.question, kind: "choice", options: w.options})
	voting.show(0)
	voting.admit(map[string]any{"voters": "account"})
	// as opens a page as the account, and forgets the session again: other scenes have none
	as := func(path, selector string) func(*visitor) {
		return func(v *visitor) {
			v.isLoggedIn(m)
			v.open(path)
			v.sees(selector)
			v.run(`localStorage.removeItem("plenary.session")`)
		}
	}
	// sent sends the form of a page with what is written in it, and again while a server that is
	// busy with passwords says so
	sent := func(path, selector string, fields map[string]string) func(*visitor) {
		return func(v *visitor) {
			v.open(path)
			v.sees("main form")
			v.keepsWhatIsSaid()
			for id, text := range fields {
				v.run(fmt.Sprintf(`document.querySelector("#%s").value = %s`, id, js(text)))
			}
			for range 20 {
				v.run(`document.querySelector("main .card:not([hidden]) form .primary").click()`)
				if !soon[struct{ Busy bool }](v, fmt.Sprintf(
					`document.querySelector(%s)?.checkVisibility() ? {} :
					document.querySelector(".form-wrong:not([hidden])") && { busy: true }`,
					js(selector))).Busy {
					break
				}
			}
			v.sees(selector)
		}
	}
	wrong := map[string]string{"email": m.email, "password": "another horse"}
	return []scene{
		{"login", phone, sent("/login?next=%2F", "#password-wrong", wrong), false},
		{"register", phone, sent("/register", "#username-wrong", nil), false},
		{"forgot", phone, sent("/forgot", ".notice:not([hidden])",
			map[string]string{"email": m.email}), false},
		{"reset", phone, sent("/account?#reset=x", "#reset-password-wrong", nil), false},
		{"account", phone, as("/account", "#profile"), false},
		{"mine", desktop, as("/mine", "#held li"), true},
		{"audience-login", phone, func(v *visitor) {
			v.open("/p/" + voting.ID)
			v.sees("#log-in")
			v.sees("#poll")
			v.until(`document.querySelector("#connection").dataset.state === "open"`)
		}, true},
	}
}
