package talks

import (
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/plenary-live/plenary/api/internal/table"
	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/api/internal/xlsx"
	"github.com/plenary-live/plenary/pkg/talk"
)

// file writes talks to be kept, while their comments are read: each talk, and then its comments.
type file interface {
	talk(t *talk.Talk) error
	comment(t *talk.Talk, c wireComment) error
	end() error
}

// beginners begin the files of all formats.
var beginners = map[web.Format]func(
	w io.Writer, all []talk.Talk, at time.Time, separator rune,
) (file, error){web.JSON: beginJSON, web.CSV: beginCSV, web.XLSX: beginBook}

// numbersHead names the columns of numbers.
var numbersHead = []any{"count", "average", "median", "1", "2", "3", "4", "5", "identity"}

func numbers(t *talk.Talk) []any {
	cells := []any{t.Count(), nil, nil}
	if mean, ok := t.Average(); ok {
		cells[1] = mean
	}
	if median, ok := t.Median(); ok {
		cells[2] = median
	}
	for _, n := range t.Tally {
		cells = append(cells, n)
	}
	return append(cells, string(t.Identity()))
}

// csvFile is a table that has a row for each comment, and one for a talk without any.
type csvFile struct {
	*table.CSV
	at   time.Time
	now  *talk.Talk // nil: none
	rows int        // of that talk
}

var csvHead = append(append([]any{"talk_id", "code", "title", "speaker", "starts_at", "ends_at"},
	numbersHead...), "comment", "value", "hidden", "commented_at", "exported_at")

func beginCSV(w io.Writer, _ []talk.Talk, at time.Time, separator rune) (file, error) {
	out, err := table.NewCSV(w, separator)
	if err != nil {
		return nil, err
	}
	return &csvFile{CSV: out, at: at}, out.Row(csvHead...)
}

func (f *csvFile) talk(t *talk.Talk) error {
	err := f.done()
	f.now, f.rows = t, 0
	return err
}

func (f *csvFile) comment(_ *talk.Talk, c wireComment) error {
	return f.row(c.Text, c.Value, c.Hidden, c.At)
}

func (f *csvFile) row(comment ...any) error {
	f.rows++
	t := f.now
	cells := append([]any{t.ID.String(), t.Code, t.Title, t.Speaker, t.StartsAt, t.EndsAt},
		numbers(t)...)
	return f.Row(append(append(cells, comment...), f.at)...)
}

// done ends the talk that is being written.
func (f *csvFile) done() error {
	if f.now == nil || f.rows > 0 {
		return nil
	}
	return f.row(nil, nil, nil, nil)
}

func (f *csvFile) end() error { return errors.Join(f.done(), f.Close()) }

// bookFile is a workbook that has a sheet of talks, and one of comments.
type bookFile struct{ *xlsx.Book }

func beginBook(w io.Writer, all []talk.Talk, at time.Time, _ rune) (file, error) {
	f := bookFile{xlsx.New(w)}
	head := append([]any{"code", "title"}, numbersHead...)
	err := errors.Join(f.Sheet("Talks"), f.Row("exported_at (UTC)", at),
		f.Head(append(head, "speaker", "starts_at (UTC)", "ends_at (UTC)", "talk_id")...))
	for i := range all {
		if err != nil {
			return nil, err
		}
		t := &all[i]
		cells := append([]any{t.Code, t.Title}, numbers(t)...)
		err = f.Row(append(cells, t.Speaker, t.StartsAt, t.EndsAt, t.ID.String())...)
	}
	return f, errors.Join(err, f.Sheet("Comments"),
		f.Head("code", "comment", "value", "commented_at (UTC)", "hidden", "title"))
}

func (f bookFile) talk(*talk.Talk) error { return nil } // all are there already

func (f bookFile) comment(t *talk.Talk, c wireComment) error {
	return f.Row(t.Code, c.Text, c.Value, c.At, c.Hidden, t.Title)
}

func (f bookFile) end() error { return f.Close() }

// jsonFile is an object with a list of talks, which have their ratings and comments.
type jsonFile struct {
	io.Writer
	after string // what ends what is being written
	more  string // what stands before the next comment
}

// exportedTalk is a talk as its owner takes it away.
type exportedTalk struct {
	shown
	Ratings wireRatings `json:"ratings"`
}

func beginJSON(w io.Writer, _ []talk.Talk, at time.Time, _ rune) (file, error) {
	f := &jsonFile{Writer: w}
	head := struct {
		At time.Time `json:"exported_at"`
	}{at.UTC().Truncate(time.Millisecond)}
	return f, web.BeginJSON(f, head, `,"items":[`)
}

func (f *jsonFile) write(data []byte) error {
	_, err := f.Write(data)
	return err
}

func (f *jsonFile) talk(t *talk.Talk) error {
	if f.after != "" {
		if err := f.write([]byte(f.after + ",")); err != nil {
			return err
		}
	}
	f.after, f.more = "]}", ""
	one := exportedTalk{shown{t.ID, t.Code, toWritten(t)}, toRatings(t, true)}
	return web.BeginJSON(f, one, `,"comments":[`)
}

func (f *jsonFile) comment(_ *talk.Talk, c wireComment) error {
	data, err := json.Marshal(c)
	if err != nil {
		return err
	}
	data = append([]byte(f.more), data...)
	f.more = ","
	return f.write(data)
}

func (f *jsonFile) end() error { return f.write([]byte(f.after + "]}")) }
