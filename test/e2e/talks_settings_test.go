package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// heardComment is a comment as the owner reads it.
type heardComment struct {
	ID     string    `json:"comment_id"`
	Text   string    `json:"text"`
	Value  int       `json:"value"`
	Hidden bool      `json:"hidden"`
	At     time.Time `json:"at"`
}

// heard gives the comments of a talk, the newest first.
func (k *Talk) heard() []heardComment {
	k.tb.Helper()
	var page struct {
		Items []heardComment `json:"items"`
	}
	k.read(Request{Method: http.MethodGet, Path: k.Path("/comments"), Token: k.Owner}, &page)
	return page.Items
}

// set edits the settings of a talk.
func (k *Talk) set(settings object) {
	k.tb.Helper()
	a := k.Do(Request{Method: http.MethodPatch, Path: k.Path(""), Token: k.Owner,
		JSON: object{"settings": settings}})
	require.Equal(k.tb, http.StatusOK, a.Status, "%v", a)
}

func TestATalkWithoutCommentsTakesRatingsAlone(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		k := s.AddTalk(object{"settings": object{"comments": "off"}})
		said := NewRating{Value: 5, Comment: "Well", ClientID: aVoter}
		for _, replica := range s.replicas {
			require.Equal(t, "400 invalid comment", k.Through(replica).Rate(said, patient).Code())
		}
		require.Zero(t, *k.Ratings("").Count, "a refused comment takes its rating along")
		k.Rated(aVoter, 4)
		require.Empty(t, k.heard())
		k.set(object{"comments": "on"})
		require.Eventually(t, func() bool { // every replica knows it within a second
			return k.Rate(said, patient).Status == http.StatusNoContent
		}, wait, tick)
		require.Equal(t, "Well", k.heard()[0].Text)
		k.set(object{"comments": "off"})
		require.Len(t, k.heard(), 1, "what was said stays")
		require.Equal(t, Histogram(0, 0, 0, 0, 1), k.Ratings("").Histogram)
	})
}

func TestAModeratedCommentIsHiddenUntilItsOwnerShowsIt(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		k := s.AddTalk(object{"settings": object{"comments": "moderated"}})
		says := func(text string, value int) heardComment {
			t.Helper()
			r := NewRating{Value: value, Comment: text, ClientID: aVoter}
			a := k.Rate(r, patient)
			require.Equal(t, http.StatusNoContent, a.Status, "%v", a)
			heard := k.heard()
			require.Len(t, heard, 1, "a person has one comment")
			require.Equal(t, text, heard[0].Text)
			return heard[0]
		}
		first := says("First", 3)
		require.True(t, first.Hidden)
		show := Request{Method: http.MethodPatch, Path: k.Path("/comments/" + first.ID),
			Token: k.Owner, JSON: object{"hidden": false}}
		require.Equal(t, http.StatusOK, s.Do(show).Status)
		again := says("First", 4)
		require.Equal(t, first.ID, again.ID, "the same text stays what it is")
		require.False(t, again.Hidden)
		other := says("Second", 5)
		require.True(t, other.Hidden, "nobody has approved what it says now")
		require.Equal(t, "404 not_found", s.Do(show).Code(), "what it said is gone")
		require.Equal(t, Histogram(0, 0, 0, 0, 1), k.Ratings("").Histogram,
			"a hidden comment's rating counts")
		k.Rated(aVoter, 2)
		require.Empty(t, k.heard(), "a rating without a comment takes the old one away")
	})
}

func TestATalkIsOpenFromWhenItsOwnerSaysWhateverItsStart(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		in := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(time.RFC3339) }
		early := s.AddTalk(object{"starts_at": in(time.Hour),
			"settings": object{"opens_at": in(-time.Minute)}})
		early.Rated(aVoter, 5)
		late := s.AddTalk(object{"starts_at": in(-time.Hour),
			"settings": object{"opens_at": in(time.Hour)}})
		require.Equal(t, "409 talk_not_open", late.Rate(NewRating{Value: 5}, nil).Code())
		late.set(object{"opens_at": nil})
		require.Eventually(t, func() bool { // it begins with its start again
			return late.Rate(NewRating{Value: 5, ClientID: aVoter}, patient).Status ==
				http.StatusNoContent
		}, wait, tick)

		key := map[string]string{"Idempotency-Key": NewVoter(), "Prefer": "wait=5"}
		last := NewRating{Value: 1, ClientID: aVoter}
		require.Equal(t, http.StatusNoContent, late.Rate(last, key).Status)
		late.set(object{"closes_at": in(-time.Second)})
		require.Eventually(t, func() bool {
			return late.Rate(last, patient).Code() == "409 talk_closed"
		}, wait, tick)
		for _, replica := range s.replicas {
			require.Equal(t, http.StatusNoContent, late.Through(replica).Rate(last, key).Status,
				"it was counted before the talk closed")
		}
		require.Equal(t, Histogram(1, 0, 0, 0, 0), late.Ratings("").Histogram)
	})
}
