package talks

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/api/internal/live"
	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/talk"
)

// eventID is an event's id, and a tag: how often the talk was edited, and its ratings changed.
func eventID(t *talk.Talk) string {
	return strconv.FormatInt(t.Edits, 10) + "." + strconv.FormatInt(t.Revision, 10)
}

// standOf gives what Talk.Stand was for an event's id; of what is none, 0.
func standOf(id string) int64 {
	edits, revision, _ := strings.Cut(id, ".")
	e, err := strconv.ParseInt(edits, 10, 64)
	r, other := strconv.ParseInt(revision, 10, 64)
	if err != nil || other != nil || e < 0 || r < 0 || e+r < 0 {
		return 0
	}
	return e + r
}

// topics are talks that people watch. It is the feature's side of live.
type topics struct {
	reads *live.Reads[uuid.UUID, *encoded]
	store talk.Store
}

// Topic implements live.Feature: a topic's key is the talk's id.
func (s *topics) Topic(c bus.Change) any { return c.Thing }

// Open implements live.Feature.
func (s *topics) Open(key any) live.Source { return &source{topics: s, id: key.(uuid.UUID)} }

// Look implements live.Feature.
func (s *topics) Look(ctx context.Context, views []live.View) (
	n int, missed func(live.View, time.Time) live.Want, err error,
) {
	n = min(len(views), talk.MaxNewest)
	ids := make([]uuid.UUID, n)
	for i := range ids {
		ids[i] = views[i].(known).id
	}
	newest, err := s.store.Newest(ctx, ids)
	missed = func(v live.View, now time.Time) (w live.Want) {
		known := v.(known)
		if stand, ok := newest[known.id]; !ok || stand > known.stand {
			w = live.Want{Since: now, Depth: live.Main}
		}
		return w
	}
	return n, missed, err
}

// source reads a talk that is watched.
type source struct {
	*topics
	id   uuid.UUID
	head talk.Talk // when the talk was told last; zero: never
	body talk.Talk // when its ratings were
}

// Head implements live.Source: it reads the talk. A read that others share begins after it was
// asked for, and so after any change that was heard of.
func (s *source) Head(ctx context.Context, _ time.Time) (live.News, error) {
	e, err := s.reads.Read(ctx, s.id)
	if err != nil || s.head.ID != uuid.Nil && e.Edits <= s.head.Edits {
		return live.News{}, err
	}
	s.head = e.Talk
	return live.News{Changed: true, Moved: true, Events: []live.Event{{
		Name: "talk", ID: eventID(&e.Talk), Data: shown{e.ID, e.Code, toWritten(&e.Talk)},
	}}}, nil
}

// Body implements live.Source: it reads the ratings.
func (s *source) Body(ctx context.Context, _ live.Depth) (live.News, error) {
	e, err := s.reads.Read(ctx, s.id)
	if err != nil || s.body.ID != uuid.Nil && e.Stand() <= s.body.Stand() {
		return live.News{}, err
	}
	s.body = e.Talk
	return live.News{Changed: true, Events: []live.Event{ratingsEvent(&e.Talk)}}, nil
}

func ratingsEvent(t *talk.Talk) live.Event {
	event := live.Event{Part: t.ID, Name: "ratings", ID: eventID(t), Data: toRatings(t, true)}
	if t.Hidden() {
		event.Veiled = toRatings(t, false)
	}
	return event
}

// View implements live.Source.
func (s *source) View() live.View { return known{s.id, s.head.Edits + s.body.Revision} }

// known is what viewers of a talk have been told.
type known struct {
	id    uuid.UUID
	stand int64
}

// Behind implements live.View.
func (v known) Behind(lastEventID string) bool { return standOf(lastEventID) > v.stand }

// Main implements live.View.
func (v known) Main() any { return v.id }

// Heard implements live.View.
func (v known) Heard(c bus.Change) (w live.Want) {
	if w.Depth = live.Main; c.Part == uuid.Nil {
		w.Since = time.Now()
	}
	return w
}

// Soon implements live.View.
func (v known) Soon() bool { return false }
