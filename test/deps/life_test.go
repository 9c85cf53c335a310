package deps

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// unproven are packages that start goroutines and do not run the suite of life.Service yet, with
// what each shall prove there.
var unproven = map[string]string{
	"api":                    "what the process is made of, in order",
	"api/internal/eventloop": "Listener",
	"api/internal/live":      "the hub",
	"api/internal/polls":     "its entrance, and what it coalesces",
	"api/internal/web":       "streams that are being sent",
	"pkg/commit":             "Group",
	"pkg/inproc":             "Log",
	"pkg/rabbitmq":           "Log",
	"pkg/work":               "Worker",
	"worker":                 "what the process is made of, in order",
}

// starts says whether a file starts a goroutine.
func starts(f *ast.File) (found bool) {
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			found = true
		case *ast.CallExpr:
			s, ok := n.Fun.(*ast.SelectorExpr)
			found = found || ok && s.Sel.Name == "Go" && len(n.Args) == 1
		}
		return !found
	})
	return found
}

// running lists the packages of a tree that start goroutines, and says which of them run the suite.
func running(t *testing.T, root string) map[string]bool {
	t.Helper()
	proven := map[string]bool{}
	var all []string
	for _, top := range []string{"pkg", "api", "worker"} {
		visit := func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
				return err
			}
			folder, err := filepath.Rel(root, filepath.Dir(path))
			if err != nil {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if strings.HasSuffix(path, "_test.go") {
				proven[folder] = proven[folder] || strings.Contains(string(text), "lifetest.Run(")
				return nil
			}
			f, err := parser.ParseFile(token.NewFileSet(), path, text, parser.SkipObjectResolution)
			if err == nil && starts(f) {
				all = append(all, folder)
			}
			return err
		}
		require.NoError(t, filepath.WalkDir(filepath.Join(root, top), visit))
	}
	found := map[string]bool{}
	for _, folder := range all {
		// A suite's goroutines end with its test. The benchmark's no-op is no part of the product.
		if !strings.HasSuffix(folder, "test") && folder != "api/internal/noop" {
			found[folder] = proven[folder]
		}
	}
	return found
}

// amiss lists the packages that should run the suite and do not, and what is wrong with the list of
// those that do not yet.
func amiss(found map[string]bool, unproven map[string]string) (all []string) {
	for folder, proven := range found {
		_, later := unproven[folder]
		switch {
		case !proven && !later:
			all = append(all, folder+" starts goroutines: its tests must have lifetest.Run")
		case proven && later:
			all = append(all, folder+" passes the suite of life: delete it from unproven")
		}
	}
	for folder := range unproven {
		if _, runs := found[folder]; !runs {
			all = append(all, folder+" starts no goroutine: delete it from unproven")
		}
	}
	return all
}

func TestWhatRunsPassesTheSuiteOfLife(t *testing.T) {
	found := running(t, "../..")
	require.Empty(t, amiss(found, unproven))
	require.True(t, found["pkg/stage"] && found["pkg/backend"] && found["pkg/life"], "they pass it")
}

func TestWhatRunsIsFound(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"pkg/a/a.go":          "package a\n\nfunc f() { go f() }\n",
		"pkg/b/b.go":          "package b\n\nvar w sync.WaitGroup\n\nfunc f() { w.Go(f) }\n",
		"pkg/b/b_test.go":     "package b\n\n// lifetest.Run(\n",
		"pkg/c/c.go":          "package c\n",
		"pkg/d/dtest/test.go": "package dtest\n\nfunc f() { go f() }\n",
		"api/main.go":         "package main\n",
		"worker/main.go":      "package main\n\nfunc f() { go f() }\n",
	} {
		require.NoError(t, os.MkdirAll(filepath.Join(root, filepath.Dir(name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(text), 0o600))
	}
	want := map[string]bool{"pkg/a": false, "pkg/b": true, "worker": false}
	require.Equal(t, want, running(t, root))
}

func TestAWrongListOfWhatIsUnprovenIsFound(t *testing.T) {
	found := map[string]bool{"pkg/a": false, "pkg/b": true, "pkg/c": false, "pkg/d": true}
	later := map[string]string{"pkg/c": "Log", "pkg/d": "Group", "pkg/gone": "Worker"}
	require.ElementsMatch(t, []string{
		"pkg/a starts goroutines: its tests must have lifetest.Run",
		"pkg/d passes the suite of life: delete it from unproven",
		"pkg/gone starts no goroutine: delete it from unproven",
	}, amiss(found, later))
}
