package main

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/config"
)

// repository is what a page may name.
type repository struct {
	paths    map[string]bool // of files and folders, from the root
	bases    map[string]bool // names of files
	tests    []string        // functions of tests, fuzz tests and benchmarks
	code     string          // all Go code of tests
	compose  string          // the files with the settings of Compose and NGINX
	makefile string
}

// unnamedFolders are no part of the repository.
var unnamedFolders = []string{".git", ".build", ".stack", "node_modules"}

func read(t *testing.T, root string) (r repository) {
	t.Helper()
	r = repository{paths: map[string]bool{}, bases: map[string]bool{}}
	text := func(name string) string {
		data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		require.NoError(t, err)
		return string(data)
	}
	var tests, compose strings.Builder
	require.NoError(t, filepath.WalkDir(root, func(file string, e fs.DirEntry, err error) error {
		name, _ := filepath.Rel(root, file)
		name = filepath.ToSlash(name)
		switch {
		case err != nil:
			return err
		case e.IsDir() && slices.Contains(unnamedFolders, name):
			return fs.SkipDir
		case e.IsDir():
		case strings.HasSuffix(name, ".go") && strings.Contains(text(name), "testing."):
			tests.WriteString(text(name))
		case slices.Contains([]string{"docker-compose.yml", ".env.example"}, name),
			strings.HasPrefix(name, "nginx/"):
			compose.WriteString(text(name))
		}
		r.paths[name], r.bases[path.Base(name)] = true, true
		return nil
	}))
	r.code, r.compose, r.makefile = tests.String(), compose.String(), text("Makefile")
	for _, m := range function.FindAllStringSubmatch(r.code, -1) {
		r.tests = append(r.tests, m[1])
	}
	return r
}

