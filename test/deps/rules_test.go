package deps

import (
	"path"
	"slices"
	"strings"
)

// feature is one thing that an audience does, with folders of its own.
type feature struct {
	one, many string   // pkg/<one>, with its stores and suite below it; api/internal/<many>
	also      []string // further folders of its own
}

// features are all there are. A new one is a line here, and needs no other in this package.
var features = []feature{
	{"poll", "polls", []string{"pkg/stage", "pkg/intake"}},
	{"account", "accounts", []string{"pkg/account/accountoidc"}},
	{"talk", "talks", nil},
	{"feed", "feeds", nil},
	{"form", "forms", nil},
	{"chat", "chats", nil},
}

// The kinds of packages. What each may import is in reach.
const (
	program   = "program"         // a process
	wiring    = "wiring"          // which store, which log, from settings
	server    = "server"          // the listener, and a list of features
	routes    = "routes"          // a feature's HTTP
	live      = "live"            // event streams
	web       = "web"             // manners of HTTP, and what is served beside the features
	plain     = "plain"           // what the API's packages stand on
	store     = "feature's store" // a feature's statements for one engine
	domain    = "domain"          // a feature's types, rules, port and services
	adapter   = "adapter"         // one dependency
	carrier   = "carrier"         // the spine's lower half: the ordered log, and announcements
	spine     = "spine"           // the spine's upper half: what is built on them
	word      = "word"            // what features share and no I/O is in
	fault     = "fault"           // what went wrong
	ground    = "ground"          // limits
	process   = "process"         // settings and metrics of a process
	migration = "migration"       // the schema
	suite     = "suite"           // the conformance tests of a port
	whole     = "whole"           // tests of the whole system
)

// kinds are those of packages that are no feature's.
var kinds = map[string][]string{
	program: {"api", "worker", "api/internal/noop"},
	wiring:  {"pkg/backend"},
	server:  {"api/internal/server"},
	live:    {"api/internal/live"},
	web: {
		"api/internal/web", "api/internal/page", "api/internal/docs", "api/internal/qr",
		"api/internal/xlsx",
	},
	plain: {
		"api/internal/budget", "api/internal/table", "api/internal/eventloop",
		"api/internal/openapi",
	},
	adapter: {
		"pkg/rabbitmq", "pkg/inproc", "pkg/postgres", "pkg/sqlite", "pkg/redis", "pkg/smtp",
	},
	carrier:   {"pkg/queue", "pkg/bus"},
	spine:     {"pkg/commit", "pkg/work", "pkg/outbox"},
	word:      {"pkg/access", "pkg/question", "pkg/life"},
	fault:     {"pkg/fault"},
	ground:    {"pkg/limit"},
	process:   {"pkg/config", "pkg/telemetry"},
	migration: {"migrations"},
}

// reach says which kinds a kind may import, in the order of the house: arrows point down. Of a
// feature's kinds it means the same feature's, except for the wiring and the programs, which know
// all features.
var reach = map[string][]string{
	program: {
		wiring, server, routes, live, web, plain, domain, spine, carrier, word, fault, ground,
		process,
	},
	wiring:    {store, domain, adapter, spine, carrier, word, fault, ground, process},
	server:    {live, web, plain, spine, carrier, word, fault, ground},
	routes:    {routes, live, web, plain, domain, spine, carrier, word, fault, ground},
	live:      {web, plain, spine, carrier, word, fault, ground},
	web:       {plain, word, fault, ground},
	plain:     {word, fault},
	store:     {domain, spine, carrier, word, fault}, // and its engine
	domain:    {domain, spine, carrier, word, fault},
	adapter:   {spine, carrier, word, fault, migration, ground},
	spine:     {spine, carrier, word, fault},
	carrier:   {carrier, word, fault},
	word:      {word, fault},
	fault:     {},
	ground:    {fault},
	process:   {spine, carrier, word, fault, ground},
	migration: {},
}

