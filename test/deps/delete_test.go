package deps

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// wired are the folders where a feature has lines, which end with the mark of the feature, and
// files with its name.
var wired = []string{"pkg/backend", "api", "worker"}

// mark ends a feature's line where it is wired.
func mark(f feature) string { return "// feature: " + f.one }

// folders are all of a feature's that have code.
func (f feature) folders() []string {
	return append([]string{"pkg/" + f.one, "api/internal/" + f.many}, f.also...)
}

// tree is the repository with changes that are on no disk. What has not changed is compiled once
// for all trees.
type tree struct {
	t       *testing.T
	root    string
	changes map[string]string // text by path; "" is a file that is gone
}

func newTree(t *testing.T) *tree {
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	return &tree{t, root, map[string]string{}}
}

func (r *tree) read(name string) string {
	if text, changed := r.changes[name]; changed {
		return text
	}
	text, err := os.ReadFile(filepath.Join(r.root, name))
	require.NoError(r.t, err)
	return string(text)
}

// files lists the files in a folder that end in suffix.
func (r *tree) files(folder, suffix string, deep bool) (names []string) {
	visit := func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case d.IsDir() && !deep && path != filepath.Join(r.root, folder):
			return filepath.SkipDir
		case d.IsDir():
			return nil
		}
		name, err := filepath.Rel(r.root, path)
		if _, changed := r.changes[name]; !changed && strings.HasSuffix(name, suffix) {
			names = append(names, name)
		}
		return err
	}
	require.NoError(r.t, filepath.WalkDir(filepath.Join(r.root, folder), visit))
	for name, text := range r.changes {
		in := strings.HasPrefix(name, folder+"/") && (deep || filepath.Dir(name) == folder)
		if in && text != "" && strings.HasSuffix(name, suffix) {
			names = append(names, name)
		}
	}
	return names
}

// removeFolders is rm -r, also of the feature's files in folders that are no feature's: of those
// where it is wired, and of its tests.
func (r *tree) removeFolders(f feature) {
	for _, folder := range f.folders() {
		for _, name := range r.files(folder, "", true) {
			r.changes[name] = ""
		}
	}
	for _, folder := range append([]string{"test/e2e"}, wired...) {
		for _, name := range r.named(f, folder) {
			r.changes[name] = ""
		}
	}
}

// named are the files of a folder that have the feature's name: "talks.go", "talks_test.go".
func (r *tree) named(f feature, folder string) (names []string) {
	for _, name := range r.files(folder, ".go", false) {
		if strings.HasPrefix(filepath.Base(name), f.many) {
			names = append(names, name)
		}
	}
	return names
}

// built says whether a feature is there.
func (r *tree) built(f feature) bool { return len(r.files("pkg/"+f.one, ".go", true)) > 0 }

// removeLines takes out the lines that have the feature's mark, and the imports that served them.
func (r *tree) removeLines(f feature) {
	for _, folder := range wired {
		for _, name := range r.files(folder, ".go", false) {
			text := r.read(name)
			var kept []string
			for line := range strings.Lines(text) {
				if !strings.HasSuffix(strings.TrimSpace(line), mark(f)) && !f.isImported(line) {
					kept = append(kept, line)
				}
			}
			if now := strings.Join(kept, ""); now != text {
				r.changes[name] = now
			}
		}
	}
}

// isImported says whether a line is an import of one of the feature's packages.
func (f feature) isImported(line string) bool {
	for _, folder := range f.folders() {
		_, imported, ok := strings.Cut(line, `"`+module+folder)
		if ok && strings.HasSuffix(strings.TrimSpace(imported), `"`) {
			return true
		}
	}
	return false
}

// compile compiles the product, without its tests.
func (r *tree) compile() error {
	return r.list("./pkg/...", "./api/...", "./worker/...", "./test/...")
}

// compileTests compiles the tests of the whole system.
func (r *tree) compileTests() error { return r.list("-test", "./test/e2e") }

