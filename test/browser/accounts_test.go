package browser

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/account"
	"github.com/plenary-live/plenary/pkg/account/accountpg"
	"github.com/plenary-live/plenary/pkg/postgres"
)

// member is somebody with an account. Its room is none: it calls the API as the account.
type member struct {
	*room
	email, password string
}

// register makes an account, and logs it in.
func register(t *testing.T, name string) *member {
	t.Helper()
	m := &member{
		room:  &room{t: t, base: site(t).URL + "/api/v1"},
		email: uuid.NewString() + "@example.org", password: "correct horse",
	}
	m.ask(http.MethodPost, "/auth/register",
		map[string]any{"username": name, "email": m.email, "password": m.password}, nil)
	m.logIn()
	return m
}

func (m *member) logIn() {
	m.t.Helper()
	var session struct{ Token string }
	m.ask(http.MethodPost, "/auth/login",
		map[string]any{"email": m.email, "password": m.password}, &session)
	m.Token = session.Token
}

// owns makes a presentation of the account's own.
func (m *member) owns(title string) *room {
	m.t.Helper()
	r := &room{t: m.t, base: m.base}
	m.ask(http.MethodPost, "/presentations", map[string]any{"title": title, "polls": []any{
		map[string]any{"question": "One", "kind": "rating"},
	}}, r)
	return r
}

// isLoggedOut waits until no replica takes the session any more: others than the one that ended it
// hear of that within a lease.
func (m *member) isLoggedOut() {
	m.t.Helper()
	for _, replica := range site(m.t).APIs {
		there := room{t: m.t, base: replica.URL + "/api/v1", Token: m.Token}
		require.Eventually(m.t, func() bool {
			status, _ := there.send(http.MethodGet, "/users/me", nil)
			return status == http.StatusUnauthorized
		}, 10*time.Second, 50*time.Millisecond)
	}
}

// isLoggedIn gives a visitor's browser an account's session.
func (v *visitor) isLoggedIn(m *member) *visitor {
	v.t.Helper()
	v.open("/assets/0000000000000000/icon.svg") // of the same origin, and nothing else
	v.run(fmt.Sprintf(`localStorage.setItem("plenary.session", JSON.stringify(%s))`, js(m.Token)))
	return v
}

// logsIn fills in the page to log in on.
func (v *visitor) logsIn(email, password string) {
	v.t.Helper()
	v.until(`location.pathname === "/login" && document.querySelector("#login").checkVisibility()`)
	v.fill("#email", email)
	v.fill("#password", password)
	v.press(kb.Enter)
}

// at waits until the visitor is on a page.
func (v *visitor) at(path string) {
	v.t.Helper()
	v.until(`location.pathname + location.search === %s`, js(path))
}

// TestSomebodyRegistersAndLogsIn makes every mistake of the forms on the way.
func TestSomebodyRegistersAndLogsIn(t *testing.T) {
	v := visit(t, "member", phone)
	v.expect("400", "401", "409")
	email := uuid.NewString() + "@example.org"
	v.open("/")
	v.click("#log-in")
	v.logsIn(email, "correct horse")
	v.shows("#password-wrong", "There is no account with this address and this password. "+
		"Check both and try again.")
	v.until(`document.activeElement.matches("#password[aria-invalid=true]")`)
	v.click(`.onward a[href$="/register"]`)
	v.at("/register")
	v.click("#register .primary")
	v.shows("#username-wrong", "Something is missing here.")
	v.fill("#username", "Anna Ünal")
	v.fill("#email", "anna")
	v.fill("#password", "correct")
	v.press(kb.Enter)
	v.shows("#email-wrong", "This is no e-mail address.")
	v.until(`document.activeElement.id === "email"`)
	v.fill("#email", email)
	v.press(kb.Enter)
	v.shows("#password-wrong", "Between 8 and 128 characters.")
	v.fill("#password", "correct horse")
	v.press(kb.Enter)
	v.at("/mine")
	v.sees("#presentations-none")
	v.click(".brand")
	v.click("#things")
	v.at("/mine")
	v.open("/login") // nobody logs in twice
	v.at("/mine")

	// What is made now is the account's.
	v.click(`#mine a[href$="/edit/new"]`)
	v.at("/edit/new")
	v.fill("#title", "Of my own")
	v.fill("#polls [data-field=question]", "Which?")
	v.click(`#polls [value="rating"]`)
	v.click("#save")
	v.shows("#state", "Everything is saved")
	v.open("/mine")
	v.shows("#presentations strong", "Of my own")
	require.False(t, value[bool](v, `document.querySelector("#held-part").checkVisibility()`))

	// Whoever logs out leaves nothing in the browser.
	v.open("/account")
	v.until(`document.querySelector("#username").value === "Anna Ünal"`)
	v.click("#log-out")
	v.at("/")
	v.sees("#log-in")
	require.Equal(t, "[]", value[string](v, `localStorage["plenary.presentations"]`))

	// An address that is taken, by oneself or by another.
	v.open("/register")
	for _, password := range []string{"another horse", "correct horse"} {
		v.fill("#username", "Anna")
		v.fill("#email", email)
		v.fill("#password", password)
		v.press(kb.Enter)
		if password == "another horse" {
			v.shows("#email-wrong", "There is an account with this address. Log in with its "+
				"password.")
		}
	}
	v.at("/mine")
	v.shows("#presentations strong", "Of my own")
}

