package polls

import (
	"encoding/json"
	"strconv"
	"sync"

	"github.com/google/uuid"
	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/sync/singleflight"

	"github.com/plenary-live/plenary/pkg/poll"
)

// What encoded slides may take that somebody may ask for again: those of thousands of rooms, or a
// dozen of the largest.
const (
	maxSlides     = 4096
	maxSlideBytes = 8 << 20
)

// encodedSlides encodes what is displayed, once for all who read it: a hall that is sent a large
// slide takes room for one answer. It keeps those that were asked for last. It is safe for use by
// many goroutines.
type encodedSlides struct {
	under singleflight.Group // encodings under way

	mu    sync.Mutex
	kept  *simplelru.LRU[string, []byte] // JSON, by presentation and stand
	bytes int
}

func newEncodedSlides() *encodedSlides {
	s := &encodedSlides{}
	// fails for no entries
	s.kept, _ = simplelru.NewLRU(maxSlides, func(_ string, body []byte) { s.bytes -= cap(body) })
	return s
}

// encode gives a display, with a poll, as it is answered. Nobody may write to it.
func (s *encodedSlides) encode(d *poll.Display) ([]byte, error) {
	// whatever changes what is answered raises the stand
	slide := d.PresentationID.String() + " " + strconv.FormatInt(d.Stand(), 10)
	body, err, _ := s.under.Do(slide, func() (any, error) {
		if body, ok := s.find(slide); ok {
			return body, nil
		}
		body, err := json.Marshal(struct {
			wirePoll
			Version int64      `json:"version"`
			Voting  string     `json:"voting"`
			Talk    *uuid.UUID `json:"talk_id,omitempty"`
		}{toWire(d.Poll), d.Version, votingOf(*d), toLink(d.TalkID)})
		if err == nil {
			s.keep(slide, body)
		}
		return body, err
	})
	return body.([]byte), err
}

func (s *encodedSlides) find(slide string) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept.Get(slide)
}

func (s *encodedSlides) keep(slide string, body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes += cap(body)
	s.kept.Add(slide, body)
	for s.bytes > maxSlideBytes {
		s.kept.RemoveOldest()
	}
}
