package polllite

import (
	"context"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/poll"
)

// Transit implements poll.Store. There is one writer, so it keeps out other transitions and
// counting by being it.
func (s *Store) Transit(ctx context.Context, id uuid.UUID, m poll.Move,
	ifMatch *int64) (turn poll.Turn, err error) {
	err = s.db.Write(ctx, "transit", func(tx *sqlx.Tx) error {
		turn, err = transit(ctx, tx, id, m, ifMatch)
		return err
	})
	if err != nil {
		return poll.Turn{}, err
	}
	return turn, nil
}

func transit(ctx context.Context, tx *sqlx.Tx, id uuid.UUID, m poll.Move,
	ifMatch *int64) (turn poll.Turn, err error) {
	var row slideRow
	err = tx.GetContext(ctx, &row,
		`SELECT `+slideColumns+` FROM presentations p WHERE p.id = ?`, id[:])
	if err != nil {
		return turn, noPresentation(err)
	}
	var ids []uuid.UUID
	err = tx.SelectContext(ctx, &ids,
		`SELECT id FROM polls WHERE presentation_id = ? ORDER BY position`, id[:])
	if err != nil {
		return turn, err
	}
	t, err := row.slide().Decide(ids, m, ifMatch)
	if err != nil {
		return turn, err
	}
	turn = poll.Turn{Display: poll.Display{
		PresentationID: id, Admission: row.admission(), Edits: row.Edits, Slide: t.Slide,
		Partition: row.partitionOf(id), TalkID: row.toRate(t.Slide, len(ids)),
	}, Changed: t.Changed}
	if t.Shown >= 0 {
		if turn.Poll, err = readPoll(ctx, tx, ids[t.Shown]); err != nil {
			return turn, err
		}
	}
	if t.Changed {
		turn.Ended, err = change(ctx, tx, ids, t, &turn.Display)
	}
	return turn, err
}

// change writes a decided transition to what d says, and gives the seal that it makes due.
func change(ctx context.Context, tx *sqlx.Tx, ids []uuid.UUID, t poll.Transition,
	d *poll.Display) (ended *poll.Seal, err error) {
	var states []poll.PollState
	for _, pollID := range t.Polls(ids) {
		state, err := readState(ctx, tx, pollID)
		if err != nil {
			return nil, err
		}
		states = append(states, state)
	}
	for i := range states {
		if t.Shows(ids, &states[i]) && d.Poll.Identify(states[i].Status, d.Voters) {
			if err := updateIdentity(ctx, tx, d.Poll); err != nil {
				return nil, err
			}
		}
	}
	ended = t.Apply(ids, states)
	if err := updateStates(ctx, tx, states); err != nil {
		return nil, err
	}
	displayed, closed := t.Slide.Kept()
	_, err = tx.ExecContext(ctx,
		`UPDATE presentations AS p SET version = ?, slide_index = ?, displayed = ?, closed = ?, `+
			noteUse+` WHERE id = ?`,
		t.Slide.Version, t.Slide.Index, displayed, closed, d.PresentationID[:])
	return ended, err
}
