package polls

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/fault"
)

// format is how the results of a presentation are written down.
type format struct {
	name  string // in a query, and the end of a file's name
	mime  string
	begin func(w io.Writer, all *wireAllResults, at time.Time, separator rune,
		turn func() error) (file, error)
}

// formats are those there are; the first one is for who has no wish.
var formats = []format{
	{"json", fiber.MIMEApplicationJSON, beginJSON},
	{"csv", "text/csv", beginCSV},
	{"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", beginBook},
}

// formatOf gives what a client wants: by its query, which a link can say, else by Accept. kept says
// that it is to be a file, which holds everything.
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
	id, err := web.ParseID("presentation_id", c.Params("id"))
	if err != nil {
		return err
	}
	ctx, cancel := c.Timeout()
	defer cancel()
	e, err := c.polls.allResults.Read(ctx, id)
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
		if c.Unchanged("W/" +
			contentTag(fmt.Appendf(nil, "%s %c %s %s %t", f.name, separator, e.bans, all.tag,
				owns))) {
			return nil
		}
		return c.sendFile(ctx, f, separator, all, owns)
	}
	if c.Unchanged(all.tag) {
		return nil
	}
	c.Set(fiber.HeaderContentType, f.mime)
	return c.Send(all.body) // shared, not copied: nobody writes to it
}

// sendFile answers with a file that holds all results, also the words that the shared ones have no
// room for. Until it is sent, what it is made of takes room as that itself would. hidden says
// whether hidden words are in it, marked.
func (c *call) sendFile(ctx context.Context, f format, separator rune, all allView,
	hidden bool) error {
	left, err := c.polls.files.Take(ctx)
	if err != nil {
		return err
	}
	room, err := c.Site.Answers.Hold(c.Ctx, all.body)
	if err != nil {
		left()
		return err
	}
	release := func() { room(); left() }
	c.Set(fiber.HeaderContentType, f.mime)
	if f.name == "csv" {
		c.Set(fiber.HeaderContentType, f.mime+"; charset=utf-8")
	}
	// the stream outlives the handler, and so may not use its call
	pages, now := c.polls.wordPages, time.Now()
	body, err := c.Site.NewStream(c.Ctx,
		func(ctx context.Context, w *bufio.Writer, turn *web.Turn) error {
			out, err := f.begin(w, all.wireAllResults, now, separator, turn.Take)
			if err != nil {
				return err
			}
			for i := range all.Polls {
				p := &all.Polls[i]
				if err := out.poll(p); err != nil {
					return err
				}
				if p.Hidden || !p.Kind.FreeText() {
					continue
				}
				if err := pages.all(ctx, all.PresentationID, p, hidden, turn,
					out.word); err != nil {
					return err
				}
			}
			if err := turn.Take(); err != nil {
				return err
			}
			return out.end()
		}, release)
	if err != nil {
		return err
	}
	return c.SendStream(body)
}
