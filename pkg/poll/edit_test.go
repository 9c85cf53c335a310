package poll_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

// of gives a pointer to v.
func of[T any](v T) *T { return &v }

// draft is a presentation of a choice, a multiple and a rating, with the state of the poll
// concerned.
func draft(t require.TestingT, slide poll.Slide, concerned int, s poll.State) *poll.Draft {
	p, err := poll.New("A talk", []poll.Poll{
		{Question: question.Question{Text: "Who?", Options: options("A", "B")}},
		{Question: question.Question{Text: "Which?", Kind: question.Multiple,
			Options: options("A", "B", "C")}},
		{Question: question.Question{Text: "How good?", Kind: question.Rating}},
	})
	require.NoError(t, err)
	p.Slide = slide
	d := &poll.Draft{Presentation: p}
	if concerned >= 0 {
		s.Counts = make([]int64, len(p.Polls[concerned].Options))
		d.State = poll.PollState{PollID: p.Polls[concerned].ID, State: s}
	}
	return d
}

var (
	unshown = poll.Slide{Index: -1}
	pending = poll.State{Status: poll.Pending, Revision: 4}
)

func TestAPollThatNobodyHasSeenCanBeEdited(t *testing.T) {
	for name, c := range map[string]struct {
		poll int
		edit poll.EditPoll
		want func(*poll.Poll)
	}{
		"its question": {0, poll.EditPoll{Question: of(" Whom? ")},
			func(q *poll.Poll) { q.Text = "Whom?" }},
		"its options": {0, poll.EditPoll{Options: of(options("A", "B", "C"))},
			func(q *poll.Poll) { q.Options = options("A", "B", "C") }},
		"its kind": {0, poll.EditPoll{Kind: of(question.Multiple)},
			func(q *poll.Poll) { q.Kind, q.MaxChoices = question.Multiple, 2 }},
		"its kind, to one with own options": {0, poll.EditPoll{Kind: of(question.Rating)},
			func(q *poll.Poll) { q.Kind, q.Options = question.Rating, stars() }},
		"its kind, from one with own options": {2,
			poll.EditPoll{Kind: of(question.Choice), Options: of(options("A"))},
			func(q *poll.Poll) {
				q.Kind, q.Options = question.Choice, options("A")
			}},
		"how many may be chosen": {1, poll.EditPoll{MaxChoices: of(2)},
			func(q *poll.Poll) { q.MaxChoices = 2 }},
		"all may be chosen, and remain": {1, poll.EditPoll{Options: of(options("A", "B"))},
			func(q *poll.Poll) { q.MaxChoices, q.Options = 2, options("A", "B") }},
		"the question of a rating": {2, poll.EditPoll{Question: of("How?")},
			func(q *poll.Poll) { q.Text = "How?" }},
		"who sees its results": {0, poll.EditPoll{Visibility: of(poll.After)},
			func(q *poll.Poll) { q.Visibility = poll.After }},
		"its banned words": {0, poll.EditPoll{Banned: &[]string{" no "}},
			func(q *poll.Poll) { q.Banned = []string{"no"} }},
	} {
		t.Run(name, func(t *testing.T) {
			d := draft(t, unshown, c.poll, pending)
			want := d.Polls[c.poll]
			c.want(&want)
			c.edit.PollID = want.ID
			before := slices.Clone(d.Polls)
			require.NoError(t, d.Apply(c.edit))
			require.Equal(t, want, d.Polls[c.poll])
			require.True(t, d.Changed && d.Rewritten && d.Stated)
			require.False(t, d.Added || d.Moved || d.Erased != uuid.Nil || d.Removed != uuid.Nil)
			require.EqualValues(t, 5, d.State.Revision)
			require.Equal(t, make([]int64, len(want.Options)), d.State.Counts, "a tally per option")
			require.Equal(t, &want, d.Edited().Poll)

			again := &poll.Draft{Presentation: d.Presentation, State: d.State}
			require.NoError(t, again.Apply(c.edit))
			require.False(t, again.Changed, "an edit that comes again changes nothing")
			before[c.poll] = want
			require.Equal(t, before, again.Polls)
		})
	}
}

