package browser

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// TestLogInLeadsToPagesOfThisServerOnly whatever a link says of where to go on.
func TestLogInLeadsToPagesOfThisServerOnly(t *testing.T) {
	v := visit(t, "member", phone)
	v.open("/login")
	leads := func(next string) string {
		t.Helper()
		return value[string](v, fmt.Sprintf(`import(document.querySelector("script[src]").src
			.replace("login.js", "session.js"))
			.then(({ next }) => next("?next=" + encodeURIComponent(%s))
			.replace(location.origin, ""))`, js(next)))
	}
	for next, want := range map[string]string{
		"/stage/x": "/stage/x", "/p/x?a=b": "/p/x?a=b", "": "/mine",
		"https://evil.example/": "/mine", "//evil.example/": "/mine", `/\evil.example`: "/mine",
		`\\evil.example`: "/mine", "/\t/evil.example": "/mine", " //evil.example": "/mine",
		"https:evil.example": "/mine", "javascript:alert(1)": "/mine",
		"data:text/html,x": "/mine", "blob:" + v.base + "/x": "/mine",
		v.base + "@evil.example/": "/mine", v.base + ".evil.example/": "/mine",
		"http://x@" + strings.TrimPrefix(v.base, "http://") + "/": "/mine",
		"/x/..//evil.example": "//evil.example", // of this server, since its host stands before it
		"http://[":            "/mine",
	} {
		require.Equal(t, want, leads(next), next)
	}
	require.Equal(t, "/mine", value[string](v, `import(document.querySelector("script[src]").src
		.replace("login.js", "session.js")).then(({ next }) => next("")
		.replace(location.origin, ""))`))
	m := register(t, "Anna")
	v.isLoggedIn(m)
	for _, path := range []string{"//127.0.0.2/", "/x/..//127.0.0.2/", "javascript:alert(1)"} {
		v.expect("404")
		v.open("/login?next=" + path)
		v.until(`location.pathname !== "/login" && location.origin === %s`, js(v.base))
	}
	v.run(`localStorage.removeItem("plenary.session")`)
	v.open("/mine")
	v.logsIn(m.email, m.password)
	v.at("/mine")
}

// TestWhoComesBackFromAProviderIsLoggedIn if they have gone there from this browser. Another's link
// logs nobody in.
func TestWhoComesBackFromAProviderIsLoggedIn(t *testing.T) {
	m := register(t, "Anna")
	v := visit(t, "member", phone)
	const note = "#login .form-wrong"
	gone := func(ago string) {
		v.run(fmt.Sprintf(`localStorage["plenary.provider"] = JSON.stringify(
			{ at: Date.now() - %s, query: "?next=%%2Faccount" })`, ago))
	}
	v.open("/login#session=" + m.Token)
	v.shows(note, "This log-in was not begun here, or its time is over. Try again.")
	require.Empty(t, value[string](v, `location.hash`))
	v.open("/")
	gone("11 * 60e3")
	v.open("/login#session=" + m.Token)
	v.sees(note)
	require.False(t, value[bool](v, `"plenary.session" in localStorage`))
	for problem, says := range map[string]string{
		"log_in_refused": "The provider did not let you in.",
		"email_unverified": "The provider does not say that the e-mail address is yours. Confirm " +
			"it there, or log in with a password.",
		"unavailable": "The server does not answer. Try again in a moment.",
	} {
		v.open("/")
		gone("0")
		v.open("/login#problem=" + problem)
		v.shows(note, says)
		require.Equal(t, "?next=%2Faccount", value[string](v, `location.search`))
	}
	v.open("/")
	gone("0")
	v.open("/login#session=" + m.Token)
	v.at("/account")
	v.until(`document.querySelector("#username").value === "Anna"`)
}

// TestABrowserThatKeepsNothingCannotStayLoggedIn and says so.
func TestABrowserThatKeepsNothingCannotStayLoggedIn(t *testing.T) {
	m := register(t, "Anna")
	v := visit(t, "member", phone)
	v.prepares(blocked)
	v.open("/login")
	v.logsIn(m.email, m.password)
	v.sees("#forgets")
}

// TestAPhoneOfAHallLogsInThoughTheServerHasTooManyPasswordsToCheck tries again by itself, and tells
// of a limit at once.
func TestAPhoneOfAHallLogsInThoughTheServerHasTooManyPasswordsToCheck(t *testing.T) {
	m := register(t, "Anna")
	v := visit(t, "member", phone)
	v.prepares(`const real = window.fetch;
		window.refusals = [];
		window.fetch = (url, options) => {
			const status = url.endsWith("/auth/login") ? window.refusals.shift() : 0;
			if (!status) return real(url, options);
			const code = { 429: "too_many_requests", 503: "unavailable" }[status];
			return Promise.resolve(new Response(JSON.stringify({ status, code }),
				{ status, headers: { "Retry-After": "1" } }));
		};`)
	v.open("/login")
	v.run(`window.refusals = [429]`)
	v.logsIn(m.email, m.password)
	v.sees("#login .form-wrong")
	v.run(`window.refusals = [503, 503]`)
	v.press(kb.Enter)
	v.at("/mine")
}
