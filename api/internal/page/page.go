// Package page is Plenary's web pages:
//   - HTML that says what it can without a script
//   - the ES modules that bring it to life
//   - one stylesheet
//   - the text of each language
//
// Everything is embedded and rendered once, when the process starts. It is compressed once, when
// somebody asks for it first.
package page

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/access"
)

//go:embed pages assets messages
var files embed.FS

// pages are all pages. Each has a template pages/NAME.html and a module assets/NAME.js.
var pages = []struct {
	name   string
	paths  []string // a parameter "id" is a UUID
	framed bool     // pages of other origins may show it in a frame, if the operator names them
}{
	{"landing", []string{"/"}, false},
	{"audience", []string{"/join/:code", "/p/:id"}, true},
	{"edit", []string{"/edit/new", "/edit/:id"}, false},
	{"stage", []string{"/stage/:id"}, false},
	{"remote", []string{"/remote/:id"}, false},
	{"results", []string{"/results/:id"}, true},
	{"rate", []string{"/t/:code"}, false},
	{"programme", []string{"/programme"}, false},
	{"talksheets", []string{"/programme/print"}, false},
	{"talkwall", []string{"/wall/:id"}, false},
	{logIn, []string{"/login"}, false},
	{"register", []string{"/register"}, false},
	{"forgot", []string{"/forgot"}, false},
	{"account", []string{"/account"}, false},
	{"mine", []string{"/mine"}, false},
	{"feed", []string{"/feed"}, false},
	{"feednew", []string{"/feed/new"}, false},
	{"feedpoll", []string{"/feed/:id"}, false},
}

const (
	// missing is the page of paths that name nothing.
	missing = "missing"
	// logIn is the page to log in on.
	logIn = "login"
)

// policy lets a page use what this server sends and nothing else: no inline script or style, no
// other host, no frame.
const policy = openPolicy + "'none'"

// openPolicy is the same but for its end, which says on pages of which origins the page may be in a
// frame.
const openPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' " +
	"data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors "

// Pages serves the pages and their assets. It is safe for use by many goroutines.
type Pages struct {
	createKey bool   // creating a presentation takes a key
	public    string // the address that others reach; empty: the one by which a page was opened
	root      string // path of that; empty: it has none
	framed    string // policy of the pages that others may have in a frame
	provider  string // by which people may log in, as its host; empty: there is none
	languages *languages
	assets    *assets
	rendered  map[string]map[string]content // by name and language
}

// New renders everything. Links and QR codes lead to the public address, which is such as config
// gives it, if it is not empty. createKey says that creating a presentation takes a key: the pages
// ask for it. Pages of the origins in embed may show the audience's and the results pages in a
// frame.
func New(public string, createKey bool, embed ...string) (*Pages, error) {
	p := &Pages{public: public, createKey: createKey, framed: policy,
		rendered: map[string]map[string]content{}}
	if len(embed) > 0 {
		p.framed = openPolicy + strings.Join(embed, " ")
	}
	at, err := url.Parse(public)
	if err != nil {
		return nil, err
	}
	p.root = at.EscapedPath()
	if p.languages, err = readLanguages(files); err != nil {
		return nil, err
	}
	if p.assets, err = readAssets(files); err != nil {
		return nil, err
	}
	for _, page := range pages {
		if err := p.render(page.name); err != nil {
			return nil, err
		}
	}
	return p, p.render(missing)
}

// Offer has the pages offer log-in by an OpenID Connect provider, whose issuer is a URL. Empty:
// there is none. It is called before Routes.
func (p *Pages) Offer(issuer string) error {
	u, err := url.Parse(issuer)
	if err != nil {
		return err
	}
	p.provider = u.Host
	return p.render(logIn)
}

// view is what a template sees.
type view struct {
	Page   string
	Lang   string
	RTL    bool
	Public string
	Root   string

	CreateKey bool
	Provider  string
	Modules   []string           // that the page's own module imports, directly or not
	Messages  map[string]message // that these modules use
}