func stars() []question.Option {
	p, err := poll.New("",
		[]poll.Poll{{Question: question.Question{Text: "Q", Kind: question.Rating}}})
	if err != nil {
		panic(err)
	}
	return p.Polls[0].Options
}

func TestAMistakeInAnEditIsNamedByItsField(t *testing.T) {
	long := strings.Repeat("é", question.MaxValueLength+1)
	d := draft(t, unshown, 0, pending)
	id, other := d.Polls[0].ID, d.Polls[1].ID
	good := poll.Poll{Question: question.Question{Text: "Q", Options: options("A")}}
	for name, c := range map[string]struct {
		edit  poll.Edit
		field string
	}{
		"long title":  {poll.EditPresentation{Title: &long}, "title"},
		"no question": {poll.EditPoll{PollID: id, Question: of(" ")}, "question"},
		"no options": {poll.EditPoll{PollID: id, Options: &[]question.Option{}},
			"options"},
		"option key": {poll.EditPoll{PollID: id, Options: of(options("A", ""))}, "options[1].key"},
		"kind": {poll.EditPoll{PollID: id, Kind: of(question.Kind("essay"))},
			"kind"},
		"options of a rating": {poll.EditPoll{PollID: id, Kind: of(question.Rating),
			Options: of(options("A"))}, "options"},
		"max of a choice": {poll.EditPoll{PollID: id, MaxChoices: of(2)}, "max_choices"},
		"visibility": {poll.EditPoll{PollID: id, Visibility: of(poll.Visibility("x"))},
			"results_visibility"},
		"banned words": {poll.EditPoll{PollID: id, Banned: &[]string{""}},
			"banned_words[0]"},
		"keys too long": {poll.EditPoll{PollID: other,
			Options: of(keyed(even(47, 64)...))}, "options"},
		"new poll": {poll.AddPoll{}, "question"},
		"new keys too long": {poll.AddPoll{Poll: poll.Poll{Question: question.Question{Text: "Q",
			Kind: question.Multiple, Options: keyed(even(47, 64)...)}}}, "options"},
		"index too high":    {poll.AddPoll{Poll: good, Index: of(4)}, "index"},
		"index negative":    {poll.AddPoll{Poll: good, Index: of(-1)}, "index"},
		"a poll is missing": {poll.Reorder{PollIDs: []uuid.UUID{id, other}}, "poll_ids"},
		"a poll twice":      {poll.Reorder{PollIDs: []uuid.UUID{id, other, other}}, "poll_ids"},
		"a poll not ours": {poll.Reorder{PollIDs: []uuid.UUID{id, other,
			uuid.New()}}, "poll_ids"},
		"no poll": {poll.Reorder{}, "poll_ids"},
	} {
		before := *d
		err := d.Apply(c.edit)
		var e *fault.Error
		require.ErrorAs(t, err, &e, name)
		require.Equal(t, fault.Invalid, e.Code, name)
		require.Equal(t, c.field, e.Field, name)
		require.Equal(t, before, *d, name)
	}
	full := draft(t, unshown, -1, poll.State{})
	full.Polls = make([]poll.Poll, poll.MaxPolls)
	require.Equal(t, fault.Invalid, fault.CodeOf(full.Apply(poll.AddPoll{Poll: good})))
	for _, e := range []poll.Edit{poll.EditPoll{PollID: uuid.New()},
		poll.DeletePoll{PollID: uuid.New()}, poll.Reset{PollID: uuid.New()}} {
		require.Equal(t, fault.NotFound, fault.CodeOf(d.Apply(e)))
	}
}

