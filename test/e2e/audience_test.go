package e2e

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// AudienceEvent tells presenters of their audience.
type AudienceEvent struct {
	Connected  int `json:"connected"`
	Passes     int `json:"passes"`
	OneAddress int `json:"one_address"`
}

// audience is a presenter's stream, of which only the event "audience" is read.
func (r *Room) audience(t *testing.T) (connected func() int) {
	t.Helper()
	told := r.audienceEvents(t)
	return func() int { return told().Connected }
}

func (r *Room) audienceEvents(t *testing.T) (told func() AudienceEvent) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
		r.base+r.Path("/events"), nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+r.PresenterToken)
	res, err := transport.RoundTrip(req)
	require.NoError(t, err)
	t.Cleanup(func() { _ = res.Body.Close() })
	require.Equal(t, http.StatusOK, res.StatusCode)
	lines := bufio.NewScanner(res.Body)
	schema := r.contract.Doc.Components.Schemas["AudienceEvent"].Value
	return func() (e AudienceEvent) {
		for lines.Scan() {
			if lines.Text() != "event: audience" {
				continue
			}
			require.True(t, lines.Scan())
			data, ok := strings.CutPrefix(lines.Text(), "data: ")
			require.True(t, ok, lines.Text())
			var v any
			require.NoError(t, json.Unmarshal([]byte(data), &v))
			require.NoError(t, schema.VisitJSON(v, options.SchemaValidationOptions...))
			require.NoError(t, json.Unmarshal([]byte(data), &e))
			return e
		}
		require.NoError(t, lines.Err())
		require.Fail(t, "the stream has ended")
		return e
	}
}

// Whichever replica the people in the room and the presenter have reached, the presenter knows how
// many there are.
func TestThePresenterKnowsHowManyAreConnected(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := s.Create(NewPresentation{Polls: []NewPoll{choice("Who wins?")}})
		var screens []func() int
		var viewers []*stream
		for i, c := range append([]*Client{s.Client}, s.replicas...) {
			r := r.Through(c)
			screens = append(screens, r.audience(t))
			for range i + 1 {
				viewers = append(viewers, r.watch(t, ""))
			}
		}
		settles := func(want int) {
			t.Helper()
			begun := time.Now()
			for i, connected := range screens {
				n := connected()
				for n != want {
					require.Less(t, time.Since(begun), 30*time.Second,
						"screen %d says %d, not %d", i, n, want)
					n = connected()
				}
			}
			t.Logf("every screen says %d after %s", want, time.Since(begun).Round(time.Millisecond))
		}
		settles(len(viewers))
		for _, v := range viewers[1:] {
			v.close()
		}
		settles(1)
		for _, c := range s.replicas { // a page that gets no stream asks
			var asked AudienceEvent
			a := r.Through(c).read(Request{Method: http.MethodGet, Path: r.Path("/audience"),
				Token: r.PresenterToken}, &asked)
			require.Equal(t, 200, a.Status, "%v", a)
			require.Equal(t, AudienceEvent{Connected: 1}, asked)
		}
	})
}
