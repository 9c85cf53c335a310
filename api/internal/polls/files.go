package polls

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"time"
	"unsafe"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/api/internal/budget"
	"github.com/plenary-live/plenary/api/internal/live"
	"github.com/plenary-live/plenary/api/internal/table"
	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/api/internal/xlsx"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

// What files with all results take of a process. Who reads a file slowly holds a page of words, a
// piece of a workbook, and a buffer.
const (
	maxFiles     = 512 // that are being sent
	maxReads     = 4   // of pages, at once
	maxWordsRead = 1000
	maxPageSize  = 96 << 10 // bytes of a page of words, about
)

// file writes results to be kept, while they are read: each poll, and then the words of that poll.
type file interface {
	poll(p *wirePollResults) error
	word(w *pageWord) error
	end() error
}

// wordsKey names a page of a poll's words.
type wordsKey struct {
	pollKey
	order  question.Order
	hidden bool
	begins bool // with the first word; else it begins behind that of the place
	count  int64
	first  uuid.UUID
	word   string
}

// wordsPage are words that follow each other.
type wordsPage struct {
	words []pageWord
	last  *question.WordCount // behind which the next page begins; nil: there is none
}

// pageWord is what a file tells of a word.
type pageWord struct {
	text   string
	count  int64
	first  uuid.UUID // vote
	hidden bool
}

// firstAt is when it came first, as far as that is known.
func (w *pageWord) firstAt() time.Time { return (question.WordCount{First: w.first}).FirstAt() }

// wordPages reads pages of words for many at once: a room that takes files away together costs the
// store little more than one person does. Between two pages of a file there is no connection to the
// store, so a client that reads slowly holds none.
type wordPages struct {
	*live.Reads[wordsKey, *wordsPage]
}

func newWordPages(store poll.Store) wordPages {
	reading := budget.NewTurns(maxReads)
	return wordPages{live.NewReads(func(ctx context.Context, k wordsKey) (*wordsPage, error) {
		ctx, cancel := context.WithTimeout(ctx, web.CallTimeout)
		defer cancel()
		end, err := reading.Take(ctx)
		if err != nil {
			return nil, err
		}
		defer end()
		return readWords(ctx, store, k)
	})}
}

func readWords(ctx context.Context, store poll.Store, k wordsKey) (*wordsPage, error) {
	l := question.Listing{Order: k.order, Hidden: k.hidden}
	if !k.begins {
		l.After = &question.WordCount{Word: k.word, Count: k.count, First: k.first}
	}
	page := &wordsPage{}
	var err error
	add := func(w question.WordCount) (size int, err error) {
		page.words = append(page.words, pageWord{w.Text, w.Count, w.First, w.Hidden})
		return len(w.Text) + int(unsafe.Sizeof(pageWord{})), nil
	}
	page.last, err = readPage(ctx, store, k.pollKey, l, maxWordsRead, maxPageSize, add)
	return page, err
}

// all calls yield for each word of a poll, in a turn. Words that do not stand in one page and may
// still change come by their age, which does not change. So no word is left out or comes twice
// since its votes moved in between.
func (pages wordPages) all(
	ctx context.Context, presentationID uuid.UUID, p *wirePollResults, hidden bool,
	turn *web.Turn, yield func(*pageWord) error,
) error {
	k := wordsKey{
		pollKey: pollKey{presentationID, p.PollID},
		order:   p.Kind.Order(), hidden: hidden, begins: true,
	}
	for {
		turn.Pause()
		page, err := pages.Read(ctx, k)
		if err != nil {
			return err
		}
		if page.last != nil && k.begins && k.order != question.NewestFirst &&
			p.Status != poll.Final {
			k.order = question.NewestFirst
			continue
		}
		for i := range page.words {
			if err := turn.Take(); err != nil {
				return err
			}
			if err := yield(&page.words[i]); err != nil {
				return err
			}
		}
		if page.last == nil {
			return nil
		}
		k.begins, k.count, k.first, k.word = false, page.last.Count, page.last.First, page.last.Word
	}
}

// csvHead names the columns. There is a row for each answer; a poll without any has one row.
var csvHead = []any{
	"poll", "question", "kind", "status", "total", "mean", "median", "key", "value", "count",
	"identity", "first_at", "hidden", "exported_at",
}

// csvFile is a table of everything. It may be a hundred times as large as what it tells: each row
// has its poll's question.
type csvFile struct {
	*table.CSV
	at   time.Time
	turn func() error     // is called before each row
	now  *wirePollResults // nil: none
	rows int              // of that poll
}

func beginCSV(w io.Writer, _ *wireAllResults, at time.Time, separator rune,
	turn func() error) (file, error) {
	out, err := table.NewCSV(w, separator)
	if err != nil {
		return nil, err
	}
	return &csvFile{CSV: out, at: at, turn: turn}, out.Row(csvHead...)
}

func (f *csvFile) poll(p *wirePollResults) error {
	if err := f.done(); err != nil {
		return err
	}
	f.now, f.rows = p, 0
	for _, o := range p.Options {
		if err := f.row(o.Key, o.Value, o.Count, nil, nil); err != nil {
			return err
		}
	}
	return nil
}

