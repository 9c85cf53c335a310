package page

import (
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

func TestMain(m *testing.M) {
	// fasthttp's clock for the Date header runs as long as the process.
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"))
}

const someID = "01931c6e-7a1c-7d30-8d5f-0c6a43c8f7aa"

func newSite(t *testing.T) (*fiber.App, *Pages) {
	t.Helper()
	p, err := New("", false)
	require.NoError(t, err)
	app := fiber.New()
	p.Routes(app)
	return app, p
}

// ask sends a GET as a browser does; headers come in pairs.
func ask(t *testing.T, app *fiber.App, path string, headers ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := app.Test(r, -1)
	require.NoError(t, err)
	t.Cleanup(func() { res.Body.Close() })
	return res
}

func body(t *testing.T, res *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return string(b)
}

// paths gives an address of every route of every page.
func paths() (all []string) {
	for _, page := range pages {
		for _, p := range page.paths {
			all = append(all, strings.NewReplacer(":id", someID, ":code", "BCD234").Replace(p))
		}
	}
	return all
}

func TestEveryPageIsThereInEveryLanguageAndLetsNothingElseIn(t *testing.T) {
	app, _ := newSite(t)
	inline := regexp.MustCompile(
		`(?i)<style|\sstyle=|\son\w+=|javascript:|<script(?: type="module")?>`)
	for _, p := range paths() {
		for accept, lang := range map[string]string{"": "en", "de-AT,de;q=0.9,en;q=0.5": "de",
			"fr, en;q=0.1": "en", "~;;q=": "en",
			"ar": "ar", "ar-EG,ar;q=0.9,en-US;q=0.8": "ar", "AR-sa": "ar",
			"fr, ar;q=0.5, en;q=0.1": "ar", "fa": "en", "he, ur;q=0.5": "en",
			"en, ar;q=0.9": "en"} {
			res := ask(t, app, p, "Accept-Language", accept)
			html := body(t, res)
			require.Equal(t, 200, res.StatusCode, p)
			open := `<html lang="` + lang + `">`
			if lang == "ar" {
				open = `<html lang="ar" dir="rtl">`
			}
			require.Contains(t, html, open, "%s for %q", p, accept)
			require.Equal(t, lang, res.Header.Get("Content-Language"))
			require.Equal(t, "text/html; charset=utf-8", res.Header.Get("Content-Type"))
			require.Equal(t, policy, res.Header.Get("Content-Security-Policy"))
			require.Equal(t, "nosniff", res.Header.Get("X-Content-Type-Options"))
			require.Equal(t, "no-referrer", res.Header.Get("Referrer-Policy"))
			require.Equal(t, "no-cache", res.Header.Get("Cache-Control"))
			require.Contains(t, res.Header.Get("Vary"), "Accept-Language")
			require.Contains(t, res.Header.Get("Vary"), "Accept-Encoding")
			require.NotRegexp(t, inline, html, "%s: the policy forbids what is inline", p)
			require.NotContains(t, html, "http://", p)
			require.NotContains(t, html, "https://", p)
		}
	}
}

func TestWhatAPageNamesIsThereAndIsKeptForGood(t *testing.T) {
	app, _ := newSite(t)
	named := regexp.MustCompile(`(?:src|href)="(/assets/[^"]+)"`)
	for _, p := range paths() {
		all := named.FindAllStringSubmatch(body(t, ask(t, app, p)), -1)
		require.NotEmpty(t, all, p)
		for _, m := range all {
			res := ask(t, app, m[1])
			require.Equal(t, 200, res.StatusCode, m[1])
			require.Equal(t, media[path.Ext(m[1])], res.Header.Get("Content-Type"))
			require.Equal(t, "public, max-age=31536000, immutable", res.Header.Get("Cache-Control"))
			require.Equal(t, "nosniff", res.Header.Get("X-Content-Type-Options"))
		}
	}
}

func TestAnAssetOfAnotherBuildIsNotKept(t *testing.T) {
	app, _ := newSite(t)
	res := ask(t, app, "/assets/0123456789abcdef/api.js")
	require.Equal(t, 200, res.StatusCode)
	require.Equal(t, "no-cache", res.Header.Get("Cache-Control"))
}

func TestWhatABrowserHasIsNotSentAgain(t *testing.T) {
	app, p := newSite(t)
	for _, path := range []string{"/", "/assets/" + p.assets.build + "/plenary.css"} {
		for _, encoding := range []string{"", "gzip"} {
			tag := ask(t, app, path, "Accept-Encoding", encoding).Header.Get("ETag")
			require.NotEmpty(t, tag)
			res := ask(t, app, path, "Accept-Encoding", encoding, "If-None-Match", tag)
			require.Equal(t, 304, res.StatusCode)
			require.Empty(t, body(t, res))
		}
	}
}

func TestCompressedAndPlainAreTheSame(t *testing.T) {
	app, p := newSite(t)
	for _, path := range append(paths(), "/assets/"+p.assets.build+"/plenary.css") {
		plain, packed := ask(t, app, path), ask(t, app, path, "Accept-Encoding", "br, gzip;q=0.5")
		require.Empty(t, plain.Header.Get("Content-Encoding"))
		require.Equal(t, "gzip", packed.Header.Get("Content-Encoding"))
		require.NotEqual(t, plain.Header.Get("ETag"), packed.Header.Get("ETag"))
		r, err := gzip.NewReader(packed.Body)
		require.NoError(t, err)
		unpacked, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, body(t, plain), string(unpacked))
	}
}