// render makes a page in every language.
func (p *Pages) render(name string) error {
	p.rendered[name] = map[string]content{}
	modules, err := p.assets.modules(name + ".js")
	if err != nil {
		return err
	}
	var l spoken // the template is parsed and escaped once, and executed for each
	t, err := template.New("layout.html").Funcs(template.FuncMap{"asset": p.asset,
		"t": func(key string) (string, error) { return l.text(key) }}).
		ParseFS(files, "pages/layout.html", "pages/entry.html", "pages/"+name+".html")
	if err != nil {
		return err
	}
	for _, l = range p.languages.all {
		v := view{
			Page: name, Lang: l.tag.String(), RTL: l.rightToLeft(), Public: p.public, Root: p.root,
			CreateKey: p.createKey, Provider: p.provider, Messages: map[string]message{},
		}
		for _, m := range modules {
			if m != name+".js" {
				v.Modules = append(v.Modules, m)
			}
			for _, key := range p.assets.messages[m] {
				v.Messages[key] = l.messages[key]
			}
		}
		var b bytes.Buffer
		if err := t.Execute(&b, v); err != nil {
			return fmt.Errorf("page %s in %s: %w", name, v.Lang, err)
		}
		p.rendered[name][v.Lang] = newContent("text/html; charset=utf-8", b.Bytes())
	}
	return nil
}

// asset gives where an asset is, for a page.
func (p *Pages) asset(name string) (string, error) {
	path, err := p.assets.url(name)
	return p.root + path, err
}

// Routes mounts everything. It comes after all other routes. A request that they do not know gets
// the page for it, if somebody asks who reads HTML.
func (p *Pages) Routes(r fiber.Router) {
	for _, page := range pages {
		for _, path := range page.paths {
			r.Get(path, func(c *fiber.Ctx) error {
				if id := c.Params("id"); id != "" && uuid.Validate(id) != nil {
					return c.Next()
				}
				if page.framed {
					return p.send(c, page.name, p.framed)
				}
				return p.send(c, page.name, policy)
			})
		}
	}
	r.Get("/join", toCode)
	r.Get("/assets/:build/+", p.assets.get)
	r.Use(func(c *fiber.Ctx) error {
		err := c.Next()
		c.Vary(fiber.HeaderAccept)
		if e, ok := errors.AsType[*fiber.Error](err); ok &&
			e.Code == http.StatusNotFound && readsHTML(c) {
			return p.send(c.Status(http.StatusNotFound), missing, policy)
		}
		return err
	})
}

// link finds what a link to the audience's page names: a code or an id.
var link = regexp.MustCompile(`(?i)/(?:join|p)/([^/?#\s]+)`)

// toCode sends a browser without script from the form to the page. A whole link that somebody
// pasted is as good as the code in it.
func toCode(c *fiber.Ctx) error {
	typed := c.Query("code")
	if found := link.FindStringSubmatch(typed); found != nil {
		typed = found[1]
		if id, err := uuid.Parse(typed); err == nil {
			return c.Redirect("/p/"+id.String(), http.StatusSeeOther)
		}
	}
	code := access.CleanCode(typed)
	if code == "" {
		return c.Redirect("/", http.StatusSeeOther)
	}
	return c.Redirect("/join/"+url.PathEscape(code), http.StatusSeeOther)
}

// readsHTML tells a browser from a client of the API, which takes anything or JSON.
func readsHTML(c *fiber.Ctx) bool {
	return (c.Method() == http.MethodGet || c.Method() == http.MethodHead) &&
		!strings.HasPrefix(c.Path(), "/api/") &&
		strings.Contains(c.Get(fiber.HeaderAccept), "text/html")
}

func (p *Pages) send(c *fiber.Ctx, name, policy string) error {
	lang := p.languages.match(c.Get(fiber.HeaderAcceptLanguage))
	c.Set(fiber.HeaderContentSecurityPolicy, policy)
	c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	c.Set("Cross-Origin-Opener-Policy", "same-origin")
	c.Set(fiber.HeaderContentLanguage, lang)
	c.Vary(fiber.HeaderAcceptLanguage)
	c.Set(fiber.HeaderCacheControl, "no-cache") // it names the assets of this build
	return p.rendered[name][lang].send(c)
}
