package chat_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/chat"
	"github.com/plenary-live/plenary/pkg/chat/chatlite"
	"github.com/plenary-live/plenary/pkg/commit"
	"github.com/plenary-live/plenary/pkg/inproc"
	"github.com/plenary-live/plenary/pkg/queue"
	"github.com/plenary-live/plenary/pkg/sqlite"
	"github.com/plenary-live/plenary/pkg/work"
)

const partitions = 3

// hall is a service over a log in memory and a store in a file, with a worker.
type hall struct {
	*chat.Service
	store chat.Store
	spine commit.Spine
	// work begins to number.
	work func()
}

func open(t *testing.T) *hall {
	db, err := sqlite.Open(t.Context(),
		sqlite.Config{Path: filepath.Join(t.TempDir(), "plenary.db")})
	require.NoError(t, err)
	require.NoError(t, db.Partitions(t.Context(), partitions))
	log, err := inproc.Open(inproc.Config{Streams: []string{chat.Stream}, Partitions: partitions})
	require.NoError(t, err)
	stream, err := log.Stream(chat.Stream)
	require.NoError(t, err)
	announced, quiet := inproc.NewBus(), slog.New(slog.DiscardHandler)
	h := &hall{store: chatlite.New(db), spine: commit.Spine{
		Log: stream, Bus: announced, Logger: quiet, Partitions: partitions, Spread: partitions,
		MaxWaiting: 1000,
	}}
	members, err := chat.NewMembers(chat.NewMemberKey(), time.Hour)
	require.NoError(t, err)
	h.Service = chat.NewService(h.store, members, h.spine)
	require.NoError(t, h.Start())
	worker := work.New(work.Config{
		Stream: stream, Partitions: partitions, IDs: db, Bus: announced, Logger: quiet,
		Applier: chat.NewApplier(h.store, quiet),
	})
	working, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	h.work = sync.OnceFunc(func() { running.Go(func() { worker.Run(working) }) })
	t.Cleanup(func() {
		require.NoError(t, h.Stop(context.Background()))
		stop()
		running.Wait()
		require.NoError(t, log.Close())
		require.NoError(t, announced.Close())
		require.NoError(t, db.Close())
	})
	return h
}

var usual = commit.Wait{For: commit.Deadline}

func (h *hall) made(t testing.TB) (chat.Application, string) {
	a, token, err := h.Create(t.Context(), chat.Application{Name: " Support ", Reactions: true})
	require.NoError(t, err)
	return a, token
}

// chat makes one of an application of its own.
func (h *hall) chat(t testing.TB, kind chat.Kind) chat.Place {
	a, _ := h.made(t)
	told, err := h.Do(t.Context(), chat.Act{App: a.ID, Action: chat.Make, Kind: kind}, usual)
	require.NoError(t, err)
	require.True(t, told.Applied)
	return chat.Place{App: a.ID, Number: told.Number}
}

func act(p chat.Place, does chat.Action) chat.Act {
	return chat.Act{App: p.App, Chat: p.Number, Action: does, Person: uuid.UUID{15: 1}}
}

func post(p chat.Place, body string) chat.Act {
	a := act(p, chat.Post)
	a.Body = body
	return a
}

