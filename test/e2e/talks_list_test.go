package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// walk reads the programme through pages of two talks, each at the next replica. It ends when it
// has seen as many of some talks as there are, and gives those that it saw.
func (s site) walk(t *testing.T, some []string, many int) (seen []string) {
	t.Helper()
	for page, cursor := 0, ""; len(seen) < many; page++ {
		var part struct {
			Items []map[string]any `json:"items"`
			Next  string           `json:"next"`
		}
		s.replicas[page%len(s.replicas)].read(
			Request{Method: http.MethodGet, Path: Base + "/talks?limit=2" + cursor}, &part)
		require.LessOrEqual(t, len(part.Items), 2)
		for _, item := range part.Items {
			if id := item["talk_id"].(string); slices.Contains(some, id) {
				seen = append(seen, id)
			}
		}
		if len(seen) < many {
			require.NotEmpty(t, part.Next, "the programme ends after %v", seen)
		}
		cursor = "&cursor=" + part.Next
	}
	return seen
}

func TestTheProgrammeIsReadPageByPageInItsOrder(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		all := make([]*Talk, 5)
		starts := map[string]string{}
		for i := range all { // two start at once, and all before those of other tests
			at := time.Date(1970, 2, 1, 9-i/2, 0, 0, 0, time.UTC).Format(time.RFC3339)
			all[i] = s.AddTalk(object{"starts_at": at})
			starts[all[i].ID] = at
		}
		ids := make([]string, len(all))
		for i, k := range all {
			ids[i] = k.ID
		}
		slices.SortFunc(ids, func(a, b string) int {
			return strings.Compare(starts[a]+a, starts[b]+b)
		})
		require.Equal(t, ids, s.walk(t, ids, len(ids)))

		gone := all[slices.IndexFunc(all, func(k *Talk) bool { return k.ID == ids[2] })]
		a := s.Do(Request{Method: http.MethodDelete, Path: gone.Path(""), Token: gone.Owner})
		require.Equal(t, http.StatusNoContent, a.Status, "%v", a)
		left := slices.Delete(slices.Clone(ids), 2, 3)
		require.Equal(t, left, s.walk(t, ids, len(left)))
	})
}
