package poll

import (
	"errors"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/question"
)

// Edit is a change that a presenter makes to a presentation other than a Move: EditPresentation,
// AddPoll, EditPoll, DeletePoll, Reorder or Reset. It raises no version.
type Edit interface {
	// Concerns gives the poll whose state has a say in it; uuid.Nil: none has.
	Concerns() uuid.UUID
	apply(d *Draft) error
}

// EditPresentation changes what is not nil. A limit and a passcode, which are for passes, go with
// them.
type EditPresentation struct {
	Title     *string
	Voters    *access.Voters
	MaxVoters *int
	Passcode  *string
	TalkID    *uuid.UUID // Nil: it names no talk any more
}

// AddPoll adds a poll, at an index or, where that is nil, behind the last one.
type AddPoll struct {
	Poll  Poll
	Index *int
}

// EditPoll changes what is not nil. What people answer to changes only while nobody has seen the
// poll. But while people vote, its question and its options' values can be mended, where kind,
// keys and their order stay. Then no vote is lost, and the history has it.
type EditPoll struct {
	PollID     uuid.UUID
	Question   *string
	Kind       *question.Kind
	MaxChoices *int
	Options    *[]question.Option
	Visibility *Visibility
	Banned     *[]string
}

// DeletePoll takes a poll out that nobody has seen.
type DeletePoll struct{ PollID uuid.UUID }

// Reorder puts the polls, each of which it names once, into an order.
type Reorder struct{ PollIDs []uuid.UUID }

// Reset forgets the votes of a poll, as if it had never been displayed. The poll must be final:
// then nothing that was acknowledged is under way to it. Since it stays sealed, nothing of what
// was can come back.
type Reset struct{ PollID uuid.UUID }

// Concerns implements Edit.
func (EditPresentation) Concerns() uuid.UUID { return uuid.Nil }

// Concerns implements Edit.
func (AddPoll) Concerns() uuid.UUID { return uuid.Nil }

// Concerns implements Edit.
func (e EditPoll) Concerns() uuid.UUID { return e.PollID }

// Concerns implements Edit.
func (e DeletePoll) Concerns() uuid.UUID { return e.PollID }

// Concerns implements Edit.
func (Reorder) Concerns() uuid.UUID { return uuid.Nil }

// Concerns implements Edit.
func (e Reset) Concerns() uuid.UUID { return e.PollID }

// Draft is a presentation under an edit, within one transaction of a store. The store locks the
// presentation and the state that the edit concerns. It calls Apply, and writes what the draft
// then says.
type Draft struct {
	Presentation           // as it is after the edit, polls in order with the index of each
	State        PollState // of the poll that the edit concerns or adds; no poll: of none

	// anything at all is to be written; what follows says what, beside title, admission, talk and
	// slide
	Changed   bool
	Moved     bool // polls that were there have another index
	Added     bool // the poll of State is new, and so is its state
	Rewritten bool // the poll of State is to be written anew
	Stated    bool // State is to be written
	// Weakened, if not empty, is what the identity of the poll on the slide is to be.
	Weakened access.Identity
	// of the poll of State, to be added to the history, with the next numbers and the present time
	Mends   []Mend
	Erased  uuid.UUID // the poll whose votes and mends go; Nil: none
	Removed uuid.UUID // the poll that goes itself, with its state; Nil: none
}

// Apply makes the edit in the draft, which is of no use after an error. Errors: Invalid (names the
// field), NotFound, Stale, HasBeenShown, NotFinal, LastPoll.
func (d *Draft) Apply(e Edit) error {
	if id := e.Concerns(); id != uuid.Nil && d.Find(id) < 0 {
		return fault.Errorf(fault.NotFound, "the presentation has no such poll")
	}
	if given, ok := e.(IfSeen); ok {
		if err := given.Seen.Check(d.Edits); err != nil {
			return err
		}
		e = given.Edit
	}
	before := d.Text()
	if err := e.apply(d); err != nil {
		return err
	}
	if d.Changed {
		d.Edits++
	}
	field := "polls"
	if _, renamed := e.(EditPresentation); renamed {
		field = "title"
	}
	return d.checkSize(field, before)
}

// Kept gives the polls that were there before the edit and still are, in their order.
func (d *Draft) Kept() []Poll {
	if !d.Added {
		return d.Polls
	}
	return slices.DeleteFunc(slices.Clone(d.Polls),
		func(q Poll) bool { return q.ID == d.State.PollID })
}

