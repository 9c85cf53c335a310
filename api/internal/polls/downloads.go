package polls

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/plenary-live/plenary/api/internal/web"
)

// beginner begins to write the results of a presentation down.
type beginner func(w io.Writer, all *wireAllResults, at time.Time, separator rune,
	turn func() error) (file, error)

// beginners are those of all formats.
var beginners = map[web.Format]beginner{
	web.JSON: beginJSON, web.CSV: beginCSV, web.XLSX: beginBook,
}

// getAllResults gives the results of every poll that was displayed.
func getAllResults(c *call) error {
	f, kept, err := web.FormatOf(c.Ctx)
	if err != nil {
		return err
	}
	separator, err := web.Separator(c.Ctx)
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
		c.Set(fiber.HeaderContentDisposition, web.Attachment(all.Title, "results", f))
		if c.Unchanged("W/" +
			contentTag(fmt.Appendf(nil, "%s %c %s %s %t", f.Name, separator, e.bans, all.tag,
				owns))) {
			return nil
		}
		return c.sendFile(ctx, f, separator, all, owns)
	}
	if c.Unchanged(all.tag) {
		return nil
	}
	c.Set(fiber.HeaderContentType, f.MIME)
	return c.Send(all.body) // shared, not copied: nobody writes to it
}

// sendFile answers with a file that holds all results, also the words that the shared ones have no
// room for. Until it is sent, what it is made of takes room as that itself would. hidden says
// whether hidden words are in it, marked.
func (c *call) sendFile(ctx context.Context, f web.Format, separator rune, all allView,
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
	c.Set(fiber.HeaderContentType, f.ContentType())
	// the stream outlives the handler, and so may not use its call
	pages, now := c.polls.wordPages, time.Now()
	body, err := c.Site.NewStream(c.Ctx,
		func(ctx context.Context, w *bufio.Writer, turn *web.Turn) error {
			out, err := beginners[f](w, all.wireAllResults, now, separator, turn.Take)
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
