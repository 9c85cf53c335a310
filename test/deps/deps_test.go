// Package deps checks which package imports which, against the list in docs/architecture.md's words: arrows point
// inward, adapters never know each other, and a driver's name appears only in its own adapter.
package deps

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/plenary-live/plenary/"

// allowed says what each package may import of this module and from outside the standard library. A module from
// outside is named by its path and stands for its packages.
var allowed = map[string][]string{
	"pkg/fault":                        {},
	"pkg/access":                       {"pkg/fault", "github.com/google/uuid", "golang.org/x/text"},
	"pkg/question":                     {"pkg/fault", "github.com/google/uuid", "golang.org/x/text"},
	"pkg/poll":                         {"pkg/question", "pkg/fault", "pkg/access", "pkg/bus", "github.com/google/uuid", "golang.org/x/text"},
	"pkg/queue":                        {"pkg/fault", "pkg/access", "pkg/question", "pkg/poll", "github.com/google/uuid"},
	"pkg/bus":                          {"github.com/google/uuid"},
	"pkg/stage":                        {"pkg/fault", "pkg/access", "pkg/question", "pkg/poll", "pkg/queue", "pkg/bus", "github.com/google/uuid"},
	"pkg/intake":                       {"pkg/fault", "pkg/access", "pkg/question", "pkg/poll", "pkg/queue", "github.com/google/uuid"},
	"pkg/count":                        {"pkg/fault", "pkg/access", "pkg/question", "pkg/poll", "pkg/queue", "pkg/bus", "github.com/google/uuid"},
	"pkg/postgres":                     {"pkg/fault", "pkg/access", "pkg/question", "pkg/poll", "pkg/bus", "migrations", "github.com/google/uuid", "github.com/jmoiron/sqlx", "github.com/lib/pq", "github.com/golang-migrate/migrate/v4"},
	"pkg/sqlite":                       {"pkg/fault", "pkg/access", "pkg/question", "pkg/poll", "pkg/bus", "migrations", "github.com/google/uuid", "github.com/jmoiron/sqlx", "modernc.org/sqlite", "github.com/golang-migrate/migrate/v4"},
	"pkg/rabbitmq":                     {"pkg/fault", "pkg/access", "pkg/question", "pkg/poll", "pkg/queue", "pkg/bus", "github.com/google/uuid", "github.com/rabbitmq/amqp091-go"},
	"pkg/inproc":                       {"pkg/fault", "pkg/access", "pkg/question", "pkg/poll", "pkg/queue", "pkg/bus", "github.com/google/uuid"},
	"pkg/poll/storetest":               {"pkg/fault", "pkg/access", "pkg/bus", "pkg/question", "pkg/poll", "golang.org/x/sync", "github.com/google/uuid", "github.com/stretchr/testify", "go.uber.org/goleak", "pgregory.net/rapid"},
	"pkg/queue/queuetest":              {"pkg/fault", "pkg/access", "pkg/question", "pkg/poll", "pkg/queue", "github.com/google/uuid", "github.com/stretchr/testify", "go.uber.org/goleak"},
	"pkg/bus/bustest":                  {"pkg/fault", "pkg/access", "pkg/question", "pkg/poll", "pkg/bus", "github.com/google/uuid", "github.com/stretchr/testify", "go.uber.org/goleak"},
	"pkg/limit":                        {"github.com/hashicorp/golang-lru/v2", "golang.org/x/time"},
	"pkg/config":                       {},
	"pkg/telemetry":                    {"pkg/fault", "pkg/access", "pkg/question", "pkg/poll", "pkg/queue", "github.com/google/uuid", "github.com/prometheus/client_golang"},
	"pkg/backend":                      {"golang.org/x/net/netutil", "pkg/fault", "pkg/access", "pkg/question", "pkg/poll", "pkg/queue", "pkg/bus", "pkg/config", "pkg/telemetry", "pkg/postgres", "pkg/sqlite", "pkg/rabbitmq", "pkg/inproc"},
	"api/internal/budget":              {"pkg/fault", "pkg/access", "pkg/question", "pkg/poll", "github.com/gofiber/fiber/v2", "golang.org/x/sync"},
	"api/internal/table":               {},
	"api/internal/page":                {"api/internal/budget", "pkg/fault", "pkg/access", "pkg/question", "pkg/poll", "github.com/gofiber/fiber/v2", "github.com/google/uuid", "golang.org/x/text"},
	"api/internal/eventloop":           {"github.com/valyala/fasthttp"},
	"api/internal/polls":               {"api/internal/budget", "api/internal/live", "api/internal/polls/fast", "api/internal/table", "api/internal/web", "api/internal/xlsx", "pkg/fault", "pkg/access", "pkg/question", "pkg/poll", "pkg/stage", "pkg/intake", "pkg/bus", "pkg/limit", "github.com/gofiber/fiber/v2", "github.com/valyala/fasthttp", "github.com/google/uuid", "github.com/hashicorp/golang-lru/v2", "golang.org/x/sync"},
	"api/internal/live":                {"api/internal/eventloop", "pkg/fault", "pkg/bus", "pkg/limit", "github.com/gofiber/fiber/v2"},
	"api/internal/web":                 {"api/internal/budget", "api/internal/eventloop", "pkg/fault", "pkg/access", "pkg/limit", "github.com/gofiber/fiber/v2", "github.com/valyala/fasthttp", "github.com/google/uuid", "golang.org/x/sync"},
	"api/internal/server":              {"api/internal/eventloop", "api/internal/web", "pkg/fault", "pkg/limit", "github.com/gofiber/fiber/v2"},
	"api/internal/polls/fast":          {"api/internal/eventloop", "api/internal/web", "pkg/intake", "pkg/poll", "github.com/gofiber/fiber/v2", "github.com/valyala/fasthttp", "github.com/google/uuid"},
	"api/internal/polls/fast/fasttest": {"api/internal/web", "github.com/google/uuid"},
	"api/internal/xlsx":                {"api/internal/table", "github.com/xuri/excelize/v2"},
	"api/internal/docs":                {"api/internal/budget", "github.com/gofiber/fiber/v2", "github.com/swaggest/swgui"},
	"api/internal/qr":                  {"api/internal/budget", "pkg/fault", "pkg/access", "pkg/question", "pkg/poll", "github.com/gofiber/fiber/v2", "github.com/boombuler/barcode", "github.com/hashicorp/golang-lru/v2"},
	"api":                              {"api/internal/budget", "api/internal/docs", "api/internal/polls", "api/internal/page", "api/internal/qr", "api/internal/server", "api/internal/web", "github.com/gofiber/fiber/v2", "pkg/backend", "pkg/config", "pkg/count", "pkg/intake", "pkg/fault", "pkg/access", "pkg/question", "pkg/poll", "pkg/stage", "pkg/telemetry"},
	"api/internal/noop":                {"api/internal/polls", "api/internal/server", "api/internal/web", "github.com/gofiber/fiber/v2"},
	"worker":                           {"pkg/backend", "pkg/config", "pkg/count", "pkg/telemetry", "pkg/fault", "pkg/access", "pkg/question", "pkg/poll", "pkg/queue", "github.com/google/uuid"},
	"migrations":                       {"github.com/golang-migrate/migrate/v4"},
}

