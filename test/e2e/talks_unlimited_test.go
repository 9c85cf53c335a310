package e2e

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/test/stack"
)

// TestAHallThatRatesBehindOneAddressIsNotLimited does with 300 phones what people do with a talk,
// at the limits of a product that nobody has set.
func TestAHallThatRatesBehindOneAddressIsNotLimited(t *testing.T) {
	s, _ := own(t, stack.Config{Parts: stack.API, APIs: 1, APIEnv: asDelivered})
	const phones = 300
	anyone := s.AddTalk(nil)
	held := s.AddTalk(map[string]any{"settings": map[string]any{"voters": "pass"}})
	var streams []*http.Response
	for _, path := range []string{anyone.Path("/events"), Base + "/talks/events"} {
		for range phones {
			res, err := (&http.Client{Transport: transport}).Get(s.base + path)
			require.NoError(t, err)
			require.Equal(t, 200, res.StatusCode)
			streams = append(streams, res)
		}
	}
	asks := func(request Request, want ...int) *Answer {
		a := s.Do(request)
		for _, status := range want {
			if a.Status == status {
				return a
			}
		}
		t.Errorf("%s %s: %v", request.Method, request.Path, a)
		return a
	}
	concurrently(phones, func(int) {
		for _, path := range []string{
			Base + "/talks?code=" + anyone.Code, Base + "/talks", anyone.Path(""),
			Base + "/ratings?talk_id=" + anyone.ID,
		} {
			asks(Request{Method: "GET", Path: path}, 200)
		}
		for value := 1; value <= 3; value++ { // they change their minds
			rating := NewRating{Value: value, ClientID: NewVoter(), Comment: "Well."}
			if a := anyone.Rate(rating, patient); a.Status != 204 {
				t.Errorf("%v", a)
			}
		}
		var pass Pass
		a := asks(Request{Method: "POST", Path: held.Path("/voters")}, 201)
		if err := a.Decode(&pass); err != nil {
			t.Error(err)
			return
		}
		if a := held.Rate(NewRating{Value: 5, Pass: pass.Pass}, patient); a.Status != 204 {
			t.Errorf("%v", a)
		}
	})
	for i := range 150 { // an organiser looks at the room and edits meanwhile
		asks(Request{Method: "GET", Path: anyone.Path("/comments"), Token: anyone.Owner}, 200)
		if i >= 50 { // a talk has its own bound, of 60 edits at once
			continue
		}
		asks(Request{Method: "PATCH", Path: anyone.Path(""), Token: anyone.Owner,
			JSON: map[string]any{"title": "Other"}}, 200)
	}
	require.EqualValues(t, 3*phones, *anyone.Ratings("").Count)
	for _, res := range streams {
		require.NoError(t, res.Body.Close())
	}
	// The tokens that creating took may be back.
	require.InDelta(t, 99, allowed(t, s.replicas, 300, "127.0.0.1"), 1, "nothing else was limited")
}