// Edited gives what there is to know of the edit when the draft is written.
func (d *Draft) Edited() Edited {
	e := Edited{Changed: d.Changed, Version: d.Slide.Version, Edits: d.Edits, State: d.State.State}
	if i := d.Find(d.State.PollID); i >= 0 {
		e.Poll = &d.Polls[i]
	}
	return e
}

// Edited is what an edit did.
type Edited struct {
	Changed bool  // false: everything was like that already, nothing was written
	Version int64 // of the presentation
	Edits   int64 // of the presentation, with this one
	Poll    *Poll // that was added, edited or reset; else nil
	State   State // of that poll
}

// Find gives the index of a poll, or -1.
func (p *Presentation) Find(pollID uuid.UUID) int {
	return slices.IndexFunc(p.Polls, func(q Poll) bool { return q.ID == pollID })
}

func (e EditPresentation) apply(d *Draft) error {
	title, admission := d.Title, d.Admission
	// the present one may be of before what titles must be now
	if e.Title != nil && *e.Title != title {
		var err error
		if title, err = cleanTitle(*e.Title); err != nil {
			return err
		}
	}
	if e.Voters != nil {
		if *e.Voters == "" { // which is said, and is none
			return fault.Field("voters", access.OneOf)
		}
		if admission.Voters = *e.Voters; admission.Voters != access.ByPass {
			admission.MaxVoters, admission.Passcode = 0, ""
		}
	}
	if e.MaxVoters != nil {
		admission.MaxVoters = *e.MaxVoters
	}
	if e.Passcode != nil {
		admission.Passcode = *e.Passcode
	}
	admission, err := admission.Check()
	if err != nil {
		return err
	}
	talkID := d.TalkID
	if e.TalkID != nil {
		talkID = *e.TalkID
	}
	d.Changed = title != d.Title || admission != d.Admission || talkID != d.TalkID
	d.Title, d.Admission, d.TalkID = title, admission, talkID
	if d.Slide.Displayed && !d.Slide.Closed {
		before := d.Polls[d.Slide.Index].Identity
		if now := before.Least(admission.Voters.Identity()); now != before {
			d.Weakened = now
		}
	}
	return nil
}

func (e AddPoll) apply(d *Draft) error {
	at := len(d.Polls)
	if e.Index != nil {
		at = *e.Index
	}
	switch {
	case len(d.Polls) >= MaxPolls:
		return fault.Field("polls", "a presentation has at most %d polls", MaxPolls)
	case at < 0 || at > len(d.Polls):
		return fault.Field("index", "must be between 0 and %d", len(d.Polls))
	}
	q, err := newSinglePoll(e.Poll, nil)
	if err != nil {
		return err
	}
	q.ID, q.PresentationID = newID(), d.ID
	d.State = PollState{q.ID, State{Status: Pending, Counts: make([]int64, len(q.Options))}}
	d.order(slices.Insert(slices.Clone(d.Polls), at, q))
	d.Changed, d.Added, d.Stated = true, true, true
	return nil
}

// newSinglePoll is newPoll for one that is sent alone: its fields stand at the top.
func newSinglePoll(q Poll, old *Poll) (Poll, error) {
	q, err := newPoll("", q, old)
	if e, ok := errors.AsType[*fault.Error](err); ok {
		e.Field = strings.TrimPrefix(e.Field, ".")
	}
	return q, err
}

func (e EditPoll) apply(d *Draft) error {
	i := d.Find(e.PollID)
	old := d.Polls[i]
	q, err := newSinglePoll(e.over(old), &old)
	if err != nil {
		return err
	}
	same := q.Text == old.Text && q.Kind == old.Kind && q.MaxChoices == old.MaxChoices &&
		slices.Equal(q.Options, old.Options)
	if !same {
		err := d.unseen(i)
		if err != nil && d.mendable() {
			err = d.mend(&old, &q)
		}
		if err != nil {
			return err
		}
	}
	if same && q.Visibility == old.Visibility && slices.Equal(q.Banned, old.Banned) {
		return nil
	}
	if !old.SameBallot(&q.Question) {
		d.State.Counts = make([]int64, len(q.Options))
	}
	d.State.Revision++
	d.Polls = slices.Clone(d.Polls)
	d.Polls[i] = q
	d.Changed, d.Rewritten, d.Stated = true, true, true
	return nil
}