func TestPathsThatNameNothing(t *testing.T) {
	app, p := newSite(t)
	for _, path := range []string{
		"/x", "/p/", "/p/x", "/p/" + someID + "/x", "/wall/x", "/t/",
		"/programme/x", "/join/BCD234/x", "/edit/old", "/edit",
		"/stage/new", "/results/%00", "/index.html",
		"/assets/", "/assets/x/api.js", "/assets/" + p.assets.build + "/",
		"/assets/" + p.assets.build + "/x.js",
		"/assets/" + p.assets.build + "/../page.go",
		"/assets/" + p.assets.build + "/%2e%2e/page.go",
		"/pages/layout.html", "/messages/en.json",
	} {
		res := ask(t, app, path, "Accept-Language", "de")
		html := body(t, res)
		require.Equal(t, 404, res.StatusCode, path)
		require.Contains(t, html, "Seite nicht gefunden", path)
		require.Equal(t, policy, res.Header.Get("Content-Security-Policy"), path)
	}
	for _, accept := range []string{"", "*/*", "application/json"} {
		res := ask(t, app, "/x", "Accept", accept)
		require.Equal(t, 404, res.StatusCode)
		require.NotContains(t, body(t, res), "<html", "a program is not told in HTML")
	}
}

func TestTheFormToJoinWorksWithoutAScript(t *testing.T) {
	app, _ := newSite(t)
	require.NotContains(t, body(t, ask(t, app, "/")), "noscript")
	require.Contains(t, body(t, ask(t, app, "/join/BCD234")), "noscript")
	for code, want := range map[string]string{
		"bcd+2-34": "/join/BCD234", "": "/", "%2F%2Fevil.example": "/join/EVILEXAMPLE",
		"%0d%0ax": "/join/X", "BCD%E2%80%93234.": "/join/BCD234",
		"%EF%BC%A2cd%C2%A0234": "/join/BCD234",
		"+.+%E2%80%93":         "/",
	} {
		res := ask(t, app, "/join?code="+code)
		require.Equal(t, 303, res.StatusCode)
		require.True(t, strings.HasPrefix(res.Header.Get("Location"), want),
			res.Header.Get("Location"))
	}
}

func TestAPastedLinkIsAsGoodAsItsCode(t *testing.T) {
	app, _ := newSite(t)
	for typed, want := range map[string]string{
		"https://plenary.example/join/BCD234":                        "/join/BCD234",
		" plenary.example/polls/Join/bcd-234?utm=1#main ":            "/join/BCD234",
		"http://127.0.0.1:8080/join/BCD234/":                         "/join/BCD234",
		"https://plenary.example/p/" + someID:                        "/p/" + someID,
		"https://plenary.example/p/" + strings.ToUpper(someID) + "/": "/p/" + someID,
		"https://evil.example/p/%2F%2Fevil.example":                  "/join/",
		"/join/": "/join/",
		"https://plenary.example/join/" + strings.Repeat("x", 900): "/",
	} {
		res := ask(t, app, "/join?code="+url.QueryEscape(typed))
		require.Equal(t, 303, res.StatusCode, typed)
		require.True(t, strings.HasPrefix(res.Header.Get("Location"), want), "%s: %s", typed,
			res.Header.Get("Location"))
		require.NotContains(t, res.Header.Get("Location"), "://", typed)
	}
	for _, page := range []string{"/", "/join/ZZZZZZ"} {
		longest := regexp.MustCompile(`name="code"[^>]* maxlength="(\d+)"`).
			FindStringSubmatch(body(t, ask(t, app, page)))
		require.NotNil(t, longest, page)
		require.Equal(t, "500", longest[1], "a pasted link fits into the field")
	}
}

