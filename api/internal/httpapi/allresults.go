package httpapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"mime"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

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

// newCoalescedAll coalesces the reads of all results: the page that shows them is shared with a whole room.
func newCoalescedAll(store poll.Store) *coalesced[uuid.UUID, *encodedAll] {
	return newCoalesced(func(ctx context.Context, id uuid.UUID) (*encodedAll, error) {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		return readAll(ctx, store, id)
	})
}

// readAll puts together what may be seen. The words of free text are read with their poll's state once more, in one
// statement: each poll's results are of one moment, though not all of the same one.
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
	e := &encodedAll{access: p.Access}
	if e.presenter, err = all.encode(); err != nil {
		return nil, err
	}
	if e.others = e.presenter; hidden {
		e.others, err = veiled.encode()
	}
	return e, err
}

func (a *wireAllResults) encode() (allView, error) {
	body, err := json.Marshal(a)
	return allView{a, body, contentTag(body)}, err
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
		return c.sendWorkbook(ctx, f, all.wireAllResults)
	case "csv":
		if body, err = all.csv(); err != nil {
			return err
		}
		tag = contentTag(body)
		f.mime += "; charset=utf-8"
	}
	if c.unchanged(tag) {
		return nil
	}
	c.Set(fiber.HeaderContentType, f.mime)
	return c.Send(body) // shared, not copied: nobody writes to it
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

// tableLine is what a poll's results have for each answer, in a table.
type tableLine struct {
	key, value string
	count      int64
}

// lines gives the answers to a poll. Words have no key.
func (r *wirePollResults) lines() (lines []tableLine) {
	for _, o := range r.Options {
		lines = append(lines, tableLine{o.Key, o.Value, o.Count})
	}
	for _, w := range r.Words {
		lines = append(lines, tableLine{"", w.Text, w.Count})
	}
	return lines
}

// csvHead names the columns. There is a row for each answer; a poll without any has one row.
var csvHead = []string{"poll", "question", "kind", "status", "total", "mean", "median", "key", "value", "count"}

// utf8Mark begins every table: without it, Excel reads one as of a Windows code page, and garbles what is not ASCII.
const utf8Mark = "\uFEFF"

func (a *wireAllResults) csv() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(utf8Mark)
	w := csv.NewWriter(&b)
	rows := [][]string{csvHead}
	for i := range a.Polls {
		p := &a.Polls[i]
		poll := []string{
			strconv.Itoa(p.place), harmless(p.Question), string(p.Kind), string(p.Status), strconv.FormatInt(p.Total, 10),
			number(p.Mean), number(p.Median),
		}
		answers := p.lines()
		for _, l := range answers {
			rows = append(rows, append(poll[:len(poll):len(poll)], harmless(l.key), harmless(l.value), strconv.FormatInt(l.count, 10)))
		}
		if len(answers) == 0 {
			rows = append(rows, append(poll, "", "", ""))
		}
	}
	if err := w.WriteAll(rows); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func number(f *float64) string {
	if f == nil {
		return ""
	}
	return strconv.FormatFloat(*f, 'f', -1, 64)
}

// harmless gives a cell that a spreadsheet does not run: it takes what begins with one of these signs for a formula, and an
// apostrophe before them for the sign of a text.
func harmless(cell string) string {
	begins := strings.TrimLeftFunc(cell, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) })
	if strings.IndexAny(begins, "=+-@＝＋－＠") == 0 {
		return "'" + cell
	}
	return cell
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

// What workbooks may take, since making one takes far more than reading results, and anybody may ask.
const (
	maxWorkbooks     = 4        // being made at once
	maxWorkbookBytes = 64 << 20 // made and not sent yet
)

// sendWorkbook answers with a workbook. It is made before it is sent, so that a client who reads slowly holds up nobody else's:
// what it holds are the workbook's bytes, for writeTimeout at most.
func (c *call) sendWorkbook(ctx context.Context, f format, all *wireAllResults) error {
	body, err := c.server.makeWorkbook(ctx, all)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, f.mime)
	return c.SendStream(body, body.whole.Len())
}

// workbook is one that was made. Close it when it is sent.
type workbook struct {
	whole *bytes.Reader
	stops context.Context // of the server
	free  func()
}

// Read implements io.Reader. It fails when the server stops: that does not wait for a slow client.
func (w *workbook) Read(p []byte) (int, error) {
	if err := w.stops.Err(); err != nil {
		return 0, err
	}
	return w.whole.Read(p)
}

// Close implements io.Closer.
func (w *workbook) Close() error {
	w.free()
	return nil
}

// makeWorkbook makes one. Who finds too many under way waits until ctx ends.
func (s *Server) makeWorkbook(ctx context.Context, all *wireAllResults) (*workbook, error) {
	select {
	case s.workbooks <- struct{}{}:
	case <-ctx.Done():
		return nil, poll.Unavailablef(ctx.Err(), "too many workbooks are being made")
	}
	defer func() { <-s.workbooks }()
	var b bytes.Buffer
	if err := xlsx.Write(&b, all.sheets()); err != nil {
		return nil, err
	}
	size := min(int64(b.Cap()), maxWorkbookBytes)
	if err := s.unsent.Acquire(ctx, size); err != nil {
		return nil, poll.Unavailablef(err, "too many workbooks are being sent")
	}
	return &workbook{bytes.NewReader(b.Bytes()), s.streams, sync.OnceFunc(func() { s.unsent.Release(size) })}, nil
}

// sheets are one that tells of all polls, and one for each.
func (a *wireAllResults) sheets() []xlsx.Sheet {
	all := xlsx.Sheet{Name: "Overview", Heads: []int{2}, Rows: [][]any{
		{"title", a.Title}, nil, {"poll", "question", "kind", "status", "total", "mean", "median"},
	}}
	sheets := []xlsx.Sheet{{}}
	for i := range a.Polls {
		p := &a.Polls[i]
		all.Rows = append(all.Rows, []any{p.place, p.Question, string(p.Kind), string(p.Status), p.Total, optional(p.Mean), optional(p.Median)})
		sheets = append(sheets, p.sheet())
	}
	sheets[0] = all
	return sheets
}

func (r *wirePollResults) sheet() xlsx.Sheet {
	s := xlsx.Sheet{Name: strconv.Itoa(r.place) + " " + r.Question, Rows: [][]any{
		{"question", r.Question}, {"kind", string(r.Kind)}, {"status", string(r.Status)}, {"total", r.Total},
	}}
	if r.Mean != nil {
		s.Rows = append(s.Rows, []any{"mean", *r.Mean}, []any{"median", optional(r.Median)})
	}
	s.Rows = append(s.Rows, nil)
	s.Heads = []int{len(s.Rows)}
	s.Rows = append(s.Rows, []any{"key", "value", "count"})
	for _, l := range r.lines() {
		s.Rows = append(s.Rows, []any{l.key, l.value, l.count})
	}
	return s
}

// optional is a number that may be missing.
func optional(f *float64) any {
	if f == nil {
		return nil
	}
	return *f
}
