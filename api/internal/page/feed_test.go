package page

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/feed"
)

func TestThePagesKnowWhatTheAPITakesOfAPoll(t *testing.T) {
	for file, want := range map[string]string{
		"assets/feedpolls.js": fmt.Sprintf("export const most = { title: %d, least: %d, "+
			"options: %d, option: %d, tags: %d, tag: %d };", feed.MaxTitle, feed.LeastOpts,
			feed.MaxOptions, feed.MaxOption, feed.MaxTags, feed.MaxTag),
		"pages/feed.html": fmt.Sprintf(`maxlength="%d"`, feed.MaxSearch),
	} {
		text, err := files.ReadFile(file)
		require.NoError(t, err)
		require.Contains(t, string(text), want, file)
	}
	for _, results := range []feed.Results{feed.Always, feed.AfterVote, feed.AfterClose} {
		text, err := files.ReadFile("pages/feednew.html")
		require.NoError(t, err)
		require.Contains(t, string(text), fmt.Sprintf(`<option value="%s"`, results))
	}
	_, p := newSite(t)
	for _, l := range p.languages.all {
		for key, most := range map[string]int{"feed.options_hint": feed.MaxOptions,
			"feed.tags_hint": feed.MaxTags} {
			hint, err := l.text(key)
			require.NoError(t, err)
			require.Contains(t, hint, fmt.Sprint(most), l.tag)
		}
	}
}

// TestABrowserOf2019UnderstandsTheFeed holds the pages on which people vote.
func TestABrowserOf2019UnderstandsTheFeed(t *testing.T) {
	areUnderstoodIn2019(t, "feed", "feedpoll")
}

// TestTheFeedHasAPageForEachPoll and none for what is no poll's id.
func TestTheFeedHasAPageForEachPoll(t *testing.T) {
	app, _ := newSite(t)
	for path, status := range map[string]int{"/feed": 200, "/feed?tag=%00&search=%25": 200,
		"/feed/new": 200, "/feed/" + someID: 200, "/feed/x": http.StatusNotFound,
		"/feed/old": http.StatusNotFound, "/feed/%2e%2e": http.StatusNotFound} {
		require.Equal(t, status, ask(t, app, path).StatusCode, path)
	}
}
