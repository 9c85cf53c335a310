package browser

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// axeCore finds what keeps people from using a page. Pinned, so that a release of it breaks nothing
// here.
const axeCore = "axe-core@4.14.1"

// theirs are the rules that /docs breaks, which is the page of a library, swgui. It breaks them
// with:
//   - its colours
//   - buttons within what can be clicked itself
//   - a title that is no first heading
//   - a list without a name
//
// It keeps every other rule.
var theirs = []string{"color-contrast", "nested-interactive", "page-has-heading-one", "select-name"}

// TestEveryPageHasItsPictureAndKeepsNobodyOut runs axe on every page in every state, light and
// dark. In English it does so on the screen that most people see the page on, and takes the
// picture. In German, whose words are longer, and in Arabic, which is mirrored, it does so on the
// narrowest screen.
func TestEveryPageHasItsPictureAndKeepsNobodyOut(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: needs servers and a browser")
	}
	axe := axeSource(t)
	all, presents := scenes(t, plain)
	v := visit(t, "presenter", desktop)
	v.prepares(axe)
	presents(v)
	pictures := map[string]string{"light": "", "dark": "-dark"}
	for _, lang := range []string{"en", "de", "ar"} {
		v.speaks(lang)
		for _, s := range all {
			on := s.on
			if lang != "en" {
				on = narrow
			}
			v.resize(on)
			s.show(v)
			options := map[string]any{}
			if s.name == "docs" {
				for _, rule := range theirs {
					options[rule] = map[string]bool{"enabled": false}
				}
			} else { // it speaks English only
				require.Equal(t, lang, value[string](v, `document.documentElement.lang`))
			}
			rules, err := json.Marshal(options)
			require.NoError(t, err)
			for _, colours := range []string{"light", "dark"} {
				v.scheme(colours)
				if lang == "en" {
					v.shoot(s.name + pictures[colours])
				}
				result := value[struct {
					Found  []string
					Passed int
				}](v, `axe.run({ resultTypes: ["violations"], rules: `+string(rules)+
					` }).then(({ violations, passes }) => ({ passed: passes.length,
					found: violations.flatMap((v) =>
					v.nodes.map((n) => v.id + " (" + v.impact + "): " + n.target + " " + n.failureSummary.replace(/\s+/g, " "))) }))`)
				assert.Empty(t, result.Found, "%s in %s, %s, %d pixels wide", s.name, lang,
					colours, on.width)
				assert.Greater(t, result.Passed, 10, "%s: axe did not look", s.name)
			}
			v.scheme("light")
		}
	}
}

// axeSource gives axe's script, from the npm registry the first time and from .build after that.
// Without it nobody knows whether the pages can be used by everybody.
func axeSource(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(root(), ".build")
	file := filepath.Join(dir, strings.ReplaceAll(axeCore, "@", "-")+".js")
	if raw, err := os.ReadFile(file); err == nil {
		return string(raw)
	}
	npm, err := exec.LookPath("npm")
	require.NoError(t, err, `npm is not installed: "make deps" installs it`)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	where := t.TempDir()
	cmd := exec.CommandContext(ctx, npm, "pack", axeCore, "--pack-destination", where, "--silent")
	cmd.Dir = where
	cmd.Env = append(os.Environ(), "npm_config_update_notifier=false")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s is not in %s and cannot be fetched from the npm registry: %s",
		axeCore, file, out)
	packed, err := filepath.Glob(filepath.Join(where, "*.tgz"))
	require.NoError(t, err)
	require.Len(t, packed, 1)
	raw, err := unpack(packed[0], "package/axe.min.js")
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(dir, 0o755))
	require.NoError(t, os.WriteFile(file+".new", raw, 0o644))
	require.NoError(t, os.Rename(file+".new", file))
	return string(raw)
}

// unpack gives one file of a compressed archive.
func unpack(archive, name string) ([]byte, error) {
	raw, err := os.ReadFile(archive)
	if err != nil {
		return nil, err
	}
	in, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	for files := tar.NewReader(in); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil, os.ErrNotExist
		}
		if err != nil {
			return nil, err
		}
		if header.Name == name {
			return io.ReadAll(files)
		}
	}
}
