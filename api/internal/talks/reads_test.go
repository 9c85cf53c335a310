package talks

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/api/internal/live"
	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/commit"
	"github.com/plenary-live/plenary/pkg/inproc"
	"github.com/plenary-live/plenary/pkg/life/lifetest"
	"github.com/plenary-live/plenary/pkg/sqlite"
	"github.com/plenary-live/plenary/pkg/talk"
	"github.com/plenary-live/plenary/pkg/talk/talklite"
)

// watched is a store that counts its reads of talks, each of which takes a moment.
type watched struct {
	talk.Store
	reads atomic.Int64
}

func (s *watched) Talk(ctx context.Context, id uuid.UUID) (talk.Talk, error) {
	s.reads.Add(1)
	time.Sleep(time.Millisecond)
	return s.Store.Talk(ctx, id)
}

// served gives a site with the feature, over a file and a log in memory.
func served(t *testing.T) (*web.Site, *watched) {
	t.Helper()
	db, err := sqlite.Open(t.Context(),
		sqlite.Config{Path: filepath.Join(t.TempDir(), "plenary.db")})
	require.NoError(t, err)
	require.NoError(t, db.Partitions(t.Context(), 1))
	log, err := inproc.Open(inproc.Config{Streams: []string{talk.Stream}, Partitions: 1})
	require.NoError(t, err)
	stream, err := log.Stream(talk.Stream)
	require.NoError(t, err)
	announced, quiet := inproc.NewBus(), slog.New(slog.DiscardHandler)
	store := &watched{Store: talklite.New(db)}
	service := talk.NewService(store, access.NewPasses(access.NewPassKey()), commit.Spine{
		Log: stream, Bus: announced, Logger: quiet, Partitions: 1, Spread: 1, MaxWaiting: 100,
	})
	site := web.New(web.Config{
		Record: web.Record{Logger: quiet, Observe: func(string, string, int, time.Duration) {}},
		Limits: BodyLimits,
	})
	hub := live.New(site.Streaming, live.Config{Bus: announced, Logger: quiet})
	reads := New(site, Config{Door: web.NewDoor("")}).With(Services{Service: service, Hub: hub})
	require.NoError(t, service.Start())
	require.NoError(t, reads.Start())
	require.NoError(t, hub.Start())
	require.NoError(t, site.Start())
	t.Cleanup(func() {
		lifetest.Stop(t, site)
		lifetest.Stop(t, hub)
		lifetest.Stop(t, reads)
		lifetest.Stop(t, service)
		require.NoError(t, log.Close())
		require.NoError(t, announced.Close())
		require.NoError(t, db.Close())
	})
	return site, store
}

func TestAHallThatReadsATalksRatingsAtOnceCostsTheStoreFewReads(t *testing.T) {
	site, store := served(t)
	one := talk.Talk{ID: commit.NewID(), Code: "ABCDEF", Title: "Why queues"}
	require.NoError(t, one.Check())
	require.NoError(t, store.Create(t.Context(), one))
	rate := func(value int) {
		_, err := store.Count(t.Context(), []int{0}, []talk.Batch{{
			ID: commit.NewID(),
			Ratings: []talk.Rating{
				{ID: commit.NewID(), TalkID: one.ID, Person: uuid.New(), Value: value},
			},
		}})
		require.NoError(t, err)
	}
	const people = 300
	begun := time.Now()
	for n := 1; n <= 2; n++ { // and nobody gets what is older than their request
		rate(5)
		var hall sync.WaitGroup
		for range people {
			hall.Go(func() {
				asked := httptest.NewRequest(http.MethodGet,
					web.Base+"/ratings?talk_id="+one.ID.String(), nil)
				answer, err := site.App.Test(asked, -1)
				if err != nil {
					t.Error(err)
					return
				}
				defer func() { _ = answer.Body.Close() }()
				var told struct{ Count int }
				err = json.NewDecoder(answer.Body).Decode(&told)
				if err != nil || answer.StatusCode != http.StatusOK || told.Count != n {
					t.Errorf("%d of %d ratings are told: %d, %v", told.Count, n,
						answer.StatusCode, err)
				}
			})
		}
		hall.Wait()
	}
	most := int64(live.Burst + time.Since(begun)/live.Pace + 2)
	require.Less(t, most, int64(people), "this took too long to tell anything")
	require.LessOrEqual(t, store.reads.Load(), most)
}
