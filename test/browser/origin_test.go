package browser

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// TestAPageOfAnotherOriginVotes in a real browser, which asks the API first whether it may, and
// reads what it is told.
func TestAPageOfAnotherOriginVotes(t *testing.T) {
	r := create(t, plain.title, newPoll{question: "One", kind: "rating"})
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w,
			`<!doctype html><html lang="en"><link rel="icon" href="data:,`+
				`"><title>Elsewhere</title><h1>Elsewhere</h1>`)
	}))
	t.Cleanup(page.Close)
	v := newVisitor(chrome(t), t, "elsewhere", page.URL, desktop, chromedp.WithNewBrowserContext())
	v.log.expect("/polls/current")
	v.open("/")
	const ask = `(async () => {
		const to = %s, headers = { "Content-Type": "application/json", Authorization: "Bearer " + %s };
		const shown = await fetch(to + "/polls/current", { method: "PUT", headers, body: JSON.stringify({ move: "next" }) });
		const poll = await shown.json();
		const body = JSON.stringify({ poll_id: poll.poll_id, key: "5", client_id: %s });
		const vote = await fetch(to + "/polls/current/votes", { method: "POST", headers: { "Content-Type": "application/json" }, body });
		const wrong = await fetch(to + "/polls/current/votes", { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" });
		const first = await new Promise((done) => {
			const events = new EventSource(to + "/events");
			events.addEventListener("displayed", (e) => { events.close(); done(JSON.parse(e.data).version); });
		});
		const results = await (await fetch(to + "/polls/" + poll.poll_id + "/results")).json();
		return [shown.headers.get("ETag"), vote.status, vote.headers.get("X-Vote-Id") !== null, wrong.status, (await wrong.json()).field, first, results.total];
	})()`
	got := value[[]any](v, fmt.Sprintf(ask, js(site(t).URL+"/api/v1/presentations/"+r.ID),
		js(r.Token), js(uuid.NewString())))
	require.Equal(t, []any{`"1"`, 204.0, true, 400.0, "poll_id", 1.0, 1.0}, got)
}
