package e2e

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheFirstVoteOfTheREADMEWorksWhenPasted(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	block := regexp.MustCompile("(?s)```sh first-vote\n(.*?)```").FindSubmatch(readme)
	require.NotNil(t, block, "the README has lost its first vote")
	embedded.start()
	script := strings.ReplaceAll(string(block[1]), "http://localhost:8080", embedded.on(t).base)
	out, err := exec.Command("bash", "-euo", "pipefail", "-c", script).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "204 No Content")
	require.Contains(t, string(out), `"total":1,"identity":"client","options":[{"key":"A","value":"Argentina","count":1},{"key":"B","value":"Brazil","count":0}]`)
	require.Regexp(t, `\[{"client_id":"6e1f1c1e-7d2b-4a55-9a4e-0a5f6f0a7c11","key":"A","cast_at":"[^"]+"}\]`, string(out))
}

var link = regexp.MustCompile(`\]\(([^)#]+)`)

func TestEveryFileThatTheDocsLinkToExists(t *testing.T) {
	for doc, dir := range map[string]string{"README.md": "../../", "docs/architecture.md": "../../docs/", "docs/guarantees.md": "../../docs/", "docs/security.md": "../../docs/"} {
		text, err := os.ReadFile("../../" + doc)
		require.NoError(t, err)
		require.NotContains(t, string(text), "@@", "%s has a place that nobody filled in", doc)
		for _, m := range link.FindAllSubmatch(text, -1) {
			if target := string(m[1]); !strings.HasPrefix(target, "http") {
				_, err := os.Stat(dir + target)
				require.NoError(t, err, "%s links to %s", doc, target)
			}
		}
	}
}

// named is a test, as the docs name it.
var named = regexp.MustCompile("`((?:Test|Fuzz)[A-Z][A-Za-z0-9]*)`")

func TestEveryTestThatTheDocsNameExists(t *testing.T) {
	out, err := exec.Command("git", "-C", "../..", "grep", "-hoE", "^func (Test|Fuzz)[A-Za-z0-9]+", "--", "*_test.go").Output()
	require.NoError(t, err)
	there := strings.Fields(strings.ReplaceAll(string(out), "func ", ""))
	text, err := os.ReadFile("../../docs/security.md")
	require.NoError(t, err)
	names := named.FindAllSubmatch(text, -1)
	require.NotEmpty(t, names)
	for _, m := range names {
		require.Contains(t, there, string(m[1]))
	}
}