var (
	function = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)[A-Za-z0-9_]*)\(`)
	toFile   = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	spans    = regexp.MustCompile("(?s)`([^`]+)`")
	inFence  = regexp.MustCompile("(?ms)^```[a-z- ]*\n(.*?)^```$|^    (.*?)$")
	someTest = regexp.MustCompile(`^(?:Test|Fuzz|Benchmark)[A-Z0-9][A-Za-z0-9_]*$`)
	aCase    = regexp.MustCompile(`[a-z]+test "([^"]+)"`)
	setting  = regexp.MustCompile(`\b(?:PLENARY|NGINX)_[A-Z][A-Z_]*[A-Z]\b`)
	making   = regexp.MustCompile(`\bmake ([a-z][a-z-]*)\b`)
	running  = regexp.MustCompile(`-run '?([^\s']+)'?`)
	aFile    = regexp.MustCompile(`^[\w.-][\w./-]*\.(?:go|js|py|yaml|yml|envsh|pml|sql|svg|md)$`)
	aPath    = regexp.MustCompile(`^(?:\./)?(?:api|docs|migrations|nginx|pkg|postgres|postman|` +
		`rabbitmq|scripts|test|worker)(?:/[\w./-]+)?/?$`)
	title   = regexp.MustCompile(`(?m)^#+ (.*)$`)
	unnamed = regexp.MustCompile(`[^a-z0-9 _-]`)
)

// missing lists what a page names that is not there. The page's text is of the file in that folder.
func (r repository) missing(folder, page string, anchors map[string][]string) (gone []string) {
	need := func(there bool, name string) {
		if !there {
			gone = append(gone, name)
		}
	}
	for _, m := range toFile.FindAllStringSubmatch(page, -1) {
		file, anchor, _ := strings.Cut(m[1], "#")
		if strings.Contains(m[1], "://") {
			continue
		}
		to := path.Clean(path.Join(folder, file))
		need(file == "" || r.paths[to], m[1])
		if list, ok := anchors[to]; ok && anchor != "" {
			need(slices.Contains(list, anchor), m[1])
		}
	}
	var pieces []string // words of code
	for _, m := range inFence.FindAllStringSubmatch(page, -1) {
		pieces = append(pieces, strings.Fields(m[1]+m[2])...)
	}
	page = inFence.ReplaceAllString(page, "\n")
	for _, m := range spans.FindAllStringSubmatch(page, -1) {
		pieces = append(pieces, strings.Fields(m[1])...)
		for _, run := range running.FindAllStringSubmatch(m[1], -1) {
			for name := range strings.SplitSeq(run[1], "|") {
				name, _, _ = strings.Cut(strings.Trim(name, "^$()"), "/")
				need(name == "NAME" || r.hasTest(name), "-run "+name)
			}
		}
	}
	for _, piece := range pieces {
		piece = strings.TrimRight(piece, ",;:")
		switch {
		case someTest.MatchString(piece):
			need(slices.Contains(r.tests, piece), piece)
		case aFile.MatchString(piece) && !strings.Contains(piece, "/"):
			need(r.bases[piece], piece)
		case aPath.MatchString(piece):
			need(r.paths[path.Clean(strings.TrimSuffix(piece, "/..."))], piece)
		case aFile.MatchString(piece):
			need(r.paths[path.Clean(piece)], piece)
		}
	}
	for _, m := range aCase.FindAllStringSubmatch(page, -1) {
		need(strings.Contains(r.code, `"`+m[1]+`"`), m[0])
	}
	for _, name := range setting.FindAllString(page, -1) {
		known := slices.ContainsFunc(config.Settings, func(s config.Setting) bool {
			return config.Prefix+s.Name == name
		})
		need(known || strings.Contains(r.compose, name), name)
	}
	for _, m := range making.FindAllStringSubmatch(strings.Join(pieces, " "), -1) {
		need(strings.Contains("\n"+r.makefile, "\n"+m[1]+":"), m[0])
	}
	return gone
}

// hasTest is whether "go test -run" finds a test by a part of its name.
func (r repository) hasTest(part string) bool {
	return slices.ContainsFunc(r.tests, func(t string) bool { return strings.Contains(t, part) })
}

// anchorsOf gives the names under which a page's headings are found.
func anchorsOf(page string) (all []string) {
	for _, m := range title.FindAllStringSubmatch(page, -1) {
		name := unnamed.ReplaceAllString(strings.ToLower(m[1]), "")
		all = append(all, strings.ReplaceAll(name, " ", "-"))
	}
	return all
}

func TestEverythingThatThePagesNameExists(t *testing.T) {
	r := read(t, "../..")
	require.NotEmpty(t, r.tests)
	pages, anchors := map[string]string{}, map[string][]string{}
	for name := range r.paths {
		if isPage(name) {
			text, err := os.ReadFile("../../" + name)
			require.NoError(t, err)
			pages[name], anchors[name] = string(text), anchorsOf(string(text))
		}
	}
	require.Contains(t, pages, "docs/security.md")
	for name, text := range pages {
		require.NotContains(t, text, "@@", "%s has a place that nobody filled in", name)
		for _, gone := range r.missing(path.Dir(name), text, anchors) {
			t.Errorf("%s names %s, which is not there", name, gone)
		}
	}
}

func TestTheFeaturesPagesHaveTheSameHeadings(t *testing.T) {
	files, err := filepath.Glob("../../docs/features/*.md")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var headings []string
		for line := range strings.SplitSeq(string(text), "\n") {
			if heading, ok := strings.CutPrefix(line, "## "); ok {
				headings = append(headings, heading)
			}
		}
		require.Equal(t, []string{
			"What it is", "Words", "API", "Promises and how they are kept", "Data",
			"Limits and settings", "How it is tested",
		}, headings, file)
	}
}

func TestWhatAPageNamesAndIsNotThereIsFound(t *testing.T) {
	r := read(t, "../..")
	twice := strings.Repeat("gone", 2) // no string of a test
	anchors := map[string][]string{"docs/a.md": anchorsOf("# A, b's `c`\n\n## D e\n")}
	for page, gone := range map[string]string{
		"[a](gone.md)": "gone.md", "[a](../gone.svg)": "../gone.svg", "[a](a.md#f)": "a.md#f",
		"`gone.go`": "gone.go", "`pkg/gone`": "pkg/gone", "see `api/gone.go`, and": "api/gone.go",
		"`TestGone`": "TestGone", "`go test -run 'Qqq|Pages' ./x`": "-run Qqq",
		"`go test ./pkg/gone -run Prose`": "./pkg/gone", "`PLENARY_GONE`": "PLENARY_GONE",
		"NGINX_GONE is set": "NGINX_GONE", "`make gone`": "make gone",
		`polltest "` + twice + `"`: `polltest "` + twice + `"`,
		"```sh\nmake gone\n```":    "make gone", "a\n\n    go test ./gone.go": "./gone.go",
	} {
		require.Contains(t, r.missing("docs", page, anchors), gone, page)
	}
	for _, page := range []string{
		"", "\xff`", "[a](security.md) [b](https://gone.md) [c](#here) [d](../README.md)",
		"`names_test.go` and `test/prose/names_test.go`, `pkg/config` `./test/...` `/gone.go`",
		"`TestEverythingThatThePagesNameExists` `-run 'WhatAPage|Pages/sub'` `-run NAME`",
		"PLENARY_ADDR and NGINX_TRUSTED and `PLENARY_PORT`", "`make lint`", "make gone words",
		"```json\n{\"a\": 1}\n```",
	} {
		require.Empty(t, r.missing("docs", page, anchors), page)
	}
	require.Equal(t, []string{"a-bs-c", "d-e"}, anchors["docs/a.md"])
}
