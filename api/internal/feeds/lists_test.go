package feeds

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/feed"
)

// pages reads a list to its end, of so many polls a page.
func (s *scene) pages(account uuid.UUID, path, limit string) (ids []uuid.UUID, pages int) {
	s.t.Helper()
	for cursor := ""; ; pages++ {
		a := s.by(account, "GET", path+"?limit="+limit+cursor)
		p := decoded[web.ListOf[wirePoll]](s.t, a, 200)
		require.NotNil(s.t, p.Items)
		for _, one := range p.Items {
			ids = append(ids, one.ID)
		}
		if p.Next == nil {
			return ids, pages + 1
		}
		require.Less(s.t, pages, 100)
		cursor = "&cursor=" + *p.Next
	}
}

// newestFirst orders polls as lists do: those of one millisecond by what follows in their ids.
func newestFirst(ids []uuid.UUID) {
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return bytes.Compare(b[:], a[:]) })
}

func TestTheFeedHasWhatAnAccountHasNotAnsweredTheNewestFirst(t *testing.T) {
	s := newScene(t, usual, Config{})
	bob, all := uuid.New(), []uuid.UUID{}
	for range 7 {
		all = append(all, s.published(feed.Always, ""))
	}
	newestFirst(all)
	for _, limit := range []string{"1", "3", "7", "100"} {
		ids, _ := s.pages(bob, "/polls", limit)
		require.Equal(t, all, ids, "by %s", limit)
	}
	s.voted(bob, all[1], "0")
	require.Equal(t, 204, s.by(bob, "POST", "/polls/"+all[3].String()+"/skip").status)
	require.Equal(t, 200, s.by(s.ann, "POST", "/polls/"+all[5].String()+"/close").status)
	want := []uuid.UUID{all[0], all[2], all[4], all[6]}
	for _, limit := range []string{"1", "2", "4", "5"} {
		ids, _ := s.pages(bob, "/polls", limit)
		require.Equal(t, want, ids, "what is acknowledged is not shown again, by %s", limit)
	}
	require.Equal(t, 204, s.by(bob, "DELETE", "/polls/"+all[3].String()+"/skip").status)
	ids, _ := s.pages(bob, "/polls", "100")
	require.Contains(t, ids, all[3], "a skip was taken back")
	ids, _ = s.pages(s.ann, "/polls", "100")
	require.Len(t, ids, 6, "others see what they have not answered")
}

func TestTheFeedHasATagsPollsHoweverTheTagIsWritten(t *testing.T) {
	s := newScene(t, usual, Config{})
	p := s.published(feed.Always, "")
	other := s.ask("POST", "/polls", session(s.ann),
		`{"title":"?","options":["A","B"],"tags":["Rust","GO"]}`)
	require.Equal(t, []string{"rust", "go"}, decoded[wirePoll](t, other, 201).Tags)
	for _, tag := range []string{"go", "GO", "%20Go%20"} {
		ids := decoded[page](t, s.by(s.ann, "GET", "/polls?tag="+tag), 200).Items
		require.Len(t, ids, 2, tag)
	}
	rust := decoded[page](t, s.by(s.ann, "GET", "/polls?tag=rust&search="), 200).Items
	require.Len(t, rust, 1)
	require.NotEqual(t, p, rust[0].ID)
	none := s.by(s.ann, "GET", "/polls?tag=none")
	require.Contains(t, string(none.body), `"items":[],"next":null`)
	tags := s.ask("GET", "/tags", "", "")
	require.JSONEq(t, `{"items":[{"tag":"go","polls":2},{"tag":"rust","polls":1}]}`,
		string(tags.body))
}

func TestAnAccountListsItsPollsAndItsVotes(t *testing.T) {
	s := newScene(t, usual, Config{})
	bob, all := uuid.New(), []uuid.UUID{}
	for range 5 {
		all = append(all, s.published(feed.AfterClose, ""))
	}
	newestFirst(all)
	for _, limit := range []string{"1", "2", "5", "100"} {
		own, pages := s.pages(s.ann, "/users/me/polls", limit)
		require.Equal(t, all, own)
		require.LessOrEqual(t, pages, 6)
		none, _ := s.pages(bob, "/users/me/polls", limit)
		require.Empty(t, none)
	}
	for _, i := range []int{4, 0, 2} {
		s.voted(bob, all[i], "1")
	}
	require.Equal(t, 204, s.by(bob, "POST", "/polls/"+all[1].String()+"/skip").status)
	for _, limit := range []string{"1", "2", "3", "100"} {
		voted, _ := s.pages(bob, "/users/me/votes", limit)
		require.Equal(t, []uuid.UUID{all[0], all[2], all[4]}, voted, "skips are left out")
	}
	page := decoded[web.ListOf[wirePoll]](t, s.by(bob, "GET", "/users/me/votes"), 200)
	require.Equal(t, 1, *page.Items[0].Answer.Option)
	require.Nil(t, page.Items[0].Stats, "they are hidden until it is over")
	require.Equal(t, 204, s.by(s.ann, "DELETE", "/polls/"+all[2].String()).status)
	voted, _ := s.pages(bob, "/users/me/votes", "1")
	require.Equal(t, []uuid.UUID{all[0], all[4]}, voted, "what was deleted is left out")

	own := decoded[web.ListOf[wirePoll]](t, s.by(s.ann, "GET", "/users/me/polls"), 200)
	require.True(t, slices.ContainsFunc(own.Items, func(p wirePoll) bool {
		return p.ID == all[0] && p.Mine && p.Answer == nil && p.Stats.Total == 1
	}), "an author sees the numbers")
}
