package talks

import (
	"bufio"
	"context"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/talk"
)

const (
	// maxExported is how many talks an export of a programme has at most: the newest ones.
	maxExported = 10_000
	// commentsRead is how many comments an export reads at once.
	commentsRead = 200
)

// exportTalk answers its owner with a talk, its ratings and its comments.
func exportTalk(c *call) error {
	return c.export(func(ctx context.Context) (name string, all []talk.Talk, err error) {
		t, err := c.owned(ctx)
		return t.Title, []talk.Talk{t}, err
	})
}

// exportProgramme answers with all talks of an account, or of a token that imported them.
func exportProgramme(c *call) error {
	return c.export(func(ctx context.Context) (name string, all []talk.Talk, err error) {
		all, err = c.mine(ctx)
		return "", all, err
	})
}

// mine gives the talks of who asks, in the programme's order.
func (c *call) mine(ctx context.Context) (all []talk.Talk, err error) {
	by := talk.Importer{Account: c.account, Token: c.Token()}
	if c.Token() == "" && !c.talks.Open {
		return nil, fault.Errorf(fault.Unauthenticated,
			"this needs the token of an account, or of a programme that was imported")
	}
	for before := uuid.Nil; len(all) < maxExported; before = all[len(all)-1].ID {
		limit := min(talk.MaxNewest, maxExported-len(all))
		page, err := c.page(ctx, by, all, before, limit)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if len(page) < limit {
			break
		}
	}
	if len(all) == 0 && c.account == uuid.Nil && !c.talks.Open {
		return nil, fault.Errorf(fault.Forbidden, "this is not the token of a programme")
	}
	slices.SortStableFunc(all, func(a, b talk.Talk) int {
		switch {
		case a.StartsAt.IsZero() != b.StartsAt.IsZero():
			return b.StartsAt.Compare(a.StartsAt) // those that do not say it come last
		case !a.StartsAt.Equal(b.StartsAt):
			return a.StartsAt.Compare(b.StartsAt)
		}
		return slices.Compare(a.ID[:], b.ID[:])
	})
	return all, nil
}

// page reads more talks of who asks. Without tokens all are everybody's.
func (c *call) page(
	ctx context.Context, by talk.Importer, all []talk.Talk, before uuid.UUID, limit int,
) ([]talk.Talk, error) {
	if by.Token != "" {
		return c.Store.Owned(ctx, by, before, limit)
	}
	var after *talk.Place
	if len(all) > 0 {
		last := &all[len(all)-1]
		after = &talk.Place{StartsAt: last.StartsAt, ID: last.ID}
	}
	return c.Store.List(ctx, after, limit)
}

// export answers with a file of talks. It is streamed: its memory does not depend on the number of
// comments. The talks take room until it is sent.
func (c *call) export(
	read func(ctx context.Context) (name string, all []talk.Talk, err error),
) error {
	format, _, err := web.FormatOf(c.Ctx)
	if err != nil {
		return err
	}
	separator, err := web.Separator(c.Ctx)
	if err != nil {
		return err
	}
	name, all, left, err := c.toExport(read)
	if err != nil {
		return err
	}
	c.Vary(fiber.HeaderAccept, fiber.HeaderAuthorization)
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set(fiber.HeaderContentType, format.ContentType())
	c.Set(fiber.HeaderContentDisposition, web.Attachment(name, "ratings", format))
	// the stream outlives the handler, and so may not use its call
	store, now := c.Store, time.Now()
	body, err := c.Site.NewStream(c.Ctx,
		func(ctx context.Context, w *bufio.Writer, turn *web.Turn) error {
			if err := turn.Take(); err != nil {
				return err
			}
			out, err := beginners[format](w, all, now, separator)
			if err != nil {
				return err
			}
			for i := range all {
				if err := exportOne(ctx, store, turn, out, &all[i]); err != nil {
					return err
				}
			}
			return out.end()
		}, left)
	if err != nil {
		return err
	}
	return c.SendStream(body)
}

// toExport reads the talks of an export, in a turn at what is costly, and takes room for them. left
// gives that back.
func (c *call) toExport(
	read func(ctx context.Context) (name string, all []talk.Talk, err error),
) (name string, all []talk.Talk, left func(), err error) {
	ctx, cancel := c.Timeout()
	defer cancel()
	end, err := c.talks.exports.Take(ctx)
	if err != nil {
		return "", nil, nil, err
	}
	done, err := c.Site.Costly.TakeLong(ctx)
	if err == nil {
		name, all, err = read(ctx)
		done() // nobody waits for a turn because this waits for room
	}
	var room func()
	if err == nil {
		room, err = c.Site.Answers.Room(sizeOf(all))
	}
	if err != nil {
		end()
		return "", nil, nil, err
	}
	return name, all, func() { room(); end() }, nil
}

// sizeOf gives about how many bytes talks take in memory.
func sizeOf(all []talk.Talk) (size int) {
	const besideTexts = 512
	for i := range all {
		t := &all[i]
		size += besideTexts + len(t.Title) + len(t.Speaker) + len(t.Source)
	}
	return size
}

// exportOne writes a talk and its comments, page by page. Between two pages there is no connection
// to the store, so a client that reads slowly holds none.
func exportOne(
	ctx context.Context, store talk.Store, turn *web.Turn, out file, t *talk.Talk,
) error {
	if err := turn.Take(); err != nil {
		return err
	}
	if err := out.talk(t); err != nil || t.Count() == 0 {
		return err
	}
	for before := uuid.Nil; ; {
		turn.Pause()
		reading, cancel := context.WithTimeout(ctx, readTimeout)
		comments, err := store.Comments(reading, t.ID, before, commentsRead)
		cancel()
		if err != nil && !fault.Is(err, fault.NotFound) { // it was deleted meanwhile
			return err
		}
		if err := turn.Take(); err != nil {
			return err
		}
		for _, comment := range comments {
			if err := out.comment(t, toComment(comment)); err != nil {
				return err
			}
		}
		if len(comments) < commentsRead {
			return nil
		}
		before = comments[commentsRead-1].ID
	}
}