// over gives the poll as the edit wants it, not checked yet. What the server made of the old one,
// or what cannot be meant for the new one, it makes anew.
func (e EditPoll) over(q Poll) Poll {
	old := q
	if e.Question != nil {
		q.Text = *e.Question
	}
	if e.Kind != nil {
		q.Kind = *e.Kind
	}
	if !old.Kind.TakesOptions() || !q.Kind.TakesOptions() {
		q.Options = nil
	}
	if e.Options != nil {
		q.Options = *e.Options
	}
	switch {
	case e.MaxChoices != nil:
		q.MaxChoices = *e.MaxChoices
	case q.Kind != old.Kind || old.MaxChoices == len(old.Options): // all of them, however many
		q.MaxChoices = 0
	case len(old.Options) > 0:
		q.MaxChoices = min(q.MaxChoices, len(q.Options))
	}
	if e.Visibility != nil {
		q.Visibility = *e.Visibility
	}
	if e.Banned != nil {
		q.Banned = *e.Banned
	}
	return q
}

func (e DeletePoll) apply(d *Draft) error {
	i := d.Find(e.PollID)
	if err := d.unseen(i); err != nil {
		return err
	}
	if len(d.Polls) == 1 {
		return fault.Errorf(LastPoll, "a presentation keeps at least one poll")
	}
	polls := slices.Delete(slices.Clone(d.Polls), i, i+1)
	// it was displayed last, and reset; the next one is still the one after it
	if i == d.Slide.Index {
		d.Slide.Index--
		d.number(polls)
	} else {
		d.order(polls)
	}
	d.Changed, d.Erased, d.Removed = true, e.PollID, e.PollID
	return nil
}

func (e Reorder) apply(d *Draft) error {
	wrong := fault.Field("poll_ids", "must name each of the presentation's %d polls once",
		len(d.Polls))
	if len(e.PollIDs) != len(d.Polls) {
		return wrong
	}
	places := make(map[uuid.UUID]int, len(d.Polls))
	for i := range d.Polls {
		places[d.Polls[i].ID] = i
	}
	polls := make([]Poll, 0, len(d.Polls))
	for _, id := range e.PollIDs {
		i, ok := places[id]
		if !ok {
			return wrong
		}
		delete(places, id)
		polls = append(polls, d.Polls[i])
	}
	d.order(polls)
	d.Changed = d.Moved
	return nil
}

func (e Reset) apply(d *Draft) error {
	switch d.State.Status {
	case Pending:
		return nil
	case Final:
	default:
		return fault.Errorf(NotFinal,
			"votes for the poll may still arrive; close it, and wait until its results are final")
	}
	d.State.Forget()
	d.Changed, d.Stated, d.Erased = true, true, e.PollID
	if i := d.Find(e.PollID); d.Polls[i].Mended > 0 {
		d.Polls = slices.Clone(d.Polls)
		d.Polls[i].Mended = 0
		d.Rewritten = true
	}
	return nil
}

// Forget is what happens to the state of a poll whose votes go. It stays sealed: a vote that comes
// again from before is late.
func (s *State) Forget() {
	s.Status, s.Opened, s.Voters = Pending, 0, 0
	s.Counts = make([]int64, len(s.Counts))
	s.Revision++
}

// unseen refuses edits of what people answer with, and of a poll that they have seen as it is. One
// that was reset on the slide is still seen.
func (d *Draft) unseen(index int) error {
	if d.State.Status != Pending || d.Slide.Displayed && d.Slide.Index == index {
		return fault.Errorf(HasBeenShown,
			"the poll has been displayed; take it off the slide and reset it, and it can be "+
				"edited again")
	}
	return nil
}

// order gives the polls their new order; the slide's index follows its poll.
func (d *Draft) order(polls []Poll) {
	if d.Slide.Index >= 0 {
		last := d.Polls[d.Slide.Index].ID
		d.Slide.Index = slices.IndexFunc(polls, func(q Poll) bool { return q.ID == last })
	}
	d.number(polls)
}

// number gives each poll its index.
func (d *Draft) number(polls []Poll) {
	for i := range polls {
		d.Moved = d.Moved || polls[i].ID != d.State.PollID && polls[i].Index != i
		polls[i].Index = i
	}
	d.Polls = polls
}
