package e2e

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTheFirstVoteOfTheREADMEWorksWhenPasted runs the README's commands one after the other, and does
// by hand what it asks for: a variable that is empty there gets the member that its comment names.
func TestTheFirstVoteOfTheREADMEWorksWhenPasted(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```sh first-vote\n(.*?)```").FindAllSubmatch(readme, -1)
	require.Len(t, blocks, 3, "the README has lost its first vote")
	embedded.start()
	variable := regexp.MustCompile(`(?m)^([A-Z]+)= +# the ([a-z_]+)$`)
	var before, first, last string
	for _, block := range blocks {
		pasted := variable.ReplaceAllStringFunc(string(block[1]), func(line string) string {
			name := variable.FindStringSubmatch(line)
			return name[1] + "=" + member(t, last, name[2])
		})
		before += strings.ReplaceAll(pasted, "http://localhost:8080", embedded.on(t).base)
		last = bash(t, before)
		if first == "" {
			first = last
		}
		before = regexp.MustCompile(`(?ms)^curl .*`).ReplaceAllString(before, "")
	}
	require.Contains(t, last, "204 No Content")
	require.Contains(t, bash(t, before+"curl -s $API/$ID/polls/$POLL/results"), `"total":1,"identity":"client","options":[{"key":"A","value":"Argentina","count":1},{"key":"B","value":"Brazil","count":0}]`)
	token := member(t, first, "presenter_token")
	votes := bash(t, before+"curl -s $API/$ID/polls/$POLL/votes -H 'Authorization: Bearer "+token+"'")
	require.Regexp(t, `\[{"client_id":"6e1f1c1e-7d2b-4a55-9a4e-0a5f6f0a7c11","key":"A","cast_at":"[^"]+"}\]`, votes)
}

// bash gives what a script prints.
func bash(t *testing.T, script string) string {
	t.Helper()
	out, err := exec.Command("bash", "-euo", "pipefail", "-c", script).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

// member gives the first string of that name in a JSON text.
func member(t *testing.T, text, name string) string {
	t.Helper()
	found := regexp.MustCompile(`"` + name + `":"([^"]*)"`).FindStringSubmatch(text)
	require.NotNil(t, found, "%s is not in %s", name, text)
	return found[1]
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
