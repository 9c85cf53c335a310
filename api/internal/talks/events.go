package talks

import (
	"context"
	"net"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/api/internal/live"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/talk"
)

// getEvents sends a talk's stream: the talk, and its ratings.
func getEvents(c *call) error {
	id, err := c.talkID()
	if err != nil {
		return err
	}
	ctx, cancel := c.Timeout()
	defer cancel()
	owner := c.talks.Open
	if c.Token() != "" && !owner {
		t, err := c.Store.Talk(ctx, id)
		if err != nil {
			return err
		}
		owner = c.owns(&t)
	}
	viewer := live.Viewer{
		Topic: live.Name{Feature: c.talks.topics, Key: id}, Client: c.Client(), SeesAll: owner,
		Fresh: owner,
	}
	if owner && c.account != uuid.Nil {
		viewer.Join = c.whileOwned(id)
	}
	return c.Hub.Answer(ctx, c.Ctx, viewer)
}

// whileOwned has an account's stream end with its session, or when the talk is another account's.
func (c *call) whileOwned(id uuid.UUID) func(net.Conn) (news <-chan []byte, leave func()) {
	reads, hash, open := c.talks.reads, c.holder(), c.talks.Open
	watch := c.WatchSession(func(ctx context.Context) error {
		e, err := reads.Read(ctx, id)
		if err == nil && !open && !e.Owns(hash) {
			err = fault.Errorf(fault.Forbidden, "this talk is not of this account any more")
		}
		return err
	})
	return func(stream net.Conn) (news <-chan []byte, leave func()) { return nil, watch(stream) }
}

// getProgrammeEvents sends the programme's stream: how many talks there are, and the ratings of
// each.
func getProgrammeEvents(c *call) error {
	if c.Request().URI().QueryArgs().Has("talk_id") {
		return fault.Field("talk_id", "must be left out: a talk has a stream of its own")
	}
	ctx, cancel := c.Timeout()
	defer cancel()
	return c.Hub.Answer(ctx, c.Ctx, live.Viewer{
		Topic: live.Name{Feature: c.talks.programme, Key: talk.Programme}, Client: c.Client(),
		SeesAll: c.talks.Open,
	})
}
