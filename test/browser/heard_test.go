package browser

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTroubleIsHeard makes each kind of trouble that the other tests rely on not to be there.
func TestTroubleIsHeard(t *testing.T) {
	v := visit(t, "troublemaker", desktop)
	v.open("/")
	for kind, script := range map[string]string{
		"policy: ": `document.body.append(Object.assign(document.createElement("script"), { ` +
			`textContent: "window.hacked = 1" }))`,
		"security: ":  `document.body.setAttribute("onclick", "window.hacked = 1")`,
		"dialog: ":    `alert(1)`,
		"exception: ": `void setTimeout(() => { throw new Error("here"); })`,
		"console: ":   `console.error("here")`,
		"network: ":   `fetch("/nothing/is/here").then(() => {})`,
	} {
		v.run(script)
		require.Eventually(t, func() bool {
			return strings.Contains(strings.Join(v.log.all(), "\n"),
				kind)
		}, patience, tick, kind)
		v.log.forget()
	}
	require.False(t, value[bool](v, `"hacked" in window`))
	v.open("/") // what was on its way is here
	v.log.forget()
}
