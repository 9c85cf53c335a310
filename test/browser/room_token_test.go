package browser

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestThePresentersKeyInTheAddressOpensTheResults opens the results on another device than the
// presentation was made on. The address's fragment has the presenter's token, as the remote's link
// has it. The token is kept on that device, and told to nobody.
func TestThePresentersKeyInTheAddressOpensTheResults(t *testing.T) {
	r := create(t, plain.title,
		newPoll{question: plain.question, kind: "choice", options: plain.options})
	r.ask(http.MethodPatch, r.path("/polls/"+r.polls[0].PollID),
		map[string]any{"results_visibility": "presenter"}, nil)
	r.show(0)
	r.votes(0, 2, 1)
	v := visit(t, "presenter", desktop)
	v.expect("403") // what a wrong token is answered with
	asked := v.overhear()
	seen := func() {
		t.Helper()
		v.until(`JSON.stringify(%s) === "[2,1,0,0]" && document.querySelector("#polls `+
			`.bar").checkVisibility()`, counts("#polls"))
	}
	v.open("/results/" + r.ID + "#token=wrong")
	v.until(`document.querySelector("#polls .poll")?.innerText.includes("The presenter does not ` +
		`show these results.")`)
	v.open("/")
	require.False(t, value[bool](v, `document.querySelector("#mine").checkVisibility()`),
		"a wrong one is not kept")

	v.open("/results/" + r.ID + "#token=" + r.Token)
	seen()
	v.until(`location.hash === ""`)
	v.run(`navigator.clipboard.writeText = async (text) => { window.shared = text; }`)
	v.click("#share")
	v.until(`window.shared === %s`, js(v.base+"/results/"+r.ID))
	v.reload()
	seen()
	v.open("/")
	v.shows("#list strong", plain.title)
	v.shows("#list .code", r.JoinCode)
	v.open("/results/" + r.ID + "#token=wrong")
	v.until(`document.querySelector("#polls .poll")?.innerText.includes("The presenter does not ` +
		`show these results.")`)
	v.open("/")
	v.open("/results/" + r.ID)
	seen()

	all := asked.to("")
	require.NotEmpty(t, all)
	for _, request := range all {
		require.NotContains(t, request.url+" "+request.referrer, r.Token)
	}
}
