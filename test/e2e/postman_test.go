package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// newman runs Postman collections. Pinned, so that a release of it breaks nothing here.
const newman = "newman@6.2.2"

const (
	collectionFiles = "postman/*.postman_collection.json" // one for each feature, and the server's
	environmentFile = "postman/plenary.postman_environment.json"
)

// collectionItem is a folder or a request of a collection.
type collectionItem struct {
	Name    string           `json:"name"`
	Item    []collectionItem `json:"item"`
	Request *struct {
		Method string `json:"method"`
		URL    struct {
			Raw string `json:"raw"`
		} `json:"url"`
	} `json:"request"`
	Event []struct {
		Listen string `json:"listen"`
		Script struct {
			Exec []string `json:"exec"`
		} `json:"script"`
	} `json:"event"`
}

func TestPostmanCollectionRunsAgainAndAgain(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: newman needs Node.js")
	}
	t.Parallel()
	begin(embedded, production)
	for _, s := range []*system{embedded, production} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			runNewman(t, s.on(t).base)
		})
	}
}

// runNewman runs each collection twice in a row, as a person does who presses "run" again.
func runNewman(t *testing.T, base string) {
	t.Helper()
	for _, file := range collections(t) {
		runCollection(t, file, base)
	}
}

// newmanProgram has npm install newman, and gives where it is. npm takes as long to find that out
// as newman takes to start, so it is asked once.
var newmanProgram = sync.OnceValues(func() (string, error) {
	npx, err := exec.LookPath("npx")
	if err != nil {
		return "", fmt.Errorf(
			`npx is not installed: "make deps" installs Node.js, which brings it: %w`, err)
	}
	cmd := exec.Command(npx, "--yes", "--package", newman, "-c", "command -v newman")
	cmd.Env = append(os.Environ(), "npm_config_update_notifier=false", "npm_config_loglevel=error")
	var failed bytes.Buffer
	cmd.Stderr = &failed
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("npx: %w\n%s", err, &failed)
	}
	return strings.TrimSpace(string(out)), nil
})

func runCollection(t *testing.T, file, base string) {
	t.Helper()
	root, err := moduleRoot()
	require.NoError(t, err)
	program, err := newmanProgram()
	require.NoError(t, err)
	report := filepath.Join(t.TempDir(), "report.json")
	cmd := exec.CommandContext(t.Context(), program, "run", file,
		"--environment", environmentFile,
		"--env-var", "base_url="+base, "--iteration-count", "2", "--color", "off",
		"--timeout-request", "20000",
		"--reporters", "cli,json", "--reporter-json-export", report,
		"--reporter-cli-no-success-assertions")
	cmd.Dir = root
	out, failed := cmd.CombinedOutput()
	if failed != nil {
		t.Fatalf("newman: %v\n%s", failed, out)
	}
	text := string(out)
	if _, summary, found := strings.Cut(text, "┌"); found {
		text = "┌" + summary
	}
	t.Logf("\n%s", text)

	raw, err := os.ReadFile(report)
	require.NoError(t, err)
	var result struct {
		Run struct {
			Stats struct {
				Requests, Assertions struct{ Total, Failed int }
			}
			Failures []json.RawMessage
		}
	}
	require.NoError(t, json.Unmarshal(raw, &result))
	require.Empty(t, result.Run.Failures)
	require.Zero(t, result.Run.Stats.Assertions.Failed)
	requests := len(requestsOf(readCollection(t, file).Item))
	require.GreaterOrEqual(t, result.Run.Stats.Requests.Total, 2*requests,
		"newman left requests out")
	require.Greater(t, result.Run.Stats.Assertions.Total, 2*requests)
}

func TestPostmanCollectionHasEveryOperationOfTheOpenAPIFile(t *testing.T) {
	contract, err := TheContract()
	require.NoError(t, err)
	there := map[string]bool{}
	variable := regexp.MustCompile(`\{\{[^}]*\}\}`)
	for _, file := range collections(t) {
		for _, item := range requestsOf(readCollection(t, file).Item) {
			path := variable.ReplaceAllString(strings.Replace(item.Request.URL.Raw,
				"{{base_url}}", "", 1), nobody)
			req, err := http.NewRequest(item.Request.Method, "http://127.0.0.1"+path, nil)
			require.NoError(t, err, item.Name)
			if route, _, err := contract.router.FindRoute(req); err == nil {
				there[route.Operation.OperationID] = true
				require.Equal(t, partOf(t, route.Path), file, item.Name)
			}
		}
	}
	var want []string
	for _, path := range contract.Doc.Paths.Map() {
		for _, op := range path.Operations() {
			want = append(want, op.OperationID)
		}
	}
	require.ElementsMatch(t, want, slices.Collect(maps.Keys(there)))
}

// partOf names the collection where a path belongs. It is that of the feature whose OpenAPI file
// has the path, or the server's.
func partOf(t *testing.T, path string) string {
	t.Helper()
	root, err := moduleRoot()
	require.NoError(t, err)
	for _, file := range collections(t) {
		name := strings.TrimSuffix(filepath.Base(file), ".postman_collection.json")
		text, err := os.ReadFile(filepath.Join(root, "api/internal", name, "openapi.yaml"))
		if err == nil && strings.Contains(string(text), "\n  "+path+":\n") {
			return file
		}
	}
	return "postman/server.postman_collection.json"
}

func TestEveryRequestOfThePostmanCollectionIsTested(t *testing.T) {
	c := readCollection(t, "postman/polls.postman_collection.json")
	require.Equal(t, []string{"Presenter", "Audience", "Tester"},
		[]string{c.Item[0].Name, c.Item[1].Name, c.Item[2].Name})
	for _, file := range collections(t) {
		for _, item := range requestsOf(readCollection(t, file).Item) {
			tests := ""
			for _, e := range item.Event {
				if e.Listen == "test" {
					tests = strings.Join(e.Script.Exec, "\n")
				}
			}
			require.Contains(t, tests, "pm.test(", item.Name)
		}
	}
}

// collections gives the files of all collections.
func collections(t *testing.T) (files []string) {
	t.Helper()
	root, err := moduleRoot()
	require.NoError(t, err)
	found, err := filepath.Glob(filepath.Join(root, collectionFiles))
	require.NoError(t, err)
	require.NotEmpty(t, found)
	for _, file := range found {
		files = append(files, "postman/"+filepath.Base(file))
	}
	return files
}

func readCollection(t *testing.T, file string) (c collectionItem) {
	t.Helper()
	root, err := moduleRoot()
	require.NoError(t, err)
	raw, err := os.ReadFile(filepath.Join(root, file))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &c))
	return c
}

// requestsOf gives the requests in all folders.
func requestsOf(items []collectionItem) (all []collectionItem) {
	for _, item := range items {
		if item.Request != nil {
			all = append(all, item)
		}
		all = append(all, requestsOf(item.Item)...)
	}
	return all
}