// TestThingsOfTheAccountAndOfTheBrowserAreOneList takes over what the browser holds, once alone
// and once all of it. Then another browser of the account presents it without its token.
func TestThingsOfTheAccountAndOfTheBrowserAreOneList(t *testing.T) {
	m, other := register(t, "Anna"), register(t, "Berta")
	const page = 50
	for i := range page {
		m.owns(fmt.Sprint("Own ", i))
	}
	both := create(t, "Both", newPoll{question: "One", kind: "rating"})
	both.ask(http.MethodPost, both.path("/claim"), map[string]any{"account_token": m.Token}, nil)
	held := []*room{both}
	for range 4 {
		held = append(held, create(t, "Held", newPoll{question: "One", kind: "rating"}))
	}
	lost := held[4]
	old := lost.Token
	lost.ask(http.MethodPost, lost.path("/token"), nil, lost)
	require.NotEqual(t, old, lost.Token)

	v := visit(t, "member", phone)
	v.expect("403")
	v.presents(held...).isLoggedIn(m)
	v.run(fmt.Sprintf(`localStorage["plenary.presentations"] =
		localStorage["plenary.presentations"].replace(%s, %s)`, js(lost.Token), js(old)))
	v.open("/mine")
	v.keepsWhatIsSaid()
	lines := func(list string, n int) {
		t.Helper()
		v.until(`document.querySelectorAll("#%s > li").length === %d`, list, n)
	}
	lines("presentations", page)
	lines("held", 4) // without the one that is in both
	require.NotContains(t, v.text("#held"), "Own")
	v.click("#presentations-more")
	lines("presentations", page+1)
	v.until(`document.querySelector("#presentations > li:last-child a") === document.activeElement`)
	v.shows("#presentations > li:last-child strong", "Own 0")
	v.click("#held li:first-child button")
	lines("held", 3)
	lines("presentations", page+2)
	v.sees(".toast")
	v.click("#claim-all")
	v.sees(".toast-error")
	lines("held", 1) // its token is good no more
	lines("presentations", page+4)
	v.reload()
	lines("presentations", page)
	lines("held", 1)
	for _, r := range held[1:4] {
		m.ask(http.MethodGet, r.path("/export"), nil, nil)
	}

	second := visit(t, "second browser", desktop).isLoggedIn(m)
	second.open("/stage/" + held[1].ID)
	second.click("#next")
	second.shows("#question", "One")
	second.open("/edit/" + held[1].ID)
	second.fill("#title", "By the account")
	second.click("#voters-name")
	second.shows("#state", "Everything is saved")
	require.NotContains(t, value[[]string](second, `Object.keys(localStorage)`),
		"plenary.presentations", "a session is no token of a thing")
	second.open("/results/" + held[1].ID)
	second.shows("#title", "By the account")
	stranger := visit(t, "stranger", desktop).isLoggedIn(other)
	stranger.expect("403")
	stranger.open("/edit/" + held[1].ID)
	stranger.sees("#trouble")
}

// TestATalkOfTheAccountIsItsOwnOnEveryDevice also one that it has taken over from this browser. The
// board lets the account edit it, and no longer after the account has logged out.
func TestATalkOfTheAccountIsItsOwnOnEveryDevice(t *testing.T) {
	m := register(t, "Anna")
	held := lectureOf(t, "Held", map[string]any{"settings": map[string]any{
		"voters": "account", "min_ratings": 1000}})
	v := visit(t, "member", phone).owns(held).isLoggedIn(m)
	v.open("/programme")
	v.click("#add")
	v.sees("dialog[open]")
	v.types("Made here")
	v.click("dialog .primary")
	v.until(`!document.querySelector("dialog")`)
	v.open("/mine")
	v.shows("#talks strong", "Made here")
	v.until(`document.querySelectorAll("#held li").length === 1`)
	v.click("#held button")
	v.until(`document.querySelectorAll("#talks li").length === 2`)
	require.False(t, value[bool](v, `document.querySelector("#held-part").checkVisibility()`))
	require.Equal(t, "/t/"+held.Code,
		value[string](v, `document.querySelector("#talks a").pathname`))

	other := visit(t, "member elsewhere", desktop).isLoggedIn(m)
	other.open("/programme")
	on := fmt.Sprintf(`[data-talk="%s"] `, held.TalkID)
	other.shows(on+".talk-mean .soft", "0 ratings") // others do not see any number yet
	other.click(on + `[data-do="edit"]`)
	other.sees("dialog[open]")
	other.fill("dialog input", "Held by the account")
	other.click("dialog .primary")
	other.shows(on+".talk-title", "Held by the account")
	var now struct{ Settings struct{ Voters string } }
	held.api.ask(http.MethodGet, "/talks/"+held.TalkID, nil, &now)
	require.Equal(t, "account", now.Settings.Voters)

	m.ask(http.MethodPost, "/auth/logout", nil, nil)
	other.expect("401")
	other.keepsWhatIsSaid()
	m.isLoggedOut()
	// Other talks' numbers may have told the page already: then there is nothing to click any more.
	other.run(fmt.Sprintf(`document.querySelector(%s)?.click()`, js(on+`[data-do="comments"]`)))
	other.shows(".toast-error", "You are not logged in any more.")
	other.until(`!document.querySelector(%s)`, js(on+`[data-do="edit"]`))
	require.False(t, value[bool](other, `"plenary.session" in localStorage`))
}