func TestAPollThatPeopleHaveSeenIsNotEditedUnderTheirFeet(t *testing.T) {
	second := poll.Slide{Version: 7, Index: 1, Displayed: true}
	closed := poll.Slide{Version: 7, Index: 1, Displayed: true, Closed: true}
	for name, c := range map[string]struct {
		slide poll.Slide
		state poll.State
		err   fault.Code
	}{
		"pending": {unshown, pending, fault.Code{}},
		"open": {second, poll.State{Status: poll.Open, Opened: 7},
			poll.HasBeenShown},
		"closed on the slide": {closed, poll.State{Status: poll.Closing, Opened: 6},
			poll.HasBeenShown},
		"closing": {poll.Slide{Version: 8, Index: 0, Displayed: true},
			poll.State{Status: poll.Closing, Opened: 7}, poll.HasBeenShown},
		"final": {unshown, poll.State{Status: poll.Final, Opened: 7, Sealed: 7},
			poll.HasBeenShown},
		"reset": {poll.Slide{Version: 8, Index: 1},
			poll.State{Status: poll.Pending, Sealed: 7}, fault.Code{}},
		"reset, but still on the slide": {closed, poll.State{Status: poll.Pending, Sealed: 6},
			poll.HasBeenShown},
	} {
		t.Run(name, func(t *testing.T) {
			d := draft(t, c.slide, 1, c.state)
			d.State.Counts[0] = 3
			words := poll.EditPoll{PollID: d.Polls[1].ID, Question: of("Really?"),
				Options: of(options("A", "B", "C"))}
			(*words.Options)[1].Value = "mended"
			if c.state.Status == poll.Open || c.state.Status == poll.Closing {
				require.NoError(t, d.Apply(words), "its texts can be mended while people vote")
				require.EqualValues(t, 3, d.State.Counts[0], "the tallies stay")
				require.Equal(t, []string{"question", "options[B]"},
					[]string{d.Mends[0].Field, d.Mends[1].Field})
				require.Equal(t, 2, d.Polls[1].Mended)
			} else {
				require.Equal(t, c.err, fault.CodeOf(d.Apply(words)))
				require.Empty(t, d.Mends)
			}
			for _, e := range []poll.Edit{
				poll.EditPoll{Options: of(options("A", "B"))},
				poll.EditPoll{Options: of(options("A", "C", "B"))},
				poll.EditPoll{Kind: of(question.Choice)}, poll.EditPoll{MaxChoices: of(1)},
				poll.DeletePoll{},
			} {
				d := draft(t, c.slide, 1, c.state)
				e = aimed(e, d.Polls[1].ID)
				require.Equal(t, c.err, fault.CodeOf(d.Apply(e)), "%T", e)
				require.Equal(t, c.err == (fault.Code{}), d.Changed, "%T", e)
			}
			for _, e := range []poll.EditPoll{{Visibility: of(poll.PresenterOnly)},
				{Banned: &[]string{"no"}}, {Question: of("Which?"), Visibility: of(poll.After)}} {
				d := draft(t, c.slide, 1, c.state)
				d.State.Counts[0] = 3
				e.PollID = d.Polls[1].ID
				require.NoError(t, d.Apply(e),
					"what people do not answer to can be changed at any time")
				require.True(t, d.Changed)
				require.Equal(t, c.state.Revision+1, d.State.Revision)
				require.EqualValues(t, 3, d.State.Counts[0], "the tallies stay")
			}
		})
	}
}

// aimed gives the edit of another poll.
func aimed(e poll.Edit, id uuid.UUID) poll.Edit {
	switch e := e.(type) {
	case poll.EditPoll:
		e.PollID = id
		return e
	default:
		return poll.DeletePoll{PollID: id}
	}
}

