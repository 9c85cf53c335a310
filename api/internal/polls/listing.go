package polls

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/valyala/fasthttp"

	"github.com/plenary-live/plenary/api/internal/budget"
	"github.com/plenary-live/plenary/api/internal/live"
	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

// These bounds are for a page of answers, which maxPageBytes ends early, and for how many pages
// are read at once. A client may ask for one page after the other, of a poll with many banned
// words. It leaves connections to lists and files.
const (
	maxAnswers     = 1000
	defaultAnswers = 100
	maxPagesRead   = 2
)

// orders are those of answers, by their names in a query.
var orders = map[string]question.Order{"most": question.MostFirst, "newest": question.NewestFirst}

// wireAnswer is an answer in free text, or a word of a cloud.
type wireAnswer struct {
	Text    string    `json:"text"`
	Count   int64     `json:"count"`
	FirstAt time.Time `json:"first_at,omitzero"` // informs; nothing is ordered by it
	Hidden  bool      `json:"hidden,omitempty"`
}

func toAnswer(w question.WordCount) wireAnswer {
	return wireAnswer{w.Text, w.Count, w.FirstAt(), w.Hidden}
}

// answersPage is what a client asked for: the first answers of a listing, or those behind a place
// in it. Those who ask for the same share a read.
type answersPage struct {
	pollKey
	ordered bool // order was named; else it is the poll's own
	order   question.Order
	limit   int
	cursor  string // empty: from the first one on
	hidden  bool   // with those that are hidden
}

func answersPageOf(query *fasthttp.Args) (p answersPage, err error) {
	if query.Has("order") {
		if p.order, p.ordered = orders[string(query.Peek("order"))]; !p.ordered {
			return p, fault.Field("order", `must be "newest" or "most"`)
		}
	}
	if p.limit, err = web.LimitOf(query, defaultAnswers, maxAnswers); err != nil {
		return p, err
	}
	if query.Has("cursor") {
		p.cursor = string(query.Peek("cursor"))
		_, _, err = parseMark(p.cursor)
	}
	return p, err
}

// listing is what the store is asked for, once the order is known.
func (p answersPage) listing() (l question.Listing, err error) {
	l = question.Listing{Order: p.order, Hidden: p.hidden}
	if p.cursor == "" {
		return l, nil
	}
	order, after, err := parseMark(p.cursor)
	if err == nil && order != p.order {
		err = fault.Field("cursor", "is of another order than this one")
	}
	l.After = &after
	return l, err
}

// mark names the place behind a word in a listing of that order: where it stands there, whatever
// is said meanwhile.
func mark(order question.Order, w question.WordCount) string {
	b := append([]byte{byte(order)}, w.First[:]...)
	if order == question.MostFirst {
		b = binary.AppendUvarint(b, uint64(w.Count)) // positive: somebody says it
	}
	return cursors.EncodeToString(append(b, w.Word...))
}

func parseMark(s string) (order question.Order, w question.WordCount, err error) {
	wrong := fault.Field("cursor", "must be what next was")
	b, err := cursors.DecodeString(s)
	if err != nil || len(b) <= 1+len(w.First) || b[0] > byte(question.NewestFirst) {
		return 0, question.WordCount{}, wrong
	}
	order = question.Order(b[0])
	copy(w.First[:], b[1:])
	b = b[1+len(w.First):]
	if order == question.MostFirst {
		count, n := binary.Uvarint(b)
		w.Count = int64(count)
		b = b[max(n, 0):]
	}
	w.Word = string(b)
	switch {
	case w.Word == "" || utf8.RuneCountInString(w.Word) > question.MaxTextLength,
		!utf8.ValidString(w.Word) || strings.ContainsRune(w.Word, 0),
		w.Count < 0, w.Count == 0 && order == question.MostFirst, mark(order, w) != s:
		return 0, question.WordCount{}, wrong
	}
	return order, w, nil
}

// newCoalescedAnswers coalesces the reads of pages: a room turns them together. costly are the
// turns at writing them down.
func newCoalescedAnswers(store poll.Store, costly *budget.Turns) *live.Reads[answersPage, []byte] {
	reading := budget.NewTurns(maxPagesRead)
	return live.NewReads(func(ctx context.Context, p answersPage) ([]byte, error) {
		ctx, cancel := context.WithTimeout(ctx, web.CallTimeout)
		defer cancel()
		end, err := reading.Take(ctx)
		if err != nil {
			return nil, err
		}
		defer end()
		turn := web.NewTurn(ctx, costly)
		defer turn.Pause()
		return p.read(ctx, store, turn.Take)
	})
}

// read writes the page down, whose memory depends on nothing but its own size. It calls turn when
// the store has begun to answer.
func (p answersPage) read(ctx context.Context, store poll.Store,
	turn func() error) ([]byte, error) {
	l, err := p.listing()
	if err != nil {
		return nil, err
	}
	var items []byte
	add := func(w question.WordCount) (size int, err error) {
		if err := turn(); err != nil {
			return 0, err
		}
		data, err := json.Marshal(toAnswer(w))
		if len(items) > 0 {
			data = append([]byte{','}, data...)
		}
		items = append(items, data...)
		return len(data), err
	}
	last, err := readPage(ctx, store, p.pollKey, l, p.limit, maxPageBytes, add)
	if err != nil {
		return nil, err
	}
	next := ""
	if last != nil {
		next = `,"next":"` + mark(p.order, *last) + `"`
	}
	return slices.Concat([]byte(`{"items":[`), items, []byte("]"+next+"}")), nil
}

// errPageFull ends a page that has room for no more.
var errPageFull = errors.New("the page is full")

// readPage calls add for the words of a listing, until there are most of them, or their sizes
// come to room. It gives the last one if there are more behind it, else nil.
func readPage(
	ctx context.Context, store poll.Store, k pollKey, l question.Listing, most, room int,
	add func(question.WordCount) (size int, err error),
) (last *question.WordCount, err error) {
	n, size := 0, 0
	var before question.WordCount
	err = store.Answers(ctx, k.presentationID, k.pollID, l, func(w question.WordCount) error {
		if n == most || size >= room {
			last = &before
			return errPageFull
		}
		more, err := add(w)
		n, size, before = n+1, size+more, w
		return err
	})
	if errors.Is(err, errPageFull) {
		err = nil
	}
	return last, err
}
