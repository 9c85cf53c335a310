package polls

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"

	"github.com/plenary-live/plenary/api/internal/budget"
	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/inproc"
	"github.com/plenary-live/plenary/pkg/life/lifetest"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

func TestPagesOfAnswers(t *testing.T) {
	w := question.WordCount{Word: "Köln", Count: 300,
		First: uuid.MustParse("01931c6e-7a1c-7d31-b0c5-93a1c1a8b1f2")}
	most, newest := mark(question.MostFirst, w), mark(question.NewestFirst, w)
	read := func(query string) (answersPage, error) {
		var args fasthttp.Args
		args.Parse(query)
		return answersPageOf(&args)
	}
	for query, want := range map[string]answersPage{
		"": {limit: 100}, "limit=1000&order=newest": {limit: 1000, ordered: true,
			order: question.NewestFirst},
		"order=most&cursor=" + most: {limit: 100, ordered: true, cursor: most},
		"cursor=" + newest + "&x=y": {limit: 100, cursor: newest},
	} {
		got, err := read(query)
		require.NoError(t, err, query)
		require.Equal(t, want, got, query)
	}
	l, err := answersPage{order: question.MostFirst, cursor: most, hidden: true}.listing()
	require.NoError(t, err)
	require.Equal(t, question.Listing{Order: question.MostFirst, After: &w, Hidden: true}, l)
	_, err = answersPage{order: question.NewestFirst, cursor: most}.listing()
	require.ErrorContains(t, err, "cursor")
	negative := mark(question.MostFirst, question.WordCount{Word: "a", Count: -1})
	for query, field := range map[string]string{
		"limit": "limit", "limit=": "limit", "limit=0": "limit", "limit=1001": "limit",
		"limit=1e3": "limit", "limit=%31%00": "limit",
		"order": "order", "order=": "order", "order=Most": "order", "order=most,newest": "order",
		"cursor": "cursor", "cursor=" + most[1:]: "cursor", "cursor=" + most + "=": "cursor",
		"cursor=" + most[:9] + "%0A" + most[9:]:                                   "cursor",
		"cursor=" + negative:                                                      "cursor",
		"cursor=" + mark(question.MostFirst, question.WordCount{Word: "a"}):       "cursor",
		"cursor=" + mark(question.NewestFirst, question.WordCount{}):              "cursor",
		"cursor=" + mark(question.NewestFirst, question.WordCount{Word: "a\x00"}): "cursor",
		"cursor=" + mark(question.NewestFirst, question.WordCount{Word: "\xff"}):  "cursor",
		"cursor=" + mark(9, w):                                                    "cursor",
		"cursor=" + mark(question.NewestFirst,
			question.WordCount{Word: strings.Repeat("a", 501)}): "cursor", "cursor=%ff": "cursor",
	} {
		_, err := read(query)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), query)
		require.ErrorContains(t, err, field, query)
	}
}

// FuzzMark: a cursor is what next was, byte for byte, or it is refused.
func FuzzMark(f *testing.F) {
	for _, s := range []string{"", "AAECAw",
		mark(question.MostFirst, question.WordCount{Word: "a", Count: 1}),
		mark(question.NewestFirst, question.WordCount{Word: "日本"})} {
		f.Add(s, "word", int64(7))
	}
	f.Fuzz(func(t *testing.T, s, word string, count int64) {
		order, w, err := parseMark(s)
		if err != nil {
			require.Equal(t, fault.Invalid, fault.CodeOf(err))
		} else {
			require.Equal(t, s, mark(order, w))
			require.Regexp(t, `^[A-Za-z0-9_-]+$`, s)
			require.LessOrEqual(t, len(s), 2720)
		}
		for order := range question.NewestFirst + 1 {
			want := question.WordCount{Word: word, Count: count, First: aPoll}
			_, got, err := parseMark(mark(order, want))
			if err == nil && order == question.MostFirst {
				require.Equal(t, want, got)
			}
		}
	})
}

// writtenAnswers is a store of one poll with texts that are as long as they may be.
type writtenAnswers struct {
	poll.Store
	n     int
	reads atomic.Int64
	hold  chan struct{} // nil: none waits
}

