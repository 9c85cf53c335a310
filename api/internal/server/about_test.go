package server

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/life/lifetest"
)

func TestHoweverManyAskWhatServesBackendsAreAskedOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		answers := func() bool { return asked.Load() != 2 }
		a := newAbout(About{Backends: func(ctx context.Context) []Backend {
			asked.Add(1)
			<-ctx.Done() // one of them is silent
			return []Backend{{"database", "postgresql", answers()}}
		}}, nil)
		for second := range int64(3) {
			begun := time.Now()
			var all sync.WaitGroup
			for range 100 {
				all.Go(func() {
					if got := a.ask(); len(got) != 1 || got[0].Answers != answers() {
						t.Errorf("%v", got)
					}
				})
			}
			all.Wait()
			require.Equal(t, time.Second, time.Since(begun), "nobody waits for longer")
			require.Equal(t, second+1, asked.Load())
			time.Sleep(time.Second - time.Nanosecond)
			a.ask()
			require.Equal(t, second+1, asked.Load())
			time.Sleep(time.Nanosecond)
		}
	})
}

func TestAServerThatHasNothingYetSaysWhatItIs(t *testing.T) {
	site := web.New(web.Config{Record: web.Record{
		Logger:  slog.New(slog.DiscardHandler),
		Observe: func(string, string, int, time.Duration) {},
	}})
	New(site, Config{About: About{
		Version: "v1", Commit: "abc",
		Backends: func(context.Context) []Backend {
			return []Backend{{Name: "database", Kind: "sqlite"}}
		},
	}})
	res, err := site.App.Test(httptest.NewRequest(http.MethodGet, web.Base+"/", nil), -1)
	require.NoError(t, err)
	defer func() { require.NoError(t, res.Body.Close()) }()
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Equal(t, "no-store", res.Header.Get("Cache-Control"))
	var got any
	require.NoError(t, json.NewDecoder(res.Body).Decode(&got))
	require.Equal(t, map[string]any{
		"name": "plenary", "version": "v1", "commit": "abc", "features": []any{},
		"backends": []any{map[string]any{
			"name": "database", "kind": "sqlite", "answers": false,
		}},
	}, got)
	lifetest.Stop(t, site)
}
