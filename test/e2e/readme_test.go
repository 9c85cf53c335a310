package e2e

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTheFirstVoteOfTheREADMEWorksWhenPasted runs the README's blocks one after the other. An empty
// variable gets the member of the last answer that its comment names.
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
	require.Contains(t, bash(t, before+"curl -s $API/$ID/polls/$POLL/results"),
		`"total":1,"identity":"client","options":[{"key":"A","value":"Argentina","count":1},`+
			`{"key":"B","value":"Brazil","count":0}]`)
	token := " -H 'Authorization: Bearer " + member(t, first, "presenter_token") + "'"
	require.Regexp(t,
		`\[{"client_id":"6e1f1c1e-7d2b-4a55-9a4e-0a5f6f0a7c11","key":"A","cast_at":"[^"]+"}\]`,
		bash(t, before+"curl -s $API/$ID/polls/$POLL/votes"+token))
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
