package httpapi

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"mime"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/plenary-live/plenary/api/internal/budget"
	"github.com/plenary-live/plenary/api/internal/table"
	"github.com/plenary-live/plenary/api/internal/xlsx"
	"github.com/plenary-live/plenary/pkg/poll"
)

// format is how the results of a presentation are written down.
type format struct {
	name string // in a query, and the end of a file's name
	mime string
}

// formats are those there are; the first one is for who has no wish.
var formats = []format{
	{"json", fiber.MIMEApplicationJSON},
	{"csv", "text/csv"},
	{"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
}

// formatOf gives what a client wants: by its query, which a link can say, else by Accept.
func formatOf(c *fiber.Ctx) (format, error) {
	query := c.Context().QueryArgs()
	asked, offers := string(query.Peek("format")), make([]string, len(formats))
	for i, f := range formats {
		if offers[i] = f.mime; asked == f.name {
			return f, nil
		}
	}
	if query.Has("format") {
		return format{}, poll.Field("format", `must be "json", "csv" or "xlsx"`)
	}
	accepted := c.Accepts(offers...)
	for _, f := range formats {
		if f.mime == accepted {
			return f, nil
		}
	}
	return formats[0], nil
}

// wireAllResults are the results of a presentation's polls that were displayed.
type wireAllResults struct {
	PresentationID uuid.UUID         `json:"presentation_id"`
	Title          string            `json:"title"`
	Version        int64             `json:"version"`
	Polls          []wirePollResults `json:"polls"`
}

type wirePollResults struct {
	place    int       // of the poll in the presentation, from 1
	Question string    `json:"question"`
	Kind     poll.Kind `json:"kind"`
	wireResults[wireCount]
}

// encodedAll are all results of a presentation that were displayed, of one read.
type encodedAll struct {
	access    poll.Access
	presenter allView
	others    allView // the presenter's, where nothing is hidden
}

// allView is what somebody may see of them.
type allView struct {
	*wireAllResults
	body []byte // JSON
	tag  string // its entity tag
}

// newCoalescedAll coalesces the reads of all results: the page that shows them is shared with a whole room. costly are the turns at
// encoding them. Reading them has turns of its own, since the store may take its time: these bound how many presentations are in
// memory.
func newCoalescedAll(store poll.Store, costly *budget.Turns) *coalesced[uuid.UUID, *encodedAll] {
	reading := budget.NewTurns(maxAllResults)
	return newCoalesced(func(ctx context.Context, id uuid.UUID) (*encodedAll, error) {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		read, err := reading.Take(ctx)
		if err != nil {
			return nil, err
		}
		defer read()
		e, err := readAll(ctx, store, id)
		if err != nil {
			return nil, err
		}
		end, err := costly.TakeLong(ctx)
		if err != nil {
			return nil, err
		}
		defer end()
		return e, e.encode()
	})
}

// readAll puts together what may be seen. The words of free text are read with their poll's state once more, in one
// statement: each poll's results are of one moment, though not all of the same one. It is to be encoded.
func readAll(ctx context.Context, store poll.Store, id uuid.UUID) (*encodedAll, error) {
	p, states, err := store.Presentation(ctx, id)
	if err != nil {
		return nil, err
	}
	all := &wireAllResults{PresentationID: p.ID, Title: p.Title, Version: p.Slide.Version, Polls: []wirePollResults{}}
	veiled, hidden := *all, false
	for i, q := range p.Polls {
		if states[i].Status == poll.Pending { // its question is the presenter's secret, and there is nothing to tell
			continue
		}
		r := poll.Results{Poll: q, State: states[i]}
		if q.Kind.FreeText() {
			if r, err = store.Results(ctx, p.ID, q.ID); err != nil {
				return nil, err
			}
		}
		hidden = hidden || r.Hidden()
		all.Polls = append(all.Polls, wirePollResults{i + 1, q.Question, q.Kind, seen(&r, true)})
		veiled.Polls = append(veiled.Polls, wirePollResults{i + 1, q.Question, q.Kind, seen(&r, false)})
	}
	e := &encodedAll{access: p.Access, presenter: allView{wireAllResults: all}, others: allView{wireAllResults: all}}
	if hidden {
		e.others.wireAllResults = &veiled
	}
	return e, nil
}

func (e *encodedAll) encode() error {
	if err := e.presenter.encode(); err != nil {
		return err
	}
	if e.others.wireAllResults != e.presenter.wireAllResults {
		return e.others.encode()
	}
	e.others = e.presenter
	return nil
}

func (v *allView) encode() (err error) {
	v.body, err = json.Marshal(v.wireAllResults)
	v.tag = contentTag(v.body)
	return err
}

// contentTag is the entity tag of a body.
func contentTag(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + hex.EncodeToString(sum[:16]) + `"`
}

// getAllResults gives the results of every poll that was displayed.
func getAllResults(c *call) error {
	f, err := formatOf(c.Ctx)
	if err != nil {
		return err
	}
	id, err := parseID("presentation_id", c.Params("id"))
	if err != nil {
		return err
	}
	ctx, cancel := c.timeout()
	defer cancel()
	end := func() {}
	if f.name == "xlsx" { // who waits for a turn shall not have all of it in their hands
		if end, err = c.server.workbooks.Take(ctx); err != nil {
			return err
		}
	}
	defer end()
	e, err := c.server.allResults.read(ctx, id)
	if err != nil {
		return err
	}
	all := e.others
	c.use(id)
	if c.roleOf(&e.access) >= toTake {
		all = e.presenter
	}
	c.Vary(fiber.HeaderAccept, fiber.HeaderAuthorization)
	c.Set(fiber.HeaderCacheControl, "no-cache")
	if f.name != "json" {
		c.Set(fiber.HeaderContentDisposition, attachment(all.Title, f.name))
	}
	body, tag := all.body, all.tag
	switch f.name {
	case "xlsx":
		done, err := c.server.Costly.TakeLong(ctx)
		if err != nil {
			return err
		}
		defer done()
		if body, err = all.workbook(); err != nil {
			return err
		}
		c.Set(fiber.HeaderContentType, f.mime)
		return c.Send(body)
	case "csv":
		tag = contentTag([]byte("csv of " + all.tag))
	}
	if c.unchanged(tag) {
		return nil
	}
	if f.name == "csv" {
		return c.sendTable(all)
	}
	c.Set(fiber.HeaderContentType, f.mime)
	return c.Send(body) // shared, not copied: nobody writes to it
}

// sendTable answers with a table, bit by bit. Until it is sent, what it is made of takes room as that itself would.
func (c *call) sendTable(all allView) error {
	release, err := c.server.hold(c.Ctx, all.body)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, "text/csv; charset=utf-8")
	body, err := c.newStream(func(_ context.Context, w *bufio.Writer, turn func() error) error { return all.csv(w, turn) }, release)
	if err != nil {
		return err
	}
	return c.SendStream(body)
}

