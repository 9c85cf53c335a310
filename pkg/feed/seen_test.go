package feed_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/feed"
)

// aged writes a poll that is so old.
func (s *square) aged(t testing.TB, old time.Duration, tag string) feed.Poll {
	t.Helper()
	p := feed.Poll{
		ID: uuid.New(), Author: author, Title: "Tabs or spaces?",
		Options: []string{"Tabs", "Spaces"}, Tags: []string{tag}, Results: feed.Always,
		Tally: feed.Tally{Votes: []int64{0, 0}},
	}
	at := uint64(time.Now().Add(-old).UnixMilli())
	binary.BigEndian.PutUint64(p.ID[:], at<<16|uint64(rand.Uint32N(1<<12)))
	require.NoError(t, s.Store.Create(t.Context(), p))
	return p
}

// scrolled gives all that an account finds, page by page.
func scrolled(t testing.TB, s *feed.Service, l feed.Look) (ids []uuid.UUID) {
	t.Helper()
	for {
		page, err := s.Page(t.Context(), l)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page.Polls), l.Limit)
		for _, p := range page.Polls {
			ids = append(ids, p.ID)
		}
		if l.Before = page.Next; l.Before == uuid.Nil {
			return ids
		}
	}
}

// TestAReplicaThatRemembersShowsWhatTheStoreHas while another one has the account act, and polls
// come that are a little older than those before them.
func TestAReplicaThatRemembersShowsWhatTheStoreHas(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	draw := rand.New(rand.NewPCG(seed, 0))
	s := open(t, feed.Rules{Undo: time.Hour})
	s.work()
	other := feed.NewService(s.Store, feed.Rules{Undo: time.Hour}, s.spine)
	who, tags := account(1), []string{"", "a", "b"}
	acts := []feed.Action{feed.Vote, feed.Skip, feed.Skip, feed.Unskip, feed.Withdraw}
	var all []feed.Poll
	for range 20 {
		old := time.Minute + time.Second + time.Duration(draw.Int64N(int64(3*time.Hour)))
		all = append(all, s.aged(t, old, tags[1+draw.IntN(2)]))
	}
	for range 300 {
		switch draw.IntN(8) {
		case 0:
			old := time.Duration(draw.Int64N(int64(40 * time.Second)))
			all = append(all, s.aged(t, old, tags[1+draw.IntN(2)]))
		case 1:
			require.NoError(t, other.Close(t.Context(), all[draw.IntN(len(all))].ID))
		default:
			s.does(t, feed.Ballot{
				Account: who, PollID: all[draw.IntN(len(all))].ID,
				Action: acts[draw.IntN(len(acts))],
			})
		}
		l := feed.Look{Account: who, Tag: tags[draw.IntN(3)], Limit: 1000, Now: time.Now()}
		want, _, err := s.Store.Unseen(t.Context(), l)
		require.NoError(t, err)
		l.Limit = 1 + draw.IntN(6)
		require.Equal(t, fmt.Sprint(want), fmt.Sprint(scrolled(t, other, l)))
	}
}

// looks are what a store was asked for.
type looks struct {
	feed.Store
	all []feed.Look
}

func (s *looks) Unseen(ctx context.Context, l feed.Look) ([]uuid.UUID, uuid.UUID, error) {
	s.all = append(s.all, l)
	return s.Store.Unseen(ctx, l)
}

func TestWhatAnAccountHasSeenIsNotReadAgain(t *testing.T) {
	s := open(t, feed.Rules{})
	s.work()
	who := account(1)
	var all []feed.Poll
	for i := range 6 {
		all = append(all, s.aged(t, time.Duration(i+2)*time.Minute, "a"))
	}
	for _, p := range all[:3] {
		skip := feed.Ballot{Account: who, PollID: p.ID, Action: feed.Skip}
		require.Equal(t, done, s.does(t, skip))
	}
	store := &looks{Store: s.Store}
	other := feed.NewService(store, feed.Rules{}, s.spine)
	look := feed.Look{Account: who, Limit: 2}
	first := scrolled(t, other, look)
	require.Len(t, first, 3)
	store.all = nil
	require.Equal(t, first, scrolled(t, other, look))
	newer, older := store.all[0], store.all[1]
	require.Negative(t, bytes.Compare(older.Before[:], newer.After[:]))
	require.Equal(t, all[3].ID[:15], older.Before[:15], "it goes on with the first one not seen")

	undo := feed.Ballot{Account: who, PollID: all[1].ID, Action: feed.Unskip}
	require.Equal(t, done, s.does(t, undo))
	require.Equal(t, append([]uuid.UUID{all[1].ID}, first...), scrolled(t, other, look))

	store.all = nil
	look.Now = time.Now().Add(2 * time.Minute)
	scrolled(t, other, look)
	require.Zero(t, store.all[0].After, "it is looked again after a minute")
}