type listed struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) (all []listed) {
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...")
	out, err := cmd.Output()
	require.NoError(t, err)
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else {
			require.NoError(t, err)
		}
		all = append(all, p)
	}
}

func TestEveryImportIsAllowed(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		if strings.HasPrefix(name, "test/") { // whole-system tests may use anything; nothing may use them
			continue
		}
		may, ok := allowed[name]
		require.True(t, ok, "%s is not on the list: which part of the domain or which dependency does it own?", name)
		seen[name] = true
		for _, imported := range p.Imports {
			first, _, _ := strings.Cut(imported, "/")
			if !strings.Contains(first, ".") { // the standard library
				continue
			}
			imported = strings.TrimPrefix(imported, module)
			require.True(t, slices.ContainsFunc(may, func(m string) bool { return covers(m, imported) }), "%s must not import %s", name, imported)
		}
	}
	for name := range allowed {
		require.True(t, seen[name], "%s is on the list and does not exist", name)
	}
}

// covers says whether an entry of the list stands for an import: packages of this module by name, modules from outside
// with what is below them.
func covers(entry, imported string) bool {
	if entry == imported {
		return true
	}
	first, _, _ := strings.Cut(entry, "/")
	return strings.Contains(first, ".") && strings.HasPrefix(imported, entry+"/")
}