// list has the go command compile packages.
func (r *tree) list(args ...string) error {
	replace, dir := map[string]string{}, r.t.TempDir()
	for name, text := range r.changes {
		to := ""
		if text != "" {
			to = filepath.Join(dir, fmt.Sprintf("%d.go", len(replace)))
			require.NoError(r.t, os.WriteFile(to, []byte(text), 0o600))
		}
		replace[filepath.Join(r.root, name)] = to
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	require.NoError(r.t, err)
	file := filepath.Join(dir, "overlay.json")
	require.NoError(r.t, os.WriteFile(file, overlay, 0o600))
	cmd := exec.Command("go", append([]string{"list", "-export", "-overlay", file, "-f",
		"{{.ImportPath}}"}, args...)...)
	cmd.Dir = r.root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// TestAFeatureCanBeDeleted with rm -r of its folders and files, and of its lines where it is wired.
// Polls are not tried: the protocol's parts are theirs.
func TestAFeatureCanBeDeleted(t *testing.T) {
	for _, f := range features {
		r := newTree(t)
		if f.one == "poll" || !r.built(f) {
			continue
		}
		r.removeFolders(f)
		r.removeLines(f)
		require.NoError(t, r.compile(), f.many)
		require.NoError(t, r.compileTests(), f.many)
	}
}

// Whoever looks for a part of a feature finds it under the feature's name. The tests of polls have
// the names of what they test.
func TestAFeatureHasAllItsParts(t *testing.T) {
	for _, f := range features {
		r := newTree(t)
		if !r.built(f) {
			continue
		}
		for _, name := range []string{
			"pkg/" + f.one + "/store.go", "pkg/" + f.one + "/" + f.one + "test",
			"pkg/" + f.one + "/" + f.one + "pg", "pkg/" + f.one + "/" + f.one + "lite",
			"api/internal/" + f.many + "/routes.go", "api/internal/" + f.many + "/openapi.yaml",
			"postman/" + f.many + ".postman_collection.json", "docs/features/" + f.many + ".md",
		} {
			require.True(t, there(filepath.Join(r.root, name)), "%s has no %s", f.many, name)
		}
		if f.one == "poll" {
			continue
		}
		require.Contains(t, r.named(f, "test/e2e"), "test/e2e/"+f.many+"_test.go")
		for _, engine := range []string{"postgres", "sqlite"} {
			for _, way := range []string{"up", "down"} {
				found, err := filepath.Glob(filepath.Join(r.root, "migrations", engine,
					"*_"+f.many+"."+way+".sql"))
				require.NoError(t, err)
				require.NotEmpty(t, found, "%s of %s, %s", engine, f.many, way)
			}
		}
	}
}

func there(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// usesToy is a file of a package that has a variable of the toy's type.
func usesToy(name, variable string) string {
	toy := module + "pkg/toy"
	return fmt.Sprintf("package %s\n\nimport %q\n\nvar %s toy.Store\n", name, toy, variable)
}

// withToy gives a tree with one more feature.
func withToy(t *testing.T) (*tree, feature) {
	r, toy := newTree(t), feature{one: "toy", many: "toys"}
	r.changes["pkg/toy/toy.go"] = "package toy\n\ntype Store interface{ Play() }\n"
	r.changes["pkg/toy/toypg/store.go"] = usesToy("toypg", "Store")
	r.changes["api/internal/toys/routes.go"] = usesToy("toys", "Routes")
	for name, uses := range map[string][2]string{
		"pkg/backend/backend.go": {"pkg/toy/toypg", "toypg.Store"},
		"api/main.go":            {"api/internal/toys", "toys.Routes"},
		"worker/main.go":         {"pkg/toy", "toy.Store(nil)"},
	} {
		head, rest, found := strings.Cut(r.read(name), "import (\n")
		require.True(t, found, name)
		r.changes[name] = fmt.Sprintf("%simport (\n\t%q\n%s\nvar _ = %s %s\n",
			head, module+uses[0], rest, uses[1], mark(toy))
	}
	return r, toy
}

func TestTheDeleteTestFindsWhatIsLeft(t *testing.T) {
	r, toy := withToy(t)
	require.NoError(t, r.compile(), "the toy is there")
	r.removeFolders(toy)
	require.ErrorContains(t, r.compile(), "pkg/toy", "its lines are there still")
	r.removeLines(toy)
	require.NoError(t, r.compile(), "all of it is gone")
	for name := range r.changes {
		if text := r.read(name); text != "" {
			disk, err := os.ReadFile(filepath.Join(r.root, name))
			require.NoError(t, err)
			require.Equal(t, strings.TrimSpace(string(disk)), strings.TrimSpace(text), name)
		}
	}

	r, toy = withToy(t)
	r.changes["pkg/limit/planted.go"] = usesToy("limit", "planted")
	r.removeFolders(toy)
	r.removeLines(toy)
	require.ErrorContains(t, r.compile(), "pkg/limit", "somebody else uses it")

	r, toy = withToy(t)
	r.changes["test/e2e/toys_test.go"] = usesToy("e2e", "toysOwn")
	r.removeFolders(toy)
	r.removeLines(toy)
	require.NoError(t, r.compileTests(), "its own tests are gone, too")
	r.changes["test/e2e/planted_test.go"] = usesToy("e2e", "plantedToy")
	require.ErrorContains(t, r.compileTests(), "pkg/toy", "another feature's tests use it")
}
