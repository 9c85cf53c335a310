// Package deps checks which package imports which, by kinds of packages. Arrows point down. No
// feature imports a feature. Adapters do not know each other. A driver is named in its own adapter
// alone. A feature can be deleted, which the package tries.
package deps

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/plenary-live/plenary/"

const noPlace = " has no place: which feature is it of, or which dependency does it own?"

type listed struct {
	ImportPath string
	Imports    []string
}

// packages lists this module's, with what they import outside of tests.
func packages(t *testing.T, flags ...string) (all []listed) {
	t.Helper()
	args := append([]string{"list", "-e", "-json=ImportPath,Imports"}, flags...)
	out, err := exec.Command("go", append(args, module+"...")...).Output()
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

// wrong lists what is against the rules, and the arrows up that somebody needs.
func wrong(all []listed) (found, needed []string) {
	for _, p := range all {
		name := strings.TrimPrefix(p.ImportPath, module)
		if placeOf(name, features).kind == "" {
			found = append(found, name+noPlace)
			continue
		}
		for _, imported := range p.Imports {
			own, inside := strings.CutPrefix(imported, module)
			first, _, _ := strings.Cut(imported, "/")
			switch {
			case inside && slices.Contains(stillUp, name+" "+own):
				needed = append(needed, name+" "+own)
			case inside && mayImport(name, own, features):
			case !inside && (!strings.Contains(first, ".") || mayName(name, imported, features)):
			default:
				found = append(found, name+" must not import "+own)
			}
		}
	}
	return found, needed
}

func TestEveryImportIsAllowed(t *testing.T) {
	found, needed := wrong(packages(t))
	require.Empty(t, found)
	require.ElementsMatch(t, stillUp, needed, "what nobody needs any more goes from stillUp")
}

// named lists the packages that the rules name.
func named() (names []string) {
	for _, of := range kinds {
		names = append(names, of...)
	}
	for _, f := range features {
		names = append(names, f.folders()...)
	}
	for _, by := range owners {
		for _, who := range by {
			_, isKind := reach[who]
			if !isKind && who != suite && who != "pg" {
				names = append(names, who)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// misnamed lists what is wrong with names in the rules, by the packages that exist and those that
// are planned.
func misnamed(names, planned []string, exists map[string]bool) (found []string) {
	for _, name := range names {
		if !exists[name] && !slices.Contains(planned, name) {
			found = append(found, name+" is on the list and does not exist")
		}
	}
	for _, name := range planned {
		if exists[name] {
			found = append(found, name+" is planned and exists")
		}
		if !slices.Contains(names, name) {
			found = append(found, name+" is planned and on no list")
		}
	}
	return found
}

func TestWhatTheRulesNameExists(t *testing.T) {
	exists := map[string]bool{}
	for _, p := range packages(t) {
		exists[strings.TrimPrefix(p.ImportPath, module)] = true
	}
	require.Empty(t, misnamed(named(), planned, exists))
}

func TestAWrongNameIsFound(t *testing.T) {
	names := named()
	for _, name := range []string{
		"pkg/queue", "pkg/intake", "api/internal/polls", "pkg/limit", "pkg/chat", "migrations",
	} {
		require.Contains(t, names, name)
	}
	require.Equal(t, []string{
		"pkg/gone is on the list and does not exist",
		"pkg/built is planned and exists",
		"pkg/forgotten is planned and on no list",
	}, misnamed(
		[]string{"pkg/queue", "pkg/gone", "pkg/later", "pkg/built"},
		[]string{"pkg/later", "pkg/built", "pkg/forgotten"},
		map[string]bool{"pkg/queue": true, "pkg/built": true},
	))
}

func TestAWrongImportIsFound(t *testing.T) {
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	replace := map[string]string{}
	plant := func(name, imported string) string {
		file := filepath.Join(t.TempDir(), "planted.go")
		text := fmt.Sprintf("package %s\n\nimport _ %q\n", filepath.Base(name), imported)
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		replace[filepath.Join(root, name, "planted.go")] = file
		return name + " must not import " + strings.TrimPrefix(imported, module)
	}
	want := []string{
		plant("pkg/poll", "github.com/lib/pq"),
		plant("pkg/chat", module+"pkg/poll"),
		plant("pkg/chat/chatlite", module+"pkg/postgres"),
		plant("api/internal/eventloop", "github.com/gofiber/fiber/v2"),
		plant("api/internal/chats", module+"api/internal/polls"),
		plant("pkg/rabbitmq", module+"pkg/inproc"),
		plant("pkg/backend", module+"pkg/bus/bustest"),
		plant("pkg/bus", module+"pkg/commit"),
	}
	plant("pkg/common", module+"pkg/fault")
	want = append(want, "pkg/common"+noPlace)
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "overlay.json")
	require.NoError(t, os.WriteFile(file, overlay, 0o600))
	found, _ := wrong(packages(t, "-overlay", file))
	require.ElementsMatch(t, want, found)
}

func TestTheHouse(t *testing.T) {
	outside := func(imported string) bool {
		first, _, _ := strings.Cut(imported, "/")
		return strings.Contains(first, ".")
	}
	for arrow, allowed := range map[string]bool{
		"pkg/chat pkg/queue":                                true,
		"pkg/chat pkg/work":                                 true,
		"pkg/chat pkg/chat/chatpg":                          false,
		"pkg/chat pkg/talk":                                 false,
		"pkg/chat pkg/postgres":                             false,
		"pkg/chat github.com/jmoiron/sqlx":                  false,
		"pkg/chat pkg/telemetry":                            false,
		"pkg/stage pkg/poll":                                true,
		"pkg/talk pkg/stage":                                false,
		"pkg/talk pkg/account":                              false,
		"pkg/account pkg/talk":                              false,
		"pkg/talk/talkpg pkg/account":                       false,
		"pkg/talk/talkpg pkg/talk":                          true,
		"pkg/account github.com/alexedwards/argon2id":       true,
		"pkg/talk github.com/golang-jwt/jwt/v5":             false,
		"pkg/work pkg/talk":                                 false,
		"pkg/chat/chatpg pkg/postgres":                      true,
		"pkg/chat/chatpg pkg/sqlite":                        false,
		"pkg/chat/chatpg pkg/poll":                          false,
		"pkg/chat/chatpg pkg/chat":                          true,
		"pkg/chat/chatpg github.com/lib/pq":                 true,
		"pkg/chat/chatpg github.com/jmoiron/sqlx":           true,
		"pkg/chat/chatlite github.com/jmoiron/sqlx":         true,
		"pkg/chat/chatlite github.com/lib/pq":               false,
		"pkg/chat/chatlite modernc.org/sqlite":              false,
		"pkg/chat/chattest pkg/chat":                        true,
		"pkg/chat/chattest github.com/stretchr/testify":     true,
		"pkg/chat/chattest pkg/poll":                        false,
		"pkg/chat github.com/stretchr/testify":              false,
		"pkg/commit/committest pkg/inproc":                  true,
		"pkg/commit pkg/inproc":                             false,
		"pkg/commit pkg/queue":                              true,
		"pkg/commit pkg/work":                               true,
		"pkg/work pkg/bus":                                  true,
		"pkg/work pkg/chat":                                 false,
		"pkg/queue pkg/work":                                false,
		"pkg/queue pkg/commit":                              false,
		"pkg/bus pkg/work":                                  false,
		"pkg/bus pkg/outbox":                                false,
		"pkg/bus pkg/life":                                  true,
		"pkg/postgres pkg/chat":                             false,
		"pkg/postgres github.com/lib/pq/oid":                true,
		"pkg/redis pkg/limit":                               true,
		"pkg/redis github.com/redis/go-redis/v9":            true,
		"pkg/access pkg/queue":                              false,
		"pkg/fault pkg/access":                              false,
		"pkg/telemetry pkg/queue":                           true,
		"pkg/backend pkg/chat/chatpg":                       true,
		"pkg/backend api/internal/web":                      false,
		"api/internal/talks pkg/talk":                       true,
		"api/internal/talks pkg/talk/talkpg":                false,
		"api/internal/talks pkg/account":                    false,
		"api/internal/talks api/internal/accounts":          false,
		"api/internal/talks api/internal/polls":             false,
		"api/internal/talks api/internal/live":              true,
		"api/internal/talks github.com/golang-jwt/jwt/v5":   false,
		"api/internal/accounts pkg/account":                 true,
		"api/internal/accounts pkg/account/accountlite":     false,
		"api/internal/accounts pkg/talk":                    false,
		"api/internal/accounts api/internal/talks":          false,
		"api/internal/live pkg/talk":                        false,
		"api/internal/web pkg/account":                      false,
		"api/internal/chats pkg/chat":                       true,
		"api/internal/chats pkg/chat/chatpg":                false,
		"api/internal/chats pkg/question":                   true,
		"api/internal/chats pkg/poll":                       false,
		"api/internal/chats api/internal/polls":             false,
		"api/internal/chats api/internal/live":              true,
		"api/internal/chats api/internal/web":               true,
		"api/internal/chats api/internal/server":            false,
		"api/internal/polls api/internal/polls/fast":        true,
		"api/internal/chats api/internal/polls/fast":        false,
		"api/internal/polls/fast pkg/intake":                true,
		"api/internal/live api/internal/chats":              false,
		"api/internal/live pkg/bus":                         true,
		"api/internal/live pkg/chat":                        false,
		"api/internal/web api/internal/live":                false,
		"api/internal/web api/internal/budget":              true,
		"api/internal/server api/internal/web":              true,
		"api/internal/server api/internal/chats":            false,
		"api/internal/eventloop api/internal/web":           false,
		"api/internal/qr github.com/boombuler/barcode/qr":   true,
		"api/internal/page github.com/boombuler/barcode/qr": false,
		"api api/internal/chats":                            true,
		"api pkg/chat":                                      true,
		"api pkg/rabbitmq":                                  false,
		"api github.com/lib/pq":                             false,
		"worker pkg/work":                                   true,
		"worker pkg/backend":                                true,
		"worker api":                                        false,
		"pkg/chat test/stack":                               false,
		"test/e2e pkg/postgres":                             true,
		"test/e2e github.com/lib/pq":                        true,
	} {
		from, to, _ := strings.Cut(arrow, " ")
		if outside(to) {
			require.Equal(t, allowed, mayName(from, to, features), arrow)
		} else {
			require.Equal(t, allowed, mayImport(from, to, features), arrow)
		}
	}
}