func TestAPollIsResetOnlyWhenNothingIsUnderWayToIt(t *testing.T) {
	for status, want := range map[poll.Status]fault.Code{
		poll.Pending: {}, poll.Open: poll.NotFinal, poll.Closing: poll.NotFinal,
		poll.Final: {},
	} {
		d := draft(t, poll.Slide{Version: 9, Index: 0}, 1,
			poll.State{Status: status, Opened: 7, Sealed: 7, Revision: 4, Voters: 2})
		d.State.Counts[1] = 2
		before := d.State
		err := d.Apply(poll.Reset{PollID: d.Polls[1].ID})
		require.Equal(t, want, fault.CodeOf(err), status)
		if status != poll.Final {
			require.Equal(t, before, d.State, status)
			require.False(t, d.Changed, status)
			continue
		}
		require.Equal(t, poll.State{Status: poll.Pending, Sealed: 7, Revision: 5,
			Counts: []int64{0, 0, 0}}, d.State.State,
			"as if never displayed, but sealed still: what comes again from before is late")
		require.Equal(t, d.State.PollID, d.Erased)
		require.True(t, d.Changed && d.Stated)
		require.EqualValues(t, 2, before.Counts[1], "what was locked is not written to")
	}
}

func TestTheLastPollStays(t *testing.T) {
	d := draft(t, unshown, 0, pending)
	d.Polls = d.Polls[:1]
	require.Equal(t, poll.LastPoll, fault.CodeOf(d.Apply(poll.DeletePoll{PollID: d.Polls[0].ID})))
}

func TestTheSlideFollowsItsPollWhateverBecomesOfTheOthers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draft(t, unshown, -1, poll.State{})
		d.Slide.Index = rapid.IntRange(-1, 2).Draw(t, "index")
		for range rapid.IntRange(1, 12).Draw(t, "edits") {
			d = &poll.Draft{Presentation: d.Presentation}
			before := slices.Clone(d.Polls)
			at := d.Slide.Index
			var edit poll.Edit
			switch rapid.IntRange(0, 2).Draw(t, "edit") {
			case 0:
				edit = poll.AddPoll{Poll: poll.Poll{Question: question.Question{Text: "Q",
					Options: options("A")}}, Index: of(
					rapid.IntRange(0, len(d.Polls)).Draw(t, "at"))}
			case 1:
				d.State = poll.PollState{PollID: rapid.SampledFrom(d.Polls).Draw(t, "poll").ID,
					State: poll.State{Status: poll.Pending}}
				edit = poll.DeletePoll{PollID: d.State.PollID}
			case 2:
				var order []uuid.UUID
				for _, q := range rapid.Permutation(d.Polls).Draw(t, "order") {
					order = append(order, q.ID)
				}
				edit = poll.Reorder{PollIDs: order}
			}
			if err := d.Apply(edit); err != nil {
				require.Equal(t, poll.LastPoll, fault.CodeOf(err))
				continue
			}
			for i, q := range d.Polls {
				require.Equal(t, i, q.Index)
				if old := slices.IndexFunc(before,
					func(o poll.Poll) bool { return o.ID == q.ID }); old >= 0 && old != i {
					require.True(t, d.Moved)
				}
			}
			switch {
			case at < 0:
				require.Equal(t, -1, d.Slide.Index)
			case before[at].ID == d.Removed:
				require.Equal(t, at-1, d.Slide.Index,
					"what comes next is still the one that was behind it")
			default:
				require.Equal(t, before[at].ID, d.Polls[d.Slide.Index].ID)
			}
		}
	})
}

func TestResultsAreHiddenFromThoseWhoMustNotSeeThemYet(t *testing.T) {
	for visibility, want := range map[poll.Visibility][]poll.Status{
		poll.Live:          nil,
		poll.After:         {poll.Open},
		poll.PresenterOnly: {poll.Pending, poll.Open, poll.Closing, poll.Final},
	} {
		for _, status := range []poll.Status{poll.Pending, poll.Open, poll.Closing, poll.Final} {
			r := poll.Results{Poll: poll.Poll{Visibility: visibility},
				State: poll.State{Status: status}}
			require.Equal(t, slices.Contains(want, status), r.Hidden(), "%s %s", visibility, status)
		}
	}
}