func (s *writtenAnswers) Access(context.Context, uuid.UUID) (a access.Tokens, err error) {
	return a, nil
}

func (s *writtenAnswers) Results(context.Context, uuid.UUID, uuid.UUID) (poll.Results, error) {
	return poll.Results{Poll: poll.Poll{Question: question.Question{Kind: question.OpenText}},
		State: poll.State{Status: poll.Open}}, nil
}

func (s *writtenAnswers) Answers(_ context.Context, _, _ uuid.UUID, l question.Listing,
	yield func(question.WordCount) error) error {
	s.reads.Add(1)
	if s.hold != nil {
		<-s.hold
	}
	from := 0
	if l.After != nil {
		_, err := fmt.Sscanf(l.After.Word, "%d", &from)
		if err != nil {
			return err
		}
	}
	for i := from + 1; i <= s.n; i++ {
		// each is six bytes in JSON
		text := fmt.Sprintf("%06d", i) + strings.Repeat("<", question.MaxTextLength-6)
		if err := yield(question.WordCount{Word: text, Text: text, Count: 1}); err != nil {
			return err
		}
	}
	return nil
}

func TestAPageOfLongAnswersEndsEarlyAndTheNextOneGoesOn(t *testing.T) {
	const n = 1000
	s := newTestServer()
	s.Start(Services{Store: &writtenAnswers{n: n}, Bus: inproc.NewBus()})
	defer s.Close()
	path := web.Base + "/presentations/" + aTalk.String() + "/polls/" + aPoll.String() +
		"/answers?limit=1000"
	seen, pages := 0, 0
	for next := ""; ; pages++ {
		res, err := s.app.Test(httptest.NewRequest("GET", path+next, nil), -1)
		require.NoError(t, err)
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, 200, res.StatusCode)
		require.Less(t, len(body), maxPageBytes*11/10)
		var page struct {
			Items []wireAnswer
			Next  string
		}
		require.NoError(t, json.Unmarshal(body, &page))
		for _, a := range page.Items {
			seen++
			require.Equal(t, fmt.Sprintf("%06d", seen), a.Text[:6], "every answer once, in order")
		}
		if next = "&cursor=" + page.Next; page.Next == "" {
			break
		}
	}
	require.Equal(t, n, seen)
	require.Equal(t, 2, pages, "full ones before the last")
}

func TestARoomThatTurnsThePageTogetherCostsTheStoreTwoReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &writtenAnswers{n: 10, hold: make(chan struct{})}
		answers := newCoalescedAnswers(store, budget.Costly())
		defer lifetest.Stop(t, answers)
		page := answersPage{pollKey: pollKey{aTalk, aPoll}, order: question.NewestFirst,
			ordered: true, limit: 100}
		var room sync.WaitGroup
		turn := func() {
			room.Go(func() {
				body, err := answers.Read(t.Context(), page)
				require.NoError(t, err)
				require.Contains(t, string(body), `"000010`)
			})
		}
		turn()
		synctest.Wait()
		for range 1000 {
			turn()
		}
		synctest.Wait()
		close(store.hold)
		room.Wait()
		require.EqualValues(t, 2, store.reads.Load())
		time.Sleep(time.Minute) // nothing is kept of what nobody reads
		require.Zero(t, answers.Len())
	})
}

func TestPagesOfAnswersLeaveConnectionsToListsAndFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &writtenAnswers{n: 10, hold: make(chan struct{})}
		answers := newCoalescedAnswers(store, budget.Costly())
		defer lifetest.Stop(t, answers)
		var room sync.WaitGroup
		for limit := range 100 { // of which each is another page
			room.Go(func() {
				page := answersPage{pollKey: pollKey{aTalk, aPoll}, limit: limit + 1}
				_, err := answers.Read(t.Context(), page)
				require.NoError(t, err)
			})
		}
		synctest.Wait()
		require.EqualValues(t, maxPagesRead, store.reads.Load(), "at once")
		close(store.hold)
		room.Wait()
		require.EqualValues(t, 100, store.reads.Load())
	})
}
