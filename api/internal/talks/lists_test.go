package talks

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/api/internal/budget"
	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/commit"
	"github.com/plenary-live/plenary/pkg/talk"
)

// importer is whose the talks of imported are.
var importer = talk.Importer{Token: strings.Repeat("A", 43)}

// imported writes so many talks of importer's.
func imported(t *testing.T, store talk.Store, n int) (all []talk.Talk) {
	t.Helper()
	for i := range n {
		one := talk.Talk{
			ID: commit.NewID(), Code: access.NewCode(), Title: strings.Repeat("A", talk.MaxTitle),
			Origin: talk.Origin{Importer: importer.Hash(), Source: uuid.NewString()},
		}
		require.NoError(t, one.Check(), i)
		all = append(all, one)
	}
	require.NoError(t, store.Create(t.Context(), all...))
	return all
}

// get reads a path of a site's as the importer.
func get(t *testing.T, site *web.Site, path string) (status int, body string) {
	t.Helper()
	asked := httptest.NewRequest(http.MethodGet, web.Base+path, nil)
	asked.Header.Set("Authorization", "Bearer "+importer.Token)
	answer, err := site.App.Test(asked, -1)
	require.NoError(t, err)
	defer func() { require.NoError(t, answer.Body.Close()) }()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, string(text)
}

func TestTheLastPageOfAListSaysThatItIsTheLastAlsoWhereItIsFull(t *testing.T) {
	site, store := served(t)
	all := imported(t, store, 2)
	for i := range 2 {
		_, err := store.Count(t.Context(), []int{0}, []talk.Batch{{ID: commit.NewID(),
			Ratings: []talk.Rating{{
				ID: commit.NewID(), TalkID: all[0].ID, Person: uuid.New(), Value: 3 + i,
				Comment: "Well.",
			}},
		}})
		require.NoError(t, err)
	}
	for _, path := range []string{"/talks", "/talks/" + all[0].ID.String() + "/comments"} {
		var seen []json.RawMessage
		cursor := ""
		for page := 1; ; page++ {
			status, body := get(t, site, path+"?limit=1"+cursor)
			require.Equal(t, http.StatusOK, status, body)
			var part map[string]json.RawMessage
			require.NoError(t, json.Unmarshal([]byte(body), &part))
			var items []json.RawMessage
			require.NoError(t, json.Unmarshal(part["items"], &items))
			require.Len(t, items, 1, "page %d", page)
			seen = append(seen, items...)
			if string(part["next"]) == "null" {
				break
			}
			var next string
			require.NoError(t, json.Unmarshal(part["next"], &next))
			cursor = "&cursor=" + next
		}
		require.Len(t, seen, 2, path)
		require.NotEqual(t, string(seen[0]), string(seen[1]))
		status, body := get(t, site, path+"?limit=2")
		require.Equal(t, http.StatusOK, status)
		require.Contains(t, body, `"next":null`)
	}
}

func TestListsAreReadInATurnAtWhatIsCostlyAndTheTalkOfACodeIsNot(t *testing.T) {
	site, store := served(t)
	one := imported(t, store, 1)[0]
	site.Costly = budget.NewTurns(1)
	end, err := site.Costly.Take(t.Context())
	require.NoError(t, err)
	defer end()
	status, body := get(t, site, "/talks?code="+one.Code)
	require.Equal(t, http.StatusOK, status, body)
	site.Cut() // nobody waits for a turn any more
	for _, path := range []string{
		"/talks", "/talks/" + one.ID.String() + "/comments", "/talks/export",
	} {
		status, body := get(t, site, path)
		require.Equal(t, http.StatusServiceUnavailable, status)
		require.Contains(t, body, "did not get its turn", path)
	}
}

func TestTheTalksOfAnExportTakeRoomUntilItIsSent(t *testing.T) {
	site, store := served(t)
	imported(t, store, 50)
	site.Answers.Unsent = budget.NewBytes(100_000, 1)
	release, err := site.Answers.Unsent.Room(t.Context(), 90_000)
	require.NoError(t, err)
	for _, format := range []string{"json", "csv", "xlsx"} {
		status, body := get(t, site, "/talks/export?format="+format)
		require.Equal(t, http.StatusServiceUnavailable, status)
		require.Contains(t, body, "too many large answers")
	}
	release()
	for range 5 { // and give it back
		status, body := get(t, site, "/talks/export")
		require.Equal(t, http.StatusOK, status, body)
	}
	release, err = site.Answers.Unsent.Room(t.Context(), 100_000)
	require.NoError(t, err)
	release()
}
