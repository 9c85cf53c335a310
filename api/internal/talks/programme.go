package talks

import (
	"context"
	"maps"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/api/internal/live"
	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/talk"
)

// maxFollowed is how many talks the programme's stream tells of: the first ones.
const maxFollowed = 500

// programme is the programme that people watch.
type programme struct{ store talk.Store }

// Topic implements live.Feature.
func (p *programme) Topic(c bus.Change) any {
	if c.Thing == talk.Programme {
		return talk.Programme
	}
	return nil
}

// Open implements live.Feature.
func (p *programme) Open(any) live.Source {
	return &programmeSource{
		programme: p,
		edits:     map[uuid.UUID]int64{},
		told:      map[uuid.UUID]int64{},
	}
}

// Look implements live.Feature. The one topic that there is reads all that it shows, so it does
// that where it has missed something.
func (p *programme) Look(ctx context.Context, views []live.View) (
	n int, missed func(live.View, time.Time) live.Want, err error,
) {
	talks, err := p.store.List(ctx, nil, maxFollowed)
	missed = func(v live.View, now time.Time) (w live.Want) {
		if !maps.Equal(standsOf(talks), v.(programmeView).stands) {
			w = live.Want{Since: now, Depth: live.Main}
		}
		return w
	}
	return len(views), missed, err
}

func standsOf(talks []talk.Talk) map[uuid.UUID]int64 {
	stands := make(map[uuid.UUID]int64, len(talks))
	for i := range talks {
		stands[talks[i].ID] = talks[i].Stand()
	}
	return stands
}

// programmeSource reads the programme. Its head is which talks there are, and its body the ratings.
type programmeSource struct {
	*programme
	read  bool                // the head was
	edits map[uuid.UUID]int64 // of the talks of the head
	told  map[uuid.UUID]int64 // Talk.Stand of those whose ratings were told
}

// listed is what is told of the programme: its talks are listed elsewhere.
type listed struct {
	Talks int  `json:"talks"`
	More  bool `json:"more"` // than the stream tells of
}

// Fit implements live.Fitting.
func (l listed) Fit(int) live.Fitting { return l }

// Head implements live.Source.
func (s *programmeSource) Head(ctx context.Context, _ time.Time) (news live.News, err error) {
	talks, err := s.store.List(ctx, nil, maxFollowed+1)
	if err != nil {
		return news, err
	}
	more := len(talks) > maxFollowed
	talks = talks[:min(len(talks), maxFollowed)]
	edits := make(map[uuid.UUID]int64, len(talks))
	for i := range talks {
		edits[talks[i].ID] = talks[i].Edits
	}
	if s.read && maps.Equal(edits, s.edits) {
		return news, nil
	}
	for id := range s.told {
		if _, ok := edits[id]; !ok {
			news.Gone = append(news.Gone, id)
			delete(s.told, id)
		}
	}
	s.read, s.edits = true, edits
	news.Changed, news.Moved = true, true
	news.Events = []live.Event{{
		Name: "programme", ID: "0", Data: listed{len(talks), more},
	}}
	return news, nil
}

// Body implements live.Source.
func (s *programmeSource) Body(ctx context.Context, _ live.Depth) (news live.News, err error) {
	talks, err := s.store.List(ctx, nil, maxFollowed)
	if err != nil {
		return news, err
	}
	for i := range talks {
		t := &talks[i]
		if stand, ok := s.told[t.ID]; ok && t.Stand() <= stand {
			continue
		}
		s.told[t.ID] = t.Stand()
		news.Changed = true
		event := ratingsEvent(t)
		event.ID = "0" // of one talk of many it would say nothing of the others
		news.Events = append(news.Events, event)
	}
	return news, nil
}

// View implements live.Source.
func (s *programmeSource) View() live.View { return programmeView{maps.Clone(s.told)} }

// programmeView is what viewers of the programme have been told.
type programmeView struct{ stands map[uuid.UUID]int64 }

// Behind implements live.View: nobody can know more by an id that says nothing.
func (v programmeView) Behind(string) bool { return false }

// Main implements live.View.
func (v programmeView) Main() any { return nil }

// Heard implements live.View.
func (v programmeView) Heard(c bus.Change) (w live.Want) {
	if w.Depth = live.Main; c.Revision == 0 { // an edit, or a talk came or went
		w.Since = time.Now()
	}
	return w
}

// Soon implements live.View.
func (v programmeView) Soon() bool { return false }
