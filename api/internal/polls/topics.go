package polls

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/api/internal/live"
	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
)

// maxFollowed bounds the polls that a topic follows after they left the slide.
const maxFollowed = 4

// slides is where a topic reads what is displayed, as of a read that began at or after since. It is
// stage.Cache.
type slides interface {
	Display(ctx context.Context, id uuid.UUID, since time.Time) (poll.Display, time.Time, error)
}

// topicStore is the part of poll.Store that topics need beside slides and results.
type topicStore interface {
	presenceStore
	newestStore
}

// newestStore says what topics have missed.
type newestStore interface {
	Newest(ctx context.Context, presentations, polls []uuid.UUID) (poll.Newest, error)
}

// topics are presentations that people watch. A topic's head is the slide, and its body the results
// of the displayed poll and of those that left the slide. It is the feature's side of live.
type topics struct {
	slides  slides
	results resultsReader
	newest  newestStore
	present *presence
	keys    streamKeys
}

// newTopics makes topics whose presence is told until ctx ends.
func newTopics(
	ctx context.Context, s slides, r resultsReader, store topicStore, logger *slog.Logger,
) *topics {
	return &topics{
		slides: s, results: r, newest: store, present: newPresence(ctx, store, logger),
		keys: streamKeys{of: map[uuid.UUID]map[net.Conn][32]byte{}},
	}
}

// viewer is somebody who watches a presentation. key is that of a stream which ends when its token
// does; nil: it does not.
func (s *topics) viewer(
	id uuid.UUID, client netip.Addr, presenter, onStage bool, key *[32]byte,
) live.Viewer {
	v := live.Viewer{
		Topic: live.Name{Feature: s, Key: id}, Client: client, SeesAll: presenter, OnStage: onStage,
		Fresh: onStage, // the token may have ended since it was looked at
	}
	v.Join = func(stream net.Conn) (news <-chan []byte, leave func()) {
		if key != nil {
			s.keys.add(stream, id, *key)
		}
		news, leavePresence := s.present.join(id, onStage)
		return news, func() {
			leavePresence()
			s.keys.forget(stream, id)
		}
	}
	return v
}

// Topic implements live.Feature: a topic's key is the presentation's id.
func (s *topics) Topic(c bus.Change) any { return c.Thing }

// Open implements live.Feature.
func (s *topics) Open(key any) live.Source { return &source{topics: s, id: key.(uuid.UUID)} }

// Look implements live.Feature.
func (s *topics) Look(ctx context.Context, views []live.View) (
	n int, missed func(live.View, time.Time) live.Want, err error,
) {
	var presentations, polls []uuid.UUID
	room := poll.MaxNewest
	for _, v := range views {
		v := v.(*known)
		if room -= 1 + len(v.followed); room < 0 {
			break
		}
		n++
		presentations = append(presentations, v.presentation)
		for _, f := range v.followed {
			polls = append(polls, f.id)
		}
	}
	newest, err := s.newest.Newest(ctx, presentations, polls)
	missed = func(v live.View, now time.Time) live.Want { return v.(*known).missed(newest, now) }
	return n, missed, err
}

// source reads a presentation that is watched.
type source struct {
	*topics
	id       uuid.UUID
	read     bool // the slide was
	display  poll.Display
	followed []*followed // the displayed poll comes last
}

// followed is a poll whose results are shown: the displayed one, and those that left.
type followed struct {
	id       uuid.UUID
	revision int64 // of the newest results; every change raises it
	status   poll.Status
}

// final says that no vote changes the results any more.
func (f *followed) final() bool { return f.status == poll.Final || f.status == poll.Pending }

// Head implements live.Source: it reads what is displayed.
func (s *source) Head(ctx context.Context, since time.Time) (live.News, error) {
	d, _, err := s.slides.Display(ctx, s.id, since)
	if err != nil {
		return live.News{}, err
	}
	s.keys.check(s.id, d.Tokens)
	if s.read && d.Version < s.display.Version {
		return live.News{}, nil
	}
	if s.read && d.Edits != s.display.Edits {
		s.present.edited(s.id)
	}
	if s.read && d.Version == s.display.Version {
		return s.redisplay(d), nil
	}
	s.display, s.read = d, true
	id := eventID{version: d.Version}
	return live.News{
		Changed: true, Moved: true, Gone: s.follow(d),
		Events: []live.Event{{Name: "displayed", ID: id.String(), Data: toShown(d)}},
	}, nil
}

// follow follows the displayed poll, and some of those before. Those that are final stay as well,
// for a while: a viewer whose turn to hear that has not come must hear it.
func (s *source) follow(d poll.Display) (gone []any) {
	left := slices.DeleteFunc(slices.Clone(s.followed), func(f *followed) bool {
		return d.Poll != nil && f.id == d.Poll.ID
	})
	left = left[max(0, len(left)-maxFollowed):]
	for _, f := range s.followed {
		if !slices.Contains(left, f) {
			gone = append(gone, f.id)
		}
	}
	if s.followed = left; d.Poll != nil {
		s.followed = append(s.followed, &followed{id: d.Poll.ID})
	}
	return gone
}

