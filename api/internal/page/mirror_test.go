package page

import (
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestStylesSayNoSideSoThatTheLayoutMirrors for languages that are written from right to left. Only
// a screen's own edges have sides.
func TestStylesSayNoSideSoThatTheLayoutMirrors(t *testing.T) {
	all, err := read(files, "assets")
	require.NoError(t, err)
	sides := regexp.MustCompile(`\b(left|right)\b`)
	four := regexp.MustCompile(`(?:margin|padding|inset|border-width): ((?:[^;()]|\([^()]*\))+);`)
	for name, text := range all {
		if path.Ext(name) != ".css" {
			continue
		}
		css := regexp.MustCompile(`(?s)/\*.*?\*/`).ReplaceAllString(string(text), "")
		for line := range strings.SplitSeq(css, "\n") {
			if strings.Contains(line, "safe-area-inset-right") {
				continue
			}
			require.NotRegexp(t, sides,
				strings.ReplaceAll(line, "safe-area-inset-bottom", ""), name)
			for _, m := range four.FindAllStringSubmatch(line, -1) {
				values := regexp.MustCompile(`(?:[^\s()]|\([^()]*\))+`).FindAllString(m[1], -1)
				require.True(t, len(values) < 4 || values[1] == values[3], "%s: %s", name, line)
			}
		}
	}
}