func (f *csvFile) word(w *pageWord) error {
	return f.row("", w.text, w.count, w.firstAt(), flag(w.hidden))
}

func (f *csvFile) row(key, value, count, first, hidden any) error {
	if err := f.turn(); err != nil {
		return err
	}
	f.rows++
	p := f.now
	return f.Row(p.place, p.Question, string(p.Kind), string(p.Status), p.Total, optional(p.Mean),
		optional(p.Median),
		key, value, count, string(p.Identity), first, hidden, f.at)
}

// done ends the poll that is being written.
func (f *csvFile) done() error {
	if f.now == nil || f.rows > 0 {
		return nil
	}
	return f.row(nil, nil, nil, nil, nil)
}

func (f *csvFile) end() error { return errors.Join(f.done(), f.Close()) }

// flag says that something is so, in a cell that is empty else.
func flag(yes bool) any {
	if yes {
		return true
	}
	return nil
}

// bookFile is a workbook that has a sheet that tells of all polls, and one for each.
type bookFile struct {
	*xlsx.Book
	turn func() error // is called before each row
}

func beginBook(w io.Writer, all *wireAllResults, at time.Time, _ rune,
	turn func() error) (file, error) {
	f := &bookFile{xlsx.New(w), turn}
	if err := f.Sheet("Overview"); err != nil {
		return nil, err
	}
	err := f.add([][]any{{"title", all.Title}, {"exported_at (UTC)", at}, nil})
	if err != nil {
		return nil, err
	}
	if err := f.Head("poll", "question", "kind", "status", "total", "mean", "median",
		"identity"); err != nil {
		return nil, err
	}
	for i := range all.Polls {
		p := &all.Polls[i]
		if err := f.add([][]any{{
			p.place, p.Question, string(p.Kind), string(p.Status), p.Total, optional(p.Mean),
			optional(p.Median), string(p.Identity),
		}}); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (f *bookFile) add(rows [][]any) error {
	for _, row := range rows {
		if err := f.turn(); err != nil {
			return err
		}
		if err := f.Row(row...); err != nil {
			return err
		}
	}
	return nil
}

func (f *bookFile) poll(p *wirePollResults) error {
	if err := f.Sheet(strconv.Itoa(p.place) + " " + p.Question); err != nil {
		return err
	}
	rows := [][]any{
		{"question", p.Question}, {"kind", string(p.Kind)}, {"status", string(p.Status)},
		{"total", p.Total}, {"identity", string(p.Identity)},
	}
	if p.Mean != nil {
		rows = append(rows, []any{"mean", *p.Mean}, []any{"median", optional(p.Median)})
	}
	if err := f.add(append(rows, nil)); err != nil {
		return err
	}
	head := []any{"key", "value", "count"}
	if p.Kind.FreeText() {
		head = append(head, "first_at (UTC)", "hidden")
	}
	if err := f.Head(head...); err != nil {
		return err
	}
	rows = nil
	for _, o := range p.Options {
		rows = append(rows, []any{o.Key, o.Value, o.Count})
	}
	return f.add(rows)
}

func (f *bookFile) word(w *pageWord) error {
	return f.Row("", w.text, w.count, w.firstAt(), flag(w.hidden))
}

func (f *bookFile) end() error { return f.Close() }

// jsonFile is what getAllResults answers, with all words.
type jsonFile struct {
	io.Writer
	turn   func() error // is called before each poll
	before string       // what stands before the next one in its list
	after  string       // what ends the one that is being written
}

func beginJSON(w io.Writer, all *wireAllResults, at time.Time, _ rune,
	turn func() error) (file, error) {
	f := &jsonFile{Writer: w, turn: turn}
	head := struct {
		wireAllResults
		ExportedAt time.Time `json:"exported_at"`
		Polls      []string  `json:"polls,omitempty"` // in place of those of all
	}{wireAllResults: *all, ExportedAt: at.UTC().Truncate(time.Millisecond)}
	return f, web.BeginJSON(f, head, `,"polls":[`)
}

func (f *jsonFile) write(data []byte) error {
	_, err := f.Write(data)
	return err
}

func (f *jsonFile) poll(p *wirePollResults) error {
	if err := f.turn(); err != nil {
		return err
	}
	next := f.after
	if f.after != "" {
		next += ","
	}
	if err := f.write([]byte(next)); err != nil {
		return err
	}
	one := *p
	one.Words = nil
	if p.Words == nil {
		f.after = "}"
		return web.BeginJSON(f, one, "")
	}
	f.before, f.after = "", "]}"
	return web.BeginJSON(f, one, `,"words":[`)
}

func (f *jsonFile) word(w *pageWord) error {
	data, err := json.Marshal(wireAnswer{w.text, w.count, w.firstAt(), w.hidden})
	if err != nil {
		return err
	}
	data = slices.Concat([]byte(f.before), data)
	f.before = ","
	return f.write(data)
}

func (f *jsonFile) end() error { return f.write([]byte(f.after + "]}")) }

// optional is a number that may be missing.
func optional(f *float64) any {
	if f == nil {
		return nil
	}
	return *f
}