// redisplay takes note of what an edit has changed of the slide under its version.
func (s *source) redisplay(d poll.Display) (news live.News) {
	before := s.display
	same := reflect.DeepEqual(toShown(before), toShown(d))
	s.display = d
	if !same {
		news.Events = []live.Event{{Name: "displayed", ID: s.current().String(), Data: toShown(d)}}
	}
	news.Changed = !same || d.Stand() != before.Stand()
	return news
}

// Body implements live.Source: it reads the results of the displayed poll, and of others.
func (s *source) Body(ctx context.Context, depth live.Depth) (news live.News, err error) {
	for _, f := range slices.Backward(slices.Clone(s.followed)) { // the displayed one first
		shown := s.display.Poll != nil && f.id == s.display.Poll.ID
		if !shown && (depth < live.Changing || f.final() && depth < live.All) {
			continue
		}
		r, err := s.results.Results(ctx, s.id, f.id)
		if !shown && fault.Is(err, fault.NotFound) { // it was deleted
			i := slices.Index(s.followed, f)
			s.followed = slices.Delete(slices.Clone(s.followed), i, i+1)
			news.Gone, news.Changed = append(news.Gone, f.id), true
			continue
		}
		if err != nil {
			return news, err
		}
		if r.Revision <= f.revision {
			continue
		}
		f.revision, f.status, news.Changed = r.Revision, r.Status, true
		all := toTallies(r)
		e := live.Event{Part: f.id, Name: "results", ID: s.current().String(), Data: all}
		if r.Hidden() {
			e.Veiled = all.hide()
		}
		news.Events = append(news.Events, e)
	}
	return news, nil
}

// current is the id of what is known now.
func (s *source) current() eventID {
	e := eventID{version: s.display.Version}
	if s.display.Poll != nil {
		e.revision = s.followed[len(s.followed)-1].revision
	}
	return e
}

// View implements live.Source.
func (s *source) View() live.View {
	v := &known{presentation: s.id, keys: &s.keys, read: s.read}
	if s.read {
		v.id, v.stand = s.current(), s.display.Stand()
	}
	for _, f := range s.followed {
		v.followed = append(v.followed, *f)
	}
	if s.display.Poll != nil {
		v.shown = s.display.Poll.ID
	}
	return v
}

// known is what viewers of a presentation have been told.
type known struct {
	presentation uuid.UUID
	read         bool
	id           eventID
	stand        int64      // of the slide that was read last
	shown        uuid.UUID  // the displayed poll
	followed     []followed // that and those that left
	keys         *streamKeys
}

// Behind implements live.View.
func (v *known) Behind(lastEventID string) bool { return parseEventID(lastEventID).after(v.id) }

// Main implements live.View.
func (v *known) Main() any { return v.shown }

// Heard implements live.View.
func (v *known) Heard(c bus.Change) (w live.Want) {
	switch {
	case c.Part == uuid.Nil && c.Version == 0: // an edit
		w.Since, w.Depth = time.Now(), live.All
	case c.Part == uuid.Nil:
		if c.Version > v.id.version {
			w.Since = time.Now()
		}
	case c.Part == v.shown:
		w.Depth = live.Main
	case !v.read || v.moves(c.Part):
		w.Depth = live.Changing
	}
	return w
}

// moves says whether a change of a poll may be one of results that are followed.
func (v *known) moves(pollID uuid.UUID) bool {
	return slices.ContainsFunc(v.followed, func(f followed) bool {
		return f.id == pollID && !f.final()
	})
}

// missed gives what a topic has to read that knows v. What is missing was deleted, which a read
// finds out.
func (v *known) missed(n poll.Newest, now time.Time) (w live.Want) {
	if version, ok := n.Versions[v.presentation]; !ok || version > v.stand {
		w.Since = now
	}
	for _, f := range v.followed {
		switch revision, ok := n.Revisions[f.id]; {
		case ok && revision <= f.revision:
		case f.id == v.shown:
			// Who may see its results is said with the slide.
			w.Since, w.Depth = now, max(w.Depth, live.Main)
		default:
			w.Depth = live.All
		}
	}
	return w
}

// Soon implements live.View. Votes for a poll may still arrive after it was closed; its results are
// final soon. And a presenter's stream must end soon after its token does, announced or not.
func (v *known) Soon() bool {
	return v.keys.any(v.presentation) || slices.ContainsFunc(v.followed, func(f followed) bool {
		return f.status == poll.Closing
	})
}