func TestManyMessagesAtOnceAreNumberedWithoutAGapAndEachIsToldItsNumber(t *testing.T) {
	h := open(t)
	h.work()
	p := h.chat(t, "")
	const n = 400
	var all sync.WaitGroup
	told := make([]chat.Told, n)
	for i := range n {
		all.Go(func() {
			a := post(p, "x")
			a.Person = uuid.Nil // each is somebody else's
			var err error
			if told[i], err = h.Do(t.Context(), a, usual); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	given := map[int64]uuid.UUID{}
	for _, one := range told {
		require.Equal(t, chat.Numbered, one.Verdict)
		given[one.Number] = one.ID
	}
	c, err := h.store.Chat(t.Context(), p)
	require.NoError(t, err)
	require.Equal(t, chat.Counts{Last: n, Messages: n, Shown: n}, c.Counts)
	for number := int64(1); number <= n; number++ {
		m, err := h.store.Message(t.Context(), c.ID, number)
		require.NoError(t, err)
		require.Equal(t, given[number], m.ID)
	}
	_, found := recounted(t, h.store)
	require.Empty(t, found)
}

func recounted(t testing.TB, s chat.Store) (n int, found []work.Difference) {
	n, err := chat.NewRecounter(s).Recount(t.Context(), false, func(d work.Difference) {
		found = append(found, d)
	})
	require.NoError(t, err)
	return n, found
}

func TestARetryWithAKeyGetsTheSameNumber(t *testing.T) {
	h := open(t)
	h.work()
	p := h.chat(t, "")
	keyed := post(p, "first")
	keyed.Key = uuid.New()
	first, err := h.Do(t.Context(), keyed, usual)
	require.NoError(t, err)
	require.Equal(t, chat.Result{Verdict: chat.Numbered, Number: 1}, first.Result)
	keyed.Body = "whatever it says"
	for range 2 {
		again, err := h.Do(t.Context(), keyed, usual)
		require.NoError(t, err)
		require.Equal(t, chat.Told{
			ID: first.ID, Applied: true, Result: chat.Result{Verdict: chat.Before, Number: 1},
		}, again)
	}
	for name, change := range map[string]func(*chat.Act){
		"another's": func(a *chat.Act) { a.Person = uuid.New() },
		"nobody's":  func(a *chat.Act) { a.Person = uuid.Nil },
	} {
		other := keyed
		change(&other)
		told, err := h.Do(t.Context(), other, usual)
		require.NoError(t, err)
		require.Equal(t, chat.Numbered, told.Verdict, name)
		told, err = h.Do(t.Context(), other, usual)
		require.NoError(t, err)
		require.Equal(t, chat.Before, told.Verdict, name)
	}
	made := chat.Act{App: p.App, Action: chat.Make, Key: keyed.Key}
	for _, want := range []chat.Verdict{chat.Numbered, chat.Before} {
		told, err := h.Do(t.Context(), made, usual)
		require.NoError(t, err)
		require.Equal(t, chat.Result{Verdict: want, Number: 2}, told.Result)
	}
}

func TestWhatIsDurableAndNotWaitedForIsFoundByItsID(t *testing.T) {
	h := open(t)
	h.work()
	p := h.chat(t, "")
	told, err := h.Do(t.Context(), post(p, "on its way"), commit.Wait{Async: true})
	require.NoError(t, err)
	_, err = h.Do(t.Context(), post(p, "behind it"), usual)
	require.NoError(t, err)
	number, message, err := h.store.Numbered(t.Context(), p.App, told.ID)
	require.NoError(t, err)
	require.Equal(t, [2]int64{1, 1}, [2]int64{number, message})
}

func TestTheApplierTakesApartWhatItIsGiven(t *testing.T) {
	h := open(t)
	a := chat.NewApplier(h.store, slog.New(slog.DiscardHandler))
	var items []chat.Item
	app := uuid.New()
	for range 5 {
		items = append(items, chat.Item{
			ID: commit.NewID(), App: app, Action: chat.Post, Chat: 1, Body: "x",
		})
	}
	kind, body, err := chat.EncodeItems(nil, items)
	require.NoError(t, err)
	e := queue.Entry{ID: commit.NewID(), Type: kind, Body: body, Replayed: true}
	require.Equal(t, 5, a.Size(e))
	long := queue.Entry{Type: e.Type, Body: append(slices.Clone(e.Body), make([]byte, 2560)...)}
	require.Equal(t, 15, a.Size(long), "long texts count as more")
	require.Equal(t, make([]byte, 5), a.Unknown(e))
	require.Equal(t, "messages, and what is done with them: 5", a.Describe(e))
	first, second, ok := a.Halve(e)
	require.True(t, ok)
	require.True(t, first.Replayed && second.Replayed)
	left, err := chat.DecodeItems(first)
	require.NoError(t, err)
	right, err := chat.DecodeItems(second)
	require.NoError(t, err)
	require.Equal(t, items, append(left, right...))
	applied, err := a.Apply(t.Context(), []work.Partitioned{{Entry: e}, {
		Entry: queue.Entry{ID: commit.NewID()}, Partition: 1, Halved: true,
	}})
	require.NoError(t, err)
	gone := []byte{byte(chat.AppGone)}
	require.Equal(t, [][]byte{[]byte(strings.Repeat(string(gone), 5)), {}}, applied.Results)
	bad := queue.Entry{ID: commit.NewID(), Type: 9, Body: []byte("?")}
	_, _, ok = a.Halve(bad)
	require.False(t, ok)
	require.Equal(t, "unreadable", a.Describe(bad))
	_, err = a.Apply(t.Context(), []work.Partitioned{{Entry: bad}})
	require.ErrorIs(t, err, queue.ErrMalformed)
}

func TestAWorkerAnnouncesAChatAndNoNumbers(t *testing.T) {
	h := open(t)
	heard := h.spine.Bus.Subscribe(t.Context())
	h.work()
	p := h.chat(t, "")
	c, err := h.store.Chat(t.Context(), p)
	require.NoError(t, err)
	told := map[bus.Change]bool{}
	for len(told) < 2 {
		told[<-heard] = true
	}
	require.Equal(t, map[bus.Change]bool{
		{Thing: p.App}: true, {Thing: p.App, Part: c.ID, Revision: 1}: true,
	}, told)
}
