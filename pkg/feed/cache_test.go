package feed

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/fault"
)

// shelf is polls that a cache reads, and how often it did.
type shelf struct {
	polls map[uuid.UUID]Poll
	reads [][]uuid.UUID
	took  time.Duration
	err   error
}

func (s *shelf) read(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]Poll, error) {
	s.reads = append(s.reads, ids)
	select {
	case <-time.After(s.took):
	case <-ctx.Done():
		return nil, fault.Unavailablef(ctx.Err(), "too slow")
	}
	found := map[uuid.UUID]Poll{}
	for _, id := range ids {
		if p, ok := s.polls[id]; ok {
			found[id] = p
		}
	}
	return found, s.err
}

func shelfOf(ids ...byte) (*shelf, *cache) {
	s := &shelf{polls: map[uuid.UUID]Poll{}}
	for _, n := range ids {
		s.polls[id(n)] = Poll{ID: id(n), Revision: 1}
	}
	return s, newCache(s.read, time.Now)
}

func TestAPollIsReadOnceInALeaseWhoeverAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := shelfOf(1)
		s.took = time.Millisecond
		for range 5 {
			go func() {
				p, err := c.poll(t.Context(), id(1))
				if err != nil || p.ID != id(1) {
					t.Errorf("%v, %v", p, err)
				}
			}()
		}
		synctest.Wait()
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		require.Len(t, s.reads, 1)
		time.Sleep(Lease - 2*time.Millisecond - 1)
		_, err := c.poll(t.Context(), id(1))
		require.NoError(t, err)
		require.Len(t, s.reads, 1)
		time.Sleep(time.Nanosecond) // the lease is from before the read on
		_, err = c.poll(t.Context(), id(1))
		require.NoError(t, err)
		require.Len(t, s.reads, 2)
	})
}

func TestPollsThatAreNotFreshAreReadTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := shelfOf(1, 2, 3)
		_, err := c.poll(t.Context(), id(2))
		require.NoError(t, err)
		for range 2 {
			found, err := c.several(t.Context(), []uuid.UUID{id(1), id(2), id(3)})
			require.NoError(t, err)
			require.Equal(t, s.polls, found)
		}
		require.Equal(t, [][]uuid.UUID{{id(2)}, {id(1), id(3)}}, s.reads)
		found, err := c.several(t.Context(), []uuid.UUID{id(9), id(1)})
		require.NoError(t, err)
		require.Len(t, found, 1, "what is not there is missing")
	})
}

func TestAPollThatIsGoneIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := shelfOf(1)
		_, err := c.poll(t.Context(), id(1))
		require.NoError(t, err)
		delete(s.polls, id(1))
		time.Sleep(Lease)
		_, known := c.ever(id(1))
		require.True(t, known, "its text is the same for ever")
		_, err = c.poll(t.Context(), id(1))
		require.True(t, fault.Is(err, fault.NotFound), "%v", err)
		_, known = c.ever(id(1))
		require.False(t, known)
	})
}

func TestAReadThatFailsIsNotRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := shelfOf(1)
		s.err = errors.New("no")
		_, err := c.poll(t.Context(), id(1))
		require.ErrorIs(t, err, s.err)
		_, err = c.several(t.Context(), []uuid.UUID{id(1)})
		require.ErrorIs(t, err, s.err)
		s.err = nil
		_, err = c.poll(t.Context(), id(1))
		require.NoError(t, err)
	})
}

func TestWhoGivesUpLeavesTheReadToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := shelfOf(1)
		s.took = time.Second
		hurried, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := c.poll(hurried, id(1))
		require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
		_, err = c.poll(t.Context(), id(1))
		require.NoError(t, err)
		require.Len(t, s.reads, 1)
		s.took = time.Hour
		time.Sleep(Lease)
		begun := time.Now()
		_, err = c.poll(t.Context(), id(1))
		require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
		require.Equal(t, readTimeout, time.Since(begun), "a read has a bound")
	})
}

func TestAChangeDropsWhatIsOldAndNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := shelfOf(1, 2)
		both := []uuid.UUID{id(1), id(2)}
		reads := func(change bus.Change) (read []uuid.UUID) {
			_, err := c.several(t.Context(), both)
			require.NoError(t, err)
			s.reads = nil
			c.heard(change)
			_, err = c.several(t.Context(), both)
			require.NoError(t, err)
			for _, ids := range s.reads {
				read = append(read, ids...)
			}
			return read
		}
		require.Empty(t, reads(change(id(1), 1)), "it is known")
		require.Equal(t, both[:1], reads(change(id(1), 2)), "its tally moved")
		require.Equal(t, both[1:], reads(change(id(2), 0)), "anything of it may be another")
		require.Empty(t, reads(bus.Change{Thing: Feed, Part: id(2)}))
		require.Empty(t, reads(change(id(9), 7)), "it is unknown")
		require.Equal(t, both, reads(bus.Change{}), "changes were missed")
		c.heard(change(id(1), 2))
		_, known := c.ever(id(1))
		require.True(t, known, "its text stays")
		c.heard(change(id(1), 0))
		_, known = c.ever(id(1))
		require.False(t, known)
	})
}

// tagStore counts how often tags are asked for.
type tagStore struct {
	Store
	asked int
	err   error
}

func (s *tagStore) Popular(_ context.Context, newest, limit int) ([]TagCount, error) {
	s.asked++
	return []TagCount{{"code", newest}, {"go", limit}}, s.err
}

func TestPopularTagsAreToldAgainForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &tagStore{err: errors.New("no")}
		p := newPopular(s, time.Now)
		_, err := p.tags(t.Context())
		require.ErrorIs(t, err, s.err)
		s.err = nil
		for _, asked := range []int{2, 2, 3} {
			tags, err := p.tags(t.Context())
			require.NoError(t, err)
			require.Equal(t, []TagCount{{"code", popularAmong}, {"go", MaxPopular}}, tags)
			require.Equal(t, asked, s.asked)
			time.Sleep(popularFor/2 + 1)
		}
	})
}
