package feeds

import (
	"context"
	"net"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/api/internal/live"
	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/feed"
)

// maxWatched is how many polls one stream tells of.
const maxWatched = 50

// getEvents sends a poll's stream.
func getEvents(c *call) error {
	ctx, cancel := c.Timeout()
	defer cancel()
	p, err := c.poll(ctx)
	if err != nil {
		return err
	}
	return c.stream(ctx, []uuid.UUID{p.ID}, map[uuid.UUID]feed.Poll{p.ID: p})
}

// getSeveralEvents sends the stream of the polls that the query names.
func getSeveralEvents(c *call) error {
	ids, err := idsOf(string(c.Context().QueryArgs().Peek("ids")))
	if err != nil {
		return err
	}
	ctx, cancel := c.Timeout()
	defer cancel()
	var found map[uuid.UUID]feed.Poll
	if c.By != uuid.Nil { // else what is shown does not depend on who asks
		if found, err = c.Several(ctx, ids); err != nil {
			return err
		}
	}
	return c.stream(ctx, ids, found)
}

// idsOf reads the ids of polls with commas between, and gives each once.
func idsOf(text string) (ids []uuid.UUID, err error) {
	if text == "" {
		return nil, fault.Field("ids", "must be 1 to %d ids with commas between", maxWatched)
	}
	known := map[uuid.UUID]bool{}
	for i, part := range strings.SplitN(text, ",", maxWatched+1) {
		id, err := web.ParseID("ids", part)
		switch {
		case i == maxWatched:
			return nil, fault.Field("ids", "must be at most %d", maxWatched)
		case err != nil:
			return nil, fault.Field("ids", "must be ids of polls with commas between")
		case !known[id]:
			known[id] = true
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// stream sends what is told of polls. Of those that were read the account may see more than others
// do. A stream that shows so ends with the account's session.
func (c *call) stream(
	ctx context.Context, ids []uuid.UUID, found map[uuid.UUID]feed.Poll,
) error {
	all, more, err := c.watched(ctx, ids, found)
	if err != nil {
		return err
	}
	viewer := live.Viewer{
		Topic:  live.Name{Feature: c.feeds.topics, Key: keyOf(all)},
		Client: c.Client(), SeesAll: true,
	}
	if more {
		watch := c.WatchSession(nil)
		viewer.Join = func(stream net.Conn) (<-chan []byte, func()) { return nil, watch(stream) }
	}
	return c.Hub.Answer(ctx, c.Ctx, viewer)
}

// watched says of polls whether the account sees numbers that others do not. more: of one at least.
func (c *call) watched(
	ctx context.Context, ids []uuid.UUID, found map[uuid.UUID]feed.Poll,
) (all []watched, more bool, err error) {
	now := time.Now()
	var hidden []uuid.UUID
	for _, id := range ids {
		if p, ok := found[id]; ok && !p.Shows(uuid.Nil, false, now) {
			hidden = append(hidden, id)
		}
	}
	answers, err := c.answers(ctx, hidden)
	if err != nil {
		return nil, false, err
	}
	sees := map[uuid.UUID]bool{}
	for _, id := range hidden {
		p, a := found[id], (*feed.Answer)(nil)
		if answer, ok := answers[id]; ok {
			a = &answer
		}
		sees[id] = shows(&p, c.By, a, now)
		more = more || sees[id]
	}
	for _, id := range ids {
		all = append(all, watched{id, sees[id]})
	}
	return all, more, nil
}
