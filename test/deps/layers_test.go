package deps

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// layered are the folders whose files lie in layers: a file uses only what lies below it. In
// api/internal/eventloop a connection, its turn and its loop are one machine, in files by its
// parts.
var layered = []string{
	"api/internal/accounts", "api/internal/budget", "api/internal/docs", "api/internal/live",
	"api/internal/page",
	"api/internal/polls", "api/internal/polls/fast", "api/internal/polls/fast/fasttest",
	"api/internal/qr", "api/internal/server", "api/internal/talks",
	"api/internal/table", "api/internal/web", "api/internal/xlsx",
}

// built is a package as the go command has compiled it.
type built struct {
	ImportPath, Dir, Export string
	GoFiles                 []string
}

// compiled gives packages with all that they import, by import path.
func compiled(t *testing.T, folders ...string) map[string]built {
	args := []string{"list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles"}
	for _, folder := range folders {
		args = append(args, module+folder)
	}
	out, err := exec.Command("go", args...).Output()
	require.NoError(t, err)
	all := map[string]built{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p built
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else {
			require.NoError(t, err)
		}
		all[p.ImportPath] = p
	}
}

// arrows gives, for each file of a package, the other files of which it uses something, and an
// example of what.
func arrows(t *testing.T, all map[string]built, p built) map[string]map[string]string {
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, 0)
		require.NoError(t, err)
		files = append(files, f)
	}
	exported := func(path string) (io.ReadCloser, error) { return os.Open(all[path].Export) }
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	cfg := types.Config{Importer: importer.ForCompiler(fset, "gc", exported)}
	_, err := cfg.Check(p.ImportPath, fset, files, info)
	require.NoError(t, err)
	fileOf := func(at token.Pos) string { return filepath.Base(fset.Position(at).Filename) }
	arrows := map[string]map[string]string{}
	for _, name := range p.GoFiles {
		arrows[name] = map[string]string{}
	}
	for id, used := range info.Uses {
		if used.Pkg() == nil || used.Pkg().Path() != p.ImportPath {
			continue
		}
		if from, to := fileOf(id.Pos()), fileOf(used.Pos()); from != to {
			arrows[from][to] = used.Name()
		}
	}
	return arrows
}

// upward takes away, again and again, the files that use no other file. It gives the arrows between
// those that stay, which run in a circle.
func upward(arrows map[string]map[string]string) (up []string) {
	for {
		var low []string
		for file, uses := range arrows {
			if len(uses) == 0 {
				low = append(low, file)
			}
		}
		if len(low) == 0 {
			break
		}
		for _, file := range low {
			delete(arrows, file)
		}
		for _, uses := range arrows {
			for _, file := range low {
				delete(uses, file)
			}
		}
	}
	for file, uses := range arrows {
		for other, name := range uses {
			up = append(up, fmt.Sprintf("%s uses %s of %s", file, name, other))
		}
	}
	slices.Sort(up)
	return up
}

func TestFilesLieInLayers(t *testing.T) {
	all := compiled(t, layered...)
	for _, folder := range layered {
		up := upward(arrows(t, all, all[module+folder]))
		assert.Empty(t, up, "%s: no order of these files has all arrows run down", folder)
	}
}
