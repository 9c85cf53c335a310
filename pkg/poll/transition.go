package poll

import (
	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/fault"
)

// Move names what a presenter wants on the slide.
type Move struct {
	To     Target
	PollID uuid.UUID // for ToPoll
}

// Target is where a Move goes.
type Target int

// The targets of a move.
const (
	ToNext     Target = iota // the poll after the one displayed last
	ToPrevious               // the poll before; when nothing is displayed, the one displayed last
	ToPoll                   // a poll named by its id
	ToNothing                // an empty slide
	ToClosed                 // what is displayed, with voting closed
	ToOpen                   // what is displayed, with voting open
)

// Transition is a decided change of what is displayed. Where Changed is false the slide shows
// already what was asked for: nothing is written and the version stays.
type Transition struct {
	Changed bool
	Slide   Slide // as it is now
	// index of the poll that voting ends for, be it that it leaves the slide or that it is closed;
	// -1: none
	Left  int
	Ended int64 // the version under which that poll was open
	Shown int   // index of the poll that is displayed now; -1: none
}

// Decide applies a move to the slide of a presentation whose polls have these ids, in order.
// ifMatch is the version that the presenter saw, nil when they did not say. Naming the poll that is
// displayed opens it if it is closed. Errors: Stale, OutOfPolls, NotFound, NotDisplayed.
func (s Slide) Decide(ids []uuid.UUID, m Move, ifMatch *int64) (Transition, error) {
	if ifMatch != nil && *ifMatch != s.Version {
		return Transition{}, fault.Errorf(fault.Stale, "the presentation is at version %d, not %d",
			s.Version, *ifMatch)
	}
	target, err := s.target(ids, m)
	if err != nil {
		return Transition{}, err
	}
	t := Transition{Slide: s, Left: -1, Shown: target}
	closed := m.To == ToClosed
	if s.Displayed == (target >= 0) && (target < 0 || target == s.Index && s.Closed == closed) {
		return t, nil
	}
	// of a closed poll voting has ended already, under an earlier version
	if s.Displayed && !s.Closed {
		t.Left, t.Ended = s.Index, s.Version
	}
	t.Changed = true
	t.Slide.Version++
	t.Slide.Displayed, t.Slide.Closed = target >= 0, closed
	if target >= 0 {
		t.Slide.Index = target
	}
	return t, nil
}

// target gives the index of the poll to display, -1 for nothing.
func (s Slide) target(ids []uuid.UUID, m Move) (int, error) {
	switch m.To {
	case ToNext:
		if s.Index+1 >= len(ids) {
			return 0, fault.Errorf(OutOfPolls, "there is no poll after the last one")
		}
		return s.Index + 1, nil
	case ToPrevious:
		i := s.Index
		if s.Displayed {
			i--
		}
		if i < 0 {
			return 0, fault.Errorf(OutOfPolls, "there is no poll before the first one")
		}
		return i, nil
	case ToPoll:
		for i, id := range ids {
			if id == m.PollID {
				return i, nil
			}
		}
		return 0, fault.Errorf(fault.NotFound, "the presentation has no such poll")
	case ToClosed, ToOpen:
		if !s.Displayed {
			return 0, fault.Errorf(NotDisplayed, "nothing is displayed")
		}
		return s.Index, nil
	}
	return -1, nil
}

// Polls gives the ids of the polls whose states a transition changes; ids are those of the
// presentation's polls.
func (t Transition) Polls(ids []uuid.UUID) (concerned []uuid.UUID) {
	for _, i := range []int{t.Left, t.Shown} {
		// a poll that is closed stays: it is both
		if i >= 0 && (i != t.Left || len(concerned) == 0) {
			concerned = append(concerned, ids[i])
		}
	}
	return concerned
}

// Apply changes the states of those polls, in any order, and gives the seal that becomes due, nil
// if voting ended for none.
func (t Transition) Apply(ids []uuid.UUID, states []PollState) (ended *Seal) {
	for i := range states {
		if t.Shows(ids, &states[i]) {
			states[i].Show(t.Slide.Version)
		} else {
			states[i].Leave()
			ended = &Seal{PollID: ids[t.Left], Version: t.Ended}
		}
	}
	return ended
}

// Shows says of a poll whose state the transition changes that voting opens for it; else it ends.
func (t Transition) Shows(ids []uuid.UUID, s *PollState) bool {
	return t.Left < 0 || s.PollID != ids[t.Left]
}

// Leave is what happens to the state of a poll that voting ends for.
func (s *State) Leave() {
	s.Status = Closing
	s.Revision++
}

// Show is what happens to the state of a poll that voting opens for under a version.
func (s *State) Show(version int64) {
	s.Status, s.Opened = Open, version
	s.Revision++
}