// owners are the packages or kinds that may name a module from outside, with what is below it. A
// kind stands for all its packages.
var owners = map[string][]string{
	"github.com/google/uuid": {
		program, routes, live, web, store, domain, adapter, spine, carrier, word, process, suite,
	},
	"golang.org/x/text":                   {word, domain, "api/internal/page"},
	"golang.org/x/sync":                   {routes, live, web, plain, domain, suite, "pkg/account"},
	"github.com/alexedwards/argon2id":     {"pkg/account"},
	"github.com/golang-jwt/jwt":           {"pkg/account"},
	"github.com/coreos/go-oidc":           {"pkg/account/accountoidc"},
	"golang.org/x/oauth2":                 {"pkg/account/accountoidc"},
	"github.com/go-jose/go-jose":          {suite},
	"github.com/wneessen/go-mail":         {"pkg/smtp"},
	"github.com/emersion":                 {suite},
	"github.com/jmoiron/sqlx":             {"pkg/postgres", "pkg/sqlite", store},
	"github.com/lib/pq":                   {"pkg/postgres", "pg"},
	"modernc.org/sqlite":                  {"pkg/sqlite"},
	"github.com/golang-migrate/migrate":   {"migrations", "pkg/postgres", "pkg/sqlite"},
	"github.com/rabbitmq/amqp091-go":      {"pkg/rabbitmq"},
	"github.com/redis/go-redis":           {"pkg/redis"},
	"github.com/prometheus/client_golang": {"pkg/telemetry"},
	"golang.org/x/net/netutil":            {"pkg/backend"},
	"golang.org/x/time":                   {"pkg/limit"},
	"github.com/hashicorp/golang-lru": {
		"pkg/limit", "api/internal/qr", routes, domain, "pkg/account",
	},
	"github.com/gofiber/fiber": {
		program, server, routes, live, web, "api/internal/budget",
	},
	"github.com/valyala/fasthttp": {
		"api/internal/eventloop", "api/internal/web", server, routes,
	},
	"github.com/swaggest/swgui":    {"api/internal/docs"},
	"github.com/boombuler/barcode": {"api/internal/qr"},
	"github.com/xuri/excelize":     {"api/internal/xlsx"},
	"github.com/stretchr/testify":  {suite},
	"go.uber.org/goleak":           {suite},
	"pgregory.net/rapid":           {suite},
}

// planned are the packages that the rules name and nobody has built yet. Whoever builds one deletes
// its line.
var planned = []string{
	"pkg/outbox",
	"api/internal/feeds",
	"pkg/form", "api/internal/forms",
	"api/internal/chats",
}

// stillUp has arrows that point up still, as "from to". Each goes with what it comes from.
var stillUp = []string{"pkg/telemetry pkg/poll"}

// place is what a package's path says of it.
type place struct {
	kind    string // "": nobody knows
	feature string // with a feature's own
	engine  string // of a feature's store: the package that it stands on
	of      string // of a suite: the package whose port it tests
}

// placeOf finds the place of a package of this module.
func placeOf(name string, features []feature) place {
	if top, _, _ := strings.Cut(name, "/"); top == "test" {
		return place{kind: whole}
	}
	if strings.HasSuffix(name, "test") {
		return place{kind: suite, of: path.Dir(name)}
	}
	for _, f := range features {
		under := "pkg/" + f.one
		http := "api/internal/" + f.many
		switch {
		case name == under+"/"+f.one+"pg":
			return place{kind: store, feature: f.one, engine: "pkg/postgres"}
		case name == under+"/"+f.one+"lite":
			return place{kind: store, feature: f.one, engine: "pkg/sqlite"}
		case name == http, strings.HasPrefix(name, http+"/"):
			return place{kind: routes, feature: f.one}
		case name == under, slices.Contains(f.also, name) && strings.HasPrefix(name, "pkg/"):
			return place{kind: domain, feature: f.one}
		case slices.Contains(f.also, name):
			return place{kind: routes, feature: f.one}
		}
	}
	for kind, names := range kinds {
		if slices.Contains(names, name) {
			return place{kind: kind}
		}
	}
	return place{}
}

// mayImport says whether a package may import another one of this module.
func mayImport(name, imported string, features []feature) bool {
	from, to := placeOf(name, features), placeOf(imported, features)
	switch {
	case from.kind == "" || to.kind == "" || to.kind == whole || to.kind == program:
		return from.kind == whole && to.kind != ""
	case from.kind == whole || slices.Contains(stillUp, name+" "+imported):
		return true
	case from.kind == suite: // what its subject may, the subject, and the adapter in memory
		return imported == from.of || imported == "pkg/inproc" || to.kind == suite ||
			mayImport(from.of, imported, features)
	case to.kind == suite:
		return false
	case imported == from.engine:
		return true
	case !slices.Contains(reach[from.kind], to.kind):
		return false
	default:
		return to.feature == "" || to.feature == from.feature ||
			from.kind == wiring || from.kind == program
	}
}

// mayName says whether a package may import a module from outside.
func mayName(name, imported string, features []feature) bool {
	from := placeOf(name, features)
	if from.kind == whole {
		return true
	}
	for module, by := range owners {
		if imported != module && !strings.HasPrefix(imported, module+"/") {
			continue
		}
		return slices.Contains(by, from.kind) || slices.Contains(by, name) ||
			from.engine == "pkg/postgres" && slices.Contains(by, "pg")
	}
	return false
}
