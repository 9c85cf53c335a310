package polls

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/api/internal/budget"
	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/life/lifetest"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
	"github.com/plenary-live/plenary/pkg/stage"
)

func TestAHallThatReadsALargeSlideTakesRoomForItOnce(t *testing.T) {
	r := newRoom(t)
	r.polls[0].Options[0].Value = strings.Repeat("x", 40<<10)
	cache := stage.NewCache(r, time.Now)
	t.Cleanup(func() { lifetest.Stop(t, cache) })
	server := newTestServer()
	server.Answers.Unsent = budget.NewBytes(60<<10, 1)
	server.Start(Services{Store: r, Cache: cache, Bus: r.bus})
	t.Cleanup(server.Close)
	server.app.Handler()
	path := web.Base + "/presentations/" + r.id.String() + "/polls/current"
	hall := make([]slowClient, 30)
	for i := range hall {
		if i == 15 {
			cache.Drop(r.id) // as when its lease is over: it is read anew
		}
		hall[i] = get(t, server, path, "") // which reads no more of it
		line, err := hall[i].Peek(12)
		require.NoError(t, err)
		require.Equal(t, "HTTP/1.1 200", string(line))
	}
	for _, phone := range hall {
		res, body := phone.answer(t)
		require.Equal(t, "application/json", res.Header.Get("Content-Type"))
		require.Contains(t, string(body), r.polls[0].Options[0].Value)
	}
	require.Eventually(t, func() bool {
		release, err := server.Answers.Unsent.Hold(t.Context(), make([]byte, 60<<10))
		if err == nil {
			release()
		}
		return err == nil
	}, 10*time.Second, time.Millisecond, "all room is back")
}

// aSlide shows a poll with a question.
func aSlide(text string) *poll.Display {
	slide := poll.Slide{Version: 3, Displayed: true}
	return &poll.Display{PresentationID: aTalk, Slide: slide,
		Poll: &poll.Poll{ID: aPoll, Question: question.Question{Text: text}}}
}

func TestASlideIsAnsweredAnewAsSoonAsAnythingAboutItChanges(t *testing.T) {
	s := newEncodedSlides()
	seen := map[string]bool{}
	for _, change := range []func(*poll.Display){
		func(*poll.Display) {},
		func(d *poll.Display) { d.Version, d.Closed = 4, true },
		func(d *poll.Display) { d.Edits, d.Poll.Visibility = 2, poll.After },
		func(d *poll.Display) { d.PresentationID, d.Poll.Text = aPoll, "another" },
	} {
		d := aSlide("a question")
		change(d)
		body, err := s.encode(d)
		require.NoError(t, err)
		require.False(t, seen[string(body)], "%s", body)
		seen[string(body)] = true
		again, err := s.encode(d)
		require.NoError(t, err)
		require.Same(t, &body[0], &again[0], "the same bytes, for the budget of answers")
		var shown struct {
			Version           int64
			Voting, Question  string
			ResultsVisibility poll.Visibility `json:"results_visibility"`
		}
		require.NoError(t, json.Unmarshal(body, &shown))
		require.Equal(t, d.Version, shown.Version)
		require.Equal(t, votingOf(*d), shown.Voting)
		require.Equal(t, d.Poll.Text, shown.Question)
		require.Equal(t, d.Poll.Visibility, shown.ResultsVisibility)
	}
}

func TestSlidesAreKeptWithinABound(t *testing.T) {
	s := newEncodedSlides()
	size := func() (sum int) {
		for _, body := range s.kept.Values() {
			sum += cap(body)
		}
		return sum
	}
	large, small := strings.Repeat("x", 1<<20), aSlide("small")
	for range 20 {
		d := aSlide(large)
		d.PresentationID = uuid.New()
		_, err := s.encode(d)
		require.NoError(t, err)
		require.LessOrEqual(t, s.bytes, maxSlideBytes)
		require.Equal(t, size(), s.bytes)
	}
	require.Greater(t, s.bytes, maxSlideBytes-(2<<20), "no more is forgotten than has to be")
	for range maxSlides + 1 {
		small.PresentationID = uuid.New()
		_, err := s.encode(small)
		require.NoError(t, err)
	}
	require.Equal(t, maxSlides, s.kept.Len())
	require.Equal(t, size(), s.bytes)
	_, err := s.encode(aSlide(strings.Repeat("x", maxSlideBytes)))
	require.NoError(t, err, "what is larger than the bound is answered, and not kept")
	require.Equal(t, size(), s.bytes)
}
