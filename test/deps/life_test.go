package deps

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// opened are packages that start goroutines and have no life.Service. Beside each stands the suite
// of its port, which proves the same of Close. What is opened gives its users a promise before they
// begin. Its opening waits for a server, and may fail, so a service would be wrong.
var opened = map[string]string{
	// a log: queue.Log has Close, and the port says what that promises
	"pkg/inproc":   "queuetest.Run(",
	"pkg/rabbitmq": "queuetest.Run(", // a log, likewise: Open waits for the broker
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

// running lists the packages of a tree that start goroutines, and says which of them run their
// suite.
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
				suite := cmp.Or(opened[filepath.ToSlash(folder)], "lifetest.Run(")
				proven[folder] = proven[folder] || strings.Contains(string(text), suite)
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

// amiss lists the packages that should run a suite and do not, and what is wrong with the list of
// those that are opened.
func amiss(found map[string]bool, opened map[string]string) (all []string) {
	for folder, proven := range found {
		if !proven {
			suite := cmp.Or(opened[folder], "lifetest.Run(")
			all = append(all, folder+" starts goroutines: its tests must have "+suite)
		}
	}
	for folder := range opened {
		if _, runs := found[folder]; !runs {
			all = append(all, folder+" starts no goroutine: delete it from opened")
		}
	}
	return all
}

func TestWhatRunsPassesTheSuiteOfLife(t *testing.T) {
	found := running(t, "../..")
	require.Empty(t, amiss(found, opened))
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

func TestAWrongListOfWhatIsOpenedIsFound(t *testing.T) {
	found := map[string]bool{"pkg/a": false, "pkg/b": true, "pkg/c": false, "pkg/d": true}
	opened := map[string]string{"pkg/c": "queuetest.Run(", "pkg/d": "queuetest.Run(",
		"pkg/gone": "x"}
	require.ElementsMatch(t, []string{
		"pkg/a starts goroutines: its tests must have lifetest.Run(",
		"pkg/c starts goroutines: its tests must have queuetest.Run(",
		"pkg/gone starts no goroutine: delete it from opened",
	}, amiss(found, opened))
}