func TestEveryMessageIsUsedAndThereInEveryLanguage(t *testing.T) {
	_, p := newSite(t)
	used := map[string]bool{}
	for _, keys := range p.assets.messages {
		for _, key := range keys {
			used[key] = true
		}
	}
	templates, err := read(files, "pages")
	require.NoError(t, err)
	for _, text := range templates {
		for _, key := range found(messageOf, text) {
			used[key] = true
		}
	}
	require.GreaterOrEqual(t, len(p.languages.all), 3)
	placeholder := regexp.MustCompile(`\{\w+\}`)
	english := p.languages.all[0].messages
	for _, l := range p.languages.all {
		require.Equal(t, slices.Sorted(maps.Keys(used)), slices.Sorted(maps.Keys(l.messages)),
			"messages/%s.json", l.tag)
		for key, m := range l.messages {
			forms := map[string]any{"": m}
			if several, ok := m.(map[string]any); ok {
				forms = several
				require.Equal(t, pluralForms(l.tag), slices.Sorted(maps.Keys(forms)),
					"%s in %s", key, l.tag)
			}
			for form, text := range forms {
				require.NotEmpty(t, text, "%s %s", key, form)
			}
			require.Equal(t, placeholders(placeholder, english[key]), placeholders(placeholder, m),
				"%s in %s", key, l.tag)
			require.Equal(t, strings.Count(fmt.Sprint(english[key]), "Enter"),
				strings.Count(fmt.Sprint(m), "Enter"), "the keys of %s in %s", key, l.tag)
		}
	}
}

// pluralForms gives those that a language has, as CLDR names them and Intl.PluralRules selects
// them.
func pluralForms(tag language.Tag) []string {
	names := map[plural.Form]string{
		plural.Zero: "zero", plural.One: "one", plural.Two: "two", plural.Few: "few",
		plural.Many: "many", plural.Other: "other",
	}
	forms := map[string]bool{}
	for n := range 1000 {
		forms[names[plural.Cardinal.MatchPlural(tag, n, 0, 0, 0, 0)]] = true
	}
	return slices.Sorted(maps.Keys(forms))
}

func TestALanguageHasItsPluralForms(t *testing.T) {
	for tag, forms := range map[string][]string{
		"en": {"one", "other"}, "de": {"one", "other"},
		"ar": {"few", "many", "one", "other", "two", "zero"},
	} {
		require.Equal(t, forms, pluralForms(language.MustParse(tag)), tag)
	}
}

// placeholders gives the names that a message has in its last form, each once.
func placeholders(expression *regexp.Regexp, m message) []string {
	if several, ok := m.(map[string]any); ok {
		m = several["other"]
	}
	all := expression.FindAllString(m.(string), -1)
	slices.Sort(all)
	return slices.Compact(all)
}

func TestThePagesKnowWhatTheAPITakes(t *testing.T) {
	text, err := files.ReadFile("assets/refusal.js")
	require.NoError(t, err)
	require.Contains(t, string(text),
		fmt.Sprintf(
			"const most = { polls: %d, options: %d, key: %d, text: %d, entries: %d, banned: %d, "+
				"word: %d, size: %d };",
			poll.MaxPolls, question.MaxOptions, question.MaxKeyLength, question.MaxValueLength,
			question.MaxEntries, question.MaxBanned, question.MaxBannedLength, poll.MaxText>>20))
	require.Contains(t, string(text),
		fmt.Sprintf("const room = { voters: %d, least: %d, passcode: %d };",
			access.MaxVotersLimit, access.MinPasscodeLength, access.MaxPasscodeLength))
}

var dangerous = regexp.MustCompile(
	`innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|srcdoc|javascript:|` +
		`\beval\(|new Function|setAttribute\("style"`)

func TestNoModuleReadsHTMLOrCode(t *testing.T) {
	all, err := read(files, "assets")
	require.NoError(t, err)
	for name, text := range all {
		if path.Ext(name) == ".js" {
			require.NotRegexp(t, dangerous, string(text), name)
		}
		require.NotRegexp(t, `https?://`,
			strings.ReplaceAll(string(text), "http://www.w3.org/", ""),
			"%s speaks to nobody else", name)
	}
}

// firstView is what the first view of the audience's page may cost, in bytes on the wire.
const firstView = 60_000

func TestTheFirstViewOfTheAudienceIsSmall(t *testing.T) {
	app, _ := newSite(t)
	for _, path := range []string{"/p/" + someID, "/t/BCD234"} {
		for _, lang := range []string{"en", "de", "ar"} {
			page := ask(t, app, path, "Accept-Language", lang)
			named := regexp.MustCompile(`(?:src|href)="(/assets/[^"]+)"`).
				FindAllStringSubmatch(body(t, page), -1)
			urls := map[string]bool{path: true}
			for _, m := range named {
				urls[m[1]] = true
			}
			sum := 0
			for url := range urls {
				sum += len(body(t, ask(t, app, url, "Accept-Language", lang,
					"Accept-Encoding", "gzip")))
			}
			t.Logf("%s in %s: %d bytes in %d requests", path, lang, sum, len(urls))
			require.Less(t, sum, firstView)
		}
	}
}