// TestAnAccountIsChangedAndDeleted while another browser of the account finds its session ended,
// logs in again, and is back where it was.
func TestAnAccountIsChangedAndDeleted(t *testing.T) {
	m := register(t, "Anna")
	r := m.owns("Of my own")
	v, other := visit(t, "member", phone).isLoggedIn(m), visit(t, "other", desktop).isLoggedIn(m)
	v.expect("400", "401")
	other.expect("401", "net::ERR_")
	v.open("/account")
	v.until(`document.querySelector("#username").value === "Anna"`)
	v.keepsWhatIsSaid()
	require.False(t, value[bool](v, `document.querySelector("#present").checkVisibility()`))
	v.fill("#username", "Anna Ünal")
	v.press(kb.Enter)
	v.shows(".toast", "Saved.")
	m.email = uuid.NewString() + "@example.org"
	v.fill("#email", strings.ToUpper(m.email))
	v.fill("#present", "another horse")
	v.press(kb.Enter)
	v.shows("#present-wrong", "This is not your password.")
	v.fill("#present", m.password)
	v.press(kb.Enter)
	v.until(`document.querySelector("#email").value === %s`, js(m.email))
	require.False(t, value[bool](v, `document.querySelector("#present").checkVisibility()`))

	other.open("/stage/" + r.ID)
	other.sees("#next")
	v.fill("#old", m.password)
	v.fill("#new", "short")
	v.press(kb.Enter)
	v.shows("#new-wrong", "Between 8 and 128 characters.")
	m.password = "a new password"
	v.fill("#new", m.password)
	v.press(kb.Enter)
	v.until(`[...document.querySelectorAll(".toast")].at(-1)?.textContent ===
		"The new password is set. Other devices are logged out."`)
	v.reload() // with the new session
	v.until(`document.querySelector("#username").value === "Anna Ünal"`)
	other.at("/login?next=%2Fstage%2F" + r.ID) // its stream was ended, too
	other.logsIn(m.email, m.password)
	other.at("/stage/" + r.ID)
	other.click("#next")
	other.shows("#question", "One")

	v.prepares(`window.confirm = (text) => {
		window.asked = text; return text.includes("for good"); }`)
	v.reload()
	v.click("#delete")
	v.at("/")
	v.sees("#log-in")
	v.open("/login")
	v.logsIn(m.email, m.password)
	v.sees("#password-wrong")
	other.at("/login?next=%2Fstage%2F" + r.ID)
}

// TestALinkSetsAPasswordAnew as an operator's command prints it, once.
func TestALinkSetsAPasswordAnew(t *testing.T) {
	m := register(t, "Anna")
	db, err := postgres.Open(t.Context(), postgres.Config{URL: site(t).DatabaseURL})
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	var out bytes.Buffer
	_, err = account.Command(t.Context(), accountpg.New(db), "", []string{"reset", m.email}, &out)
	require.NoError(t, err)
	link, _, _ := strings.Cut(out.String(), "\n")

	v := visit(t, "member", phone)
	v.expect("400", "403", "forgot")
	v.open("/login")
	v.click(`.onward a[href$="/forgot"]`)
	v.at("/forgot")
	v.fill("#email", m.email)
	v.press(kb.Enter)
	v.shows("#no-mail", "This server sends no mail. Ask whoever runs it: they can give you a "+
		"link by which you set a new password.")
	v.open(link)
	v.fill("#reset-password", "short")
	v.press(kb.Enter)
	v.shows("#reset-password-wrong", "Between 8 and 128 characters.")
	v.fill("#reset-password", "a new password")
	v.press(kb.Enter)
	v.sees("#reset-done")
	require.Empty(t, value[string](v, `location.hash`))
	v.click("#reset-done a")
	v.logsIn(m.email, "a new password")
	v.at("/mine")
	v.open("/")
	v.open(link)
	v.fill("#reset-password", "another password")
	v.press(kb.Enter)
	v.shows("#reset .form-wrong", "This link was used, its time is over, or there is a newer "+
		"one. Ask for another.")
}
