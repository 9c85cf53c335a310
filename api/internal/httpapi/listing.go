package httpapi

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/valyala/fasthttp"

	"github.com/plenary-live/plenary/api/internal/budget"
	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

// What a page of answers holds: maxPageBytes ends it early. And how many are read at once: whoever
// asks for one page after the other, of a poll with many banned words, leaves connections to lists
// and files.
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
	if p.limit, err = limitOf(query, defaultAnswers, maxAnswers); err != nil {
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
func newCoalescedAnswers(store poll.Store, costly *budget.Turns) *coalesced[answersPage, []byte] {
	reading := budget.NewTurns(maxPagesRead)
	return newCoalesced(func(ctx context.Context, p answersPage) ([]byte, error) {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		end, err := reading.Take(ctx)
		if err != nil {
			return nil, err
		}
		defer end()
		turn := &costlyTurn{ctx: ctx, turns: costly}
		defer turn.pause()
		return p.read(ctx, store, turn.take)
	})
}

// read writes the page down, whose memory depends on nothing but its own size. It calls turn when
// the store has begun to answer.
func (p answersPage) read(ctx context.Context, store poll.Store, turn func() error) ([]byte, error) {
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

// getAnswers gives a page of the answers in free text to a poll. Presenters see those that are
// hidden as well, and nobody else does.
func getAnswers(c *call) error {
	page, err := answersPageOf(c.Context().QueryArgs())
	if err != nil {
		return err
	}
	if page.presentationID, page.pollID, err = c.pollIDs(); err != nil {
		return err
	}
	ctx, cancel := c.timeout()
	defer cancel()
	r, err := c.server.results.read(ctx, page.pollKey)
	if err != nil {
		return err
	}
	role, err := c.mayRead(ctx, page.presentationID, &r.Results)
	if err != nil {
		return err
	}
	c.use(page.presentationID)
	if err := r.TakesText(); err != nil {
		return err
	}
	if !page.ordered {
		page.order = r.Kind.Order()
	}
	page.ordered = true // known now, and the same page however it was asked for
	c.Vary(fiber.HeaderAuthorization)
	tag := resultsTag(&r.Results, "") // of before the page is read, so what it tells of is never newer than the page
	if page.hidden = role >= toSee; page.hidden {
		tag = resultsTag(&r.Results, ".presenter")
	}
	if _, err := page.listing(); err != nil || c.unchanged(tag) {
		return err
	}
	body, err := c.server.answers.read(ctx, page)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Send(body) // shared, not copied: nobody writes to it
}

// mayRead refuses who may not see a poll's results, and gives the role of who may.
func (c *call) mayRead(ctx context.Context, id uuid.UUID, r *poll.Results) (role access.Role, err error) {
	if r.Status == poll.Pending {
		if err := c.pendingResults(ctx, id, r.ID); err != nil {
			return role, err
		}
	}
	if role, err = c.role(ctx, id); err != nil || role >= toSee || !r.Hidden() {
		return role, err
	}
	_, err = c.need(ctx, id, toSee)
	return role, err
}

// patchAnswer hides an answer, or shows it again.
func patchAnswer(c *call) error {
	var body struct {
		Text   *string `json:"text"`
		Hidden *bool   `json:"hidden"`
	}
	if err := c.decode(&body); err != nil {
		return err
	}
	switch {
	case body.Text == nil:
		return fault.Field("text", "is missing: it says which answer is meant")
	case *body.Text == "" || utf8.RuneCountInString(*body.Text) > question.MaxTextLength:
		return fault.Field("text", "must have 1 to %d characters", question.MaxTextLength)
	case body.Hidden == nil:
		return fault.Field("hidden", "is missing: true hides the answer, false shows it again")
	}
	id, pollID, err := c.pollIDs()
	if err != nil {
		return err
	}
	ctx, cancel := c.timeout()
	defer cancel()
	if _, err := c.need(ctx, id, toHide); err != nil {
		return err
	}
	if err := c.server.bounds.edit(id); err != nil {
		return err
	}
	word, err := c.Stage.Hide(ctx, id, pollID, *body.Text, *body.Hidden)
	if err != nil {
		return err
	}
	return c.JSON(toAnswer(word))
}
