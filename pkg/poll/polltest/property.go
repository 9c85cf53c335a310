package polltest

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

// property does random things to a presentation and to the model, and compares them after each.
func (s *suite) property(t *testing.T) {
	store := s.store(t)
	rapid.Check(t, func(rt *rapid.T) {
		d := &drill{rt: rt, store: store, inside: s.inside, p: newPresentation(t, everyKind()...),
			voters: make([]uuid.UUID, 4)}
		for i := range d.voters {
			d.voters[i] = uuid.New()
		}
		require.NoError(rt, store.Create(t.Context(), d.p))
		d.model = newModel(d.p)
		d.revisions = make([]int64, len(d.p.Polls))
		d.before = make([]poll.State, len(d.p.Polls))
		for i := range d.p.Polls {
			d.before[i] = d.model.state(d.p.Polls[i].ID)
		}
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			switch rapid.IntRange(0, 6).Draw(rt, "step") {
			case 0, 1:
				d.transit(t)
			case 2:
				d.reset(t)
			default:
				d.count(t)
			}
		}
	})
}

type drill struct {
	rt        *rapid.T
	store     Store
	inside    *Inside
	p         poll.Presentation
	model     *model
	voters    []uuid.UUID
	version   int64
	sent      []poll.Batch
	revisions []int64
	before    []poll.State
}

func (d *drill) transit(t *testing.T) {
	move := poll.Move{To: poll.Target(rapid.IntRange(int(poll.ToNext), int(poll.ToOpen)).
		Draw(d.rt, "move"))}
	move.PollID = d.p.Polls[rapid.IntRange(0, 4).Draw(d.rt, "poll")].ID
	turn, err := d.store.Transit(t.Context(), d.p.ID, move, nil)
	if kind := fault.CodeOf(err); kind == poll.OutOfPolls || kind == poll.NotDisplayed {
		return
	}
	require.NoError(d.rt, err)
	d.version = turn.Version
	d.model.turn(turn)
	var concerned []uuid.UUID
	if turn.Ended != nil {
		concerned = append(concerned, turn.Ended.PollID)
	}
	if turn.Changed && turn.Poll != nil {
		concerned = append(concerned, turn.Poll.ID)
	}
	d.compare(t, concerned)
}

func (d *drill) reset(t *testing.T) {
	id := d.p.Polls[rapid.IntRange(0, 4).Draw(d.rt, "poll")].ID
	edited, err := d.store.Edit(t.Context(), d.p.ID, poll.Reset{PollID: id})
	if !d.model.mayReset(id) {
		require.Equal(d.rt, poll.NotFinal, fault.CodeOf(err))
		d.compare(t, nil)
		return
	}
	require.NoError(d.rt, err)
	if edited.Changed {
		d.model.reset(id)
		d.compare(t, []uuid.UUID{id})
	} else {
		d.compare(t, nil)
	}
}

func (d *drill) count(t *testing.T) {
	batches := make([]poll.Batch, rapid.IntRange(1, 4).Draw(d.rt, "batches"))
	for i := range batches {
		if len(d.sent) > 0 && rapid.IntRange(0, 3).Draw(d.rt, "again") == 0 {
			batches[i] = rapid.SampledFrom(d.sent).Draw(d.rt, "old batch")
			continue
		}
		batches[i] = d.batch()
		d.sent = append(d.sent, batches[i])
	}
	want := d.model.count(batches)
	o, err := d.store.Count(t.Context(), batches)
	require.NoError(d.rt, err)
	require.Equal(d.rt, want, o.Verdicts)
	var changed []uuid.UUID
	for _, c := range o.Changed {
		require.Equal(d.rt, d.p.ID, c.Thing)
		changed = append(changed, c.Part)
	}
	d.compare(t, changed)
	for _, c := range o.Changed {
		i := slices.IndexFunc(d.p.Polls, func(q poll.Poll) bool { return q.ID == c.Part })
		require.Equal(d.rt, d.revisions[i], c.Revision)
		require.Equal(d.rt, d.before[i].Opened, c.Version)
	}
}

var answers = []question.Answer{"A", "B", "A\nC", "B\nC", "1", "5", "Z", "", "a!!", "b\nA",
	"A!\nC\na", "x\x00", "\xff"}

func (d *drill) batch() poll.Batch {
	b := poll.Batch{ID: uuid.New(), Replayed: rapid.IntRange(0, 2).Draw(d.rt, "replayed") == 0}
	if rapid.IntRange(0, 4).Draw(d.rt, "kind") == 0 {
		seal := seal(d.p, rapid.IntRange(0, 4).Draw(d.rt, "sealed"),
			rapid.Int64Range(0, d.version).Draw(d.rt, "version"))
		return seal
	}
	for range rapid.IntRange(1, 6).Draw(d.rt, "votes") {
		v := poll.Vote{
			ID:      uuid.New(),
			PollID:  d.p.Polls[rapid.IntRange(0, 4).Draw(d.rt, "poll")].ID,
			VoterID: rapid.SampledFrom(d.voters).Draw(d.rt, "voter"),
			Version: rapid.Int64Range(max(0, d.version-2), d.version+1).Draw(d.rt, "version"),
			Seq:     rapid.Int64Range(0, 3).Draw(d.rt, "seq"),
			Answer:  rapid.SampledFrom(answers).Draw(d.rt, "answer"),
		}
		if rapid.IntRange(0, 15).Draw(d.rt, "stray") == 0 {
			v.PollID = uuid.New()
		}
		b.Votes = append(b.Votes, v)
	}
	return b
}

// compare looks at every poll. Those in changed have a higher revision than before; others are as
// they were.
func (d *drill) compare(t *testing.T, changed []uuid.UUID) {
	for i, q := range d.p.Polls {
		r, err := d.store.Results(t.Context(), d.p.ID, q.ID)
		require.NoError(d.rt, err)
		require.Equal(d.rt, q, r.Poll)
		if slices.Contains(changed, q.ID) {
			require.Greater(d.rt, r.Revision, d.revisions[i])
		} else {
			require.Equal(d.rt, d.revisions[i], r.Revision)
			require.Equal(d.rt, d.before[i], d.model.state(q.ID),
				"poll %d changed without a word", i)
		}
		d.revisions[i], d.before[i] = r.Revision, d.model.state(q.ID)
		want := d.before[i]
		want.Revision = r.Revision
		require.Equal(d.rt, want, r.State, "poll %d", i)
		requireWords(d.rt, d.store, r, d.model.words(q.ID))

		var answers []poll.VoterAnswer
		require.NoError(d.rt, d.store.Votes(t.Context(), d.p.ID, q.ID, uuid.Nil,
			func(a poll.VoterAnswer) error {
				answers = append(answers, a)
				return nil
			}))
		require.Len(d.rt, answers, len(d.model.polls[q.ID].standing()))
		if d.inside != nil && q.Kind.FreeText() {
			d.inside.requireCounted(d.rt, d.store, q.ID, q.Kind, answers)
		}
		require.True(d.rt, slices.IsSortedFunc(answers,
			func(a, b poll.VoterAnswer) int { return bytes.Compare(a.VoterID[:], b.VoterID[:]) }))
		for _, a := range answers {
			require.Equal(d.rt, d.model.polls[q.ID].votes[a.VoterID].Answer, a.Answer)
		}
	}
}
