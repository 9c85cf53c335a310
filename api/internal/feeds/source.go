package feeds

import (
	"context"
	"maps"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/api/internal/live"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/feed"
)

// source reads polls that are watched. All that is told of them is its body.
type source struct {
	*topics
	all  []watched
	due  *marks
	told map[uuid.UUID]told
}

// Follows implements live.Follower.
func (s *source) Follows() []any {
	keys := make([]any, len(s.all))
	for i, w := range s.all {
		keys[i] = w.id
	}
	return keys
}

// Head implements live.Source: there is none.
func (s *source) Head(context.Context, time.Time) (live.News, error) { return live.News{}, nil }

// Body implements live.Source. It reads polls of which something was heard, or all.
func (s *source) Body(ctx context.Context, depth live.Depth) (news live.News, err error) {
	due := s.due.take()
	wants := func(w watched) bool { return depth == live.All || due[w.id] }
	found, err := s.read(ctx, wants)
	now := time.Now()
	for _, w := range s.all {
		if !wants(w) {
			continue
		}
		if p, ok := found[w.id]; ok {
			s.tell(&news, w, p, now)
		} else {
			s.due.add(w.id) // the body is read again
		}
	}
	return news, err
}

// read reads polls; one that is gone is nil. Many at once may be as old as what a replica trusts:
// a change of them is heard of later, and read then. Else each read begins now, and is shared with
// others. What was read before an error is given.
func (s *source) read(
	ctx context.Context, wants func(watched) bool,
) (map[uuid.UUID]*feed.Poll, error) {
	var ids []uuid.UUID
	for _, w := range s.all {
		if wants(w) {
			ids = append(ids, w.id)
		}
	}
	if len(s.told) == 0 && len(ids) > 1 {
		return s.several(ctx, ids)
	}
	var failed error
	found := make(map[uuid.UUID]*feed.Poll, len(ids))
	s.reads.ReadEach(ctx, ids, func(id uuid.UUID, p *feed.Poll, err error) {
		if err == nil || fault.Is(err, fault.NotFound) {
			found[id] = p
		} else {
			failed = err
		}
	})
	return found, failed
}

func (s *source) several(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]*feed.Poll, error) {
	polls, err := s.service.Several(ctx, ids)
	if err != nil {
		return nil, err
	}
	found := make(map[uuid.UUID]*feed.Poll, len(ids))
	for _, id := range ids {
		found[id] = nil
		if p, ok := polls[id]; ok {
			found[id] = &p
		}
	}
	return found, nil
}

// endOf names the part of a topic that says that a poll is over. That of its numbers is its id.
type endOf struct{ id uuid.UUID }

// tell tells what is new of a poll; nil: it is gone.
func (s *source) tell(news *live.News, w watched, p *feed.Poll, now time.Time) {
	before, known := s.told[w.id]
	if before.gone || p != nil && before.newer(p, now) {
		return
	}
	after := told{gone: true, over: true}
	if p != nil {
		after = told{revision: p.Revision, closesAt: p.ClosesAt, over: p.Over(now)}
		after.shown = w.sees || p.Shows(uuid.Nil, false, now)
	}
	if known && after == before {
		return
	}
	s.told[w.id] = after
	news.Changed = true
	if after.over && (!before.over || after.gone) {
		news.Events = append(news.Events, live.Event{
			Part: endOf{w.id}, Name: "poll", ID: "0", Data: wireEnd{w.id, true, after.gone},
		})
	}
	event := live.Event{Part: w.id, Name: "stats", ID: "0"}
	switch {
	case after.gone:
		news.Gone = append(news.Gone, w.id)
		return
	case after.shown && (!before.shown || after.revision != before.revision):
		event.Data = toStats(p)
		if len(s.all) == 1 {
			event.ID = strconv.FormatInt(p.Revision, 10)
		}
	case !after.shown && !known:
		event.Data = wireHidden{w.id, true}
	default:
		return
	}
	news.Events = append(news.Events, event)
}

// View implements live.Source.
func (s *source) View() live.View { return view{maps.Clone(s.told), s.due} }