// seen gives what the presenter or anybody may see of a poll's results: the one place that decides it for answers, whatever their
// format.
func seen(r *poll.Results, presenter bool) wireResults[wireCount] {
	all := toResults(r, func(o poll.Option, count int64) wireCount { return wireCount{wireOption(o), count} })
	if !presenter && r.Hidden() {
		return all.hide()
	}
	return all
}

// lines gives the answers to a poll as key, value and count. Words have no key.
func (r *wirePollResults) lines() (lines [][]any) {
	for _, o := range r.Options {
		lines = append(lines, []any{o.Key, o.Value, o.Count})
	}
	for _, w := range r.Words {
		lines = append(lines, []any{"", w.Text, w.Count})
	}
	return lines
}

// csvHead names the columns. There is a row for each answer; a poll without any has one row.
var csvHead = []any{"poll", "question", "kind", "status", "total", "mean", "median", "key", "value", "count", "identity"}

// csv writes a table of everything. It may be a hundred times as large as what it tells: each row has its poll's question.
// It calls turn before each answer's.
func (a *wireAllResults) csv(w io.Writer, turn func() error) error {
	out, err := table.NewCSV(w)
	if err != nil {
		return err
	}
	if err := out.Row(csvHead...); err != nil {
		return err
	}
	for i := range a.Polls {
		p := &a.Polls[i]
		poll := []any{p.place, p.Question, string(p.Kind), string(p.Status), p.Total, optional(p.Mean), optional(p.Median)}
		answers := [][]any{{nil, nil, nil}}
		if lines := p.lines(); len(lines) > 0 {
			answers = lines
		}
		for _, answer := range answers {
			if err := turn(); err != nil {
				return err
			}
			if err := out.Row(slices.Concat(poll, answer, []any{string(p.Identity)})...); err != nil {
				return err
			}
		}
	}
	return out.Close()
}

// maxFileName is how many characters of a title the name of a file takes.
const maxFileName = 60

// attachment is a Content-Disposition that names a file after a presentation (RFC 6266).
func attachment(title, end string) string {
	words := strings.FieldsFunc(title, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsDigit(r) })
	name := []rune(strings.TrimLeftFunc(strings.Join(words, "-"), unicode.IsMark))
	name = name[:min(len(name), maxFileName)]
	if len(name) == 0 {
		name = []rune("results")
	}
	return mime.FormatMediaType("attachment", map[string]string{"filename": string(name) + "." + end})
}

// workbook makes one of everything. It is made before it is sent, so that who reads slowly holds up nobody else's.
func (a *wireAllResults) workbook() ([]byte, error) {
	var b bytes.Buffer
	if err := xlsx.Write(&b, a.sheets()); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// sheets are one that tells of all polls, and one for each.
func (a *wireAllResults) sheets() []xlsx.Sheet {
	all := xlsx.Sheet{Name: "Overview", Heads: []int{2}, Rows: [][]any{
		{"title", a.Title}, nil, {"poll", "question", "kind", "status", "total", "mean", "median", "identity"},
	}}
	sheets := []xlsx.Sheet{{}}
	for i := range a.Polls {
		p := &a.Polls[i]
		all.Rows = append(all.Rows, []any{
			p.place, p.Question, string(p.Kind), string(p.Status), p.Total, optional(p.Mean), optional(p.Median), string(p.Identity),
		})
		sheets = append(sheets, p.sheet())
	}
	sheets[0] = all
	return sheets
}

func (r *wirePollResults) sheet() xlsx.Sheet {
	s := xlsx.Sheet{Name: strconv.Itoa(r.place) + " " + r.Question, Rows: [][]any{
		{"question", r.Question}, {"kind", string(r.Kind)}, {"status", string(r.Status)}, {"total", r.Total},
		{"identity", string(r.Identity)},
	}}
	if r.Mean != nil {
		s.Rows = append(s.Rows, []any{"mean", *r.Mean}, []any{"median", optional(r.Median)})
	}
	s.Rows = append(s.Rows, nil)
	s.Heads = []int{len(s.Rows)}
	s.Rows = append(s.Rows, []any{"key", "value", "count"})
	s.Rows = append(s.Rows, r.lines()...)
	return s
}

// optional is a number that may be missing.
func optional(f *float64) any {
	if f == nil {
		return nil
	}
	return *f
}
