package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"strings"
	"time"
	"unicode"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/plenary-live/plenary/api/internal/budget"
	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

// format is how the results of a presentation are written down.
type format struct {
	name  string // in a query, and the end of a file's name
	mime  string
	begin func(w io.Writer, all *wireAllResults, at time.Time, separator rune, turn func() error) (file, error)
}

// formats are those there are; the first one is for who has no wish.
var formats = []format{
	{"json", fiber.MIMEApplicationJSON, beginJSON},
	{"csv", "text/csv", beginCSV},
	{"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", beginBook},
}

// formatOf gives what a client wants: by its query, which a link can say, else by Accept. kept says that it is to be a file, which holds
// everything.
func formatOf(c *fiber.Ctx) (f format, kept bool, err error) {
	query := c.Context().QueryArgs()
	asked, offers := string(query.Peek("format")), make([]string, len(formats))
	for i, f := range formats {
		if offers[i] = f.mime; asked == f.name {
			return f, true, nil
		}
	}
	if query.Has("format") {
		return format{}, false, fault.Field("format", `must be "json", "csv" or "xlsx"`)
	}
	accepted := c.Accepts(offers...)
	for _, f := range formats[1:] {
		if f.mime == accepted {
			return f, true, nil
		}
	}
	return formats[0], false, nil
}

// wireAllResults are the results of a presentation's polls that were displayed.
type wireAllResults struct {
	PresentationID uuid.UUID         `json:"presentation_id"`
	Title          string            `json:"title"`
	Version        int64             `json:"version"`
	Polls          []wirePollResults `json:"polls"`
}

type wirePollResults struct {
	place    int           // of the poll in the presentation, from 1
	Question string        `json:"question"`
	Kind     question.Kind `json:"kind"`
	wireResults[wireCount]
}

// encodedAll are all results of a presentation that were displayed, of one read.
type encodedAll struct {
	access    access.Tokens
	bans      string // a tag of what is banned, by which files change
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
	bans := sha256.New()
	for i, q := range p.Polls {
		_, _ = fmt.Fprintf(bans, "%q", q.Banned) // never fails
		if states[i].Status == poll.Pending {    // its question is the presenter's secret, and there is nothing to tell
			continue
		}
		r := poll.Results{Poll: q, State: states[i]}
		if q.Kind.FreeText() {
			if r, err = store.Results(ctx, p.ID, q.ID); err != nil {
				return nil, err
			}
		}
		hidden = hidden || r.Hidden()
		all.Polls = append(all.Polls, wirePollResults{i + 1, q.Text, q.Kind, seen(&r, true)})
		veiled.Polls = append(veiled.Polls, wirePollResults{i + 1, q.Text, q.Kind, seen(&r, false)})
	}
	e := &encodedAll{access: p.Tokens, bans: hex.EncodeToString(bans.Sum(nil)), presenter: allView{wireAllResults: all}, others: allView{wireAllResults: all}}
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
	f, kept, err := formatOf(c.Ctx)
	if err != nil {
		return err
	}
	separator, err := separatorOf(c.Context().QueryArgs())
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
	owns := c.roleOf(&e.access) >= toTake
	if owns {
		all = e.presenter
	}
	c.Vary(fiber.HeaderAccept, fiber.HeaderAuthorization)
	c.Set(fiber.HeaderCacheControl, "no-cache")
	if kept {
		c.Set(fiber.HeaderContentDisposition, attachment(all.Title, f.name))
		if c.unchanged("W/" + contentTag(fmt.Appendf(nil, "%s %c %s %s %t", f.name, separator, e.bans, all.tag, owns))) {
			return nil
		}
		return c.sendFile(ctx, f, separator, all, owns)
	}
	if c.unchanged(all.tag) {
		return nil
	}
	c.Set(fiber.HeaderContentType, f.mime)
	return c.Send(all.body) // shared, not copied: nobody writes to it
}

// seen gives what the presenter or anybody may see of a poll's results: the one place that decides it for answers, whatever their
// format.
func seen(r *poll.Results, presenter bool) wireResults[wireCount] {
	all := toResults(r, func(o question.Option, count int64) wireCount { return wireCount{wireOption(o), count} })
	if !presenter && r.Hidden() {
		return all.hide()
	}
	return all
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
