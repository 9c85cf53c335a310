package feeds

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/api/internal/live"
	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/feed"
)

// watched is a poll that somebody watches. Whether they see its numbers is a part of what a topic
// is. So nothing of hidden ones reaches their streams, not even that something changed.
type watched struct {
	id   uuid.UUID
	sees bool // its numbers, however it is set
}

// entry is how many bytes a watched poll has in a topic's key.
const entry = 17

// keyOf gives the key of a topic of polls, each once, in any order.
func keyOf(all []watched) string {
	slices.SortFunc(all, func(a, b watched) int { return bytes.Compare(a.id[:], b.id[:]) })
	key := make([]byte, 0, entry*len(all))
	for _, w := range all {
		sees := byte(0)
		if w.sees {
			sees = 1
		}
		key = append(append(key, w.id[:]...), sees)
	}
	return string(key)
}

func watchedOf(key string) (all []watched) {
	for part := range slices.Chunk([]byte(key), entry) {
		all = append(all, watched{uuid.UUID(part), part[entry-1] == 1})
	}
	return all
}

// topics are polls that people watch, one or several. It is the feature's side of live.
type topics struct {
	reads   *reads
	service *feed.Service
}

// Topic implements live.Feature. It gives a poll, which any number of topics follow.
func (s *topics) Topic(c bus.Change) any { return c.Thing }

// Open implements live.Feature.
func (s *topics) Open(key any) live.Source {
	all := watchedOf(key.(string))
	return &source{topics: s, all: all, due: &marks{}, told: map[uuid.UUID]told{}}
}

// Look implements live.Feature.
func (s *topics) Look(ctx context.Context, views []live.View) (
	n int, missed func(live.View, time.Time) live.Want, err error,
) {
	var ids []uuid.UUID
	for ; n < len(views); n++ {
		more := views[n].(view).told
		if n > 0 && len(ids)+len(more) > feed.MaxAtOnce {
			break
		}
		ids = slices.AppendSeq(ids, maps.Keys(more))
	}
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	found, err := s.service.Several(ctx, slices.Compact(ids))
	missed = func(v live.View, now time.Time) (w live.Want) {
		known := v.(view)
		for id, told := range known.told {
			if p, ok := found[id]; told.behind(&p, ok, now) {
				known.due.add(id)
				w.Depth = live.Main
			}
		}
		return w
	}
	return n, missed, err
}

// marks are polls that are to be read. It is safe for use by many goroutines.
type marks struct {
	mu  sync.Mutex
	ids map[uuid.UUID]bool
}

func (m *marks) add(ids ...uuid.UUID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ids == nil {
		m.ids = map[uuid.UUID]bool{}
	}
	for _, id := range ids {
		m.ids[id] = true
	}
}

// take gives those marked since the last call.
func (m *marks) take() map[uuid.UUID]bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	ids := m.ids
	m.ids = nil
	return ids
}

// told is what a topic's viewers have been told of a poll.
type told struct {
	revision int64
	closesAt time.Time
	over     bool
	gone     bool
	shown    bool // its numbers were; else that they are hidden
}

// behind says whether there is more to tell than that. there is whether the poll is.
func (t told) behind(p *feed.Poll, there bool, now time.Time) bool {
	switch {
	case t.gone:
		return false
	case !there:
		return true
	}
	return p.Over(now) != t.over || t.shown && p.Revision > t.revision
}

// newer says whether a read is older than what was told. A poll that is over stays over.
func (t told) newer(p *feed.Poll, now time.Time) bool {
	return p.Revision < t.revision || t.over && !p.Over(now)
}

// view is what viewers of a topic have been told.
type view struct {
	told map[uuid.UUID]told
	due  *marks // of the source
}

// Behind implements live.View. An id is a revision where there is one poll, and its numbers show.
func (v view) Behind(lastEventID string) bool {
	if len(v.told) != 1 {
		return false
	}
	seen, err := strconv.ParseInt(lastEventID, 10, 64)
	for _, t := range v.told {
		return err == nil && t.shown && seen > t.revision
	}
	return false
}

// Main implements live.View.
func (v view) Main() any { return nil }

// Heard implements live.View.
func (v view) Heard(c bus.Change) live.Want {
	v.due.add(c.Thing)
	return live.Want{Depth: live.Main}
}

// soon is how long before a poll closes by itself it is looked at often.
const soon = 30 * time.Second

// Soon implements live.View: nobody tells that a poll is over.
func (v view) Soon() bool {
	for _, t := range v.told {
		if !t.over && !t.gone && !t.closesAt.IsZero() && time.Until(t.closesAt) < soon {
			return true
		}
	}
	return false
}
