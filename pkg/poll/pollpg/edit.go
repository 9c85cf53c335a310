package pollpg

import (
	"context"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/postgres"
)

// Edit implements poll.Store. It locks the presentation first, as transitions do, which keeps both
// out, and then the state of the poll concerned, which keeps counting out.
func (s *Store) Edit(ctx context.Context, id uuid.UUID,
	e poll.Edit) (edited poll.Edited, err error) {
	err = s.db.Write(ctx, "edit", func(tx *sqlx.Tx) error {
		d, err := lockDraft(ctx, tx, id, e.Concerns())
		if err == nil {
			err = d.Apply(e)
		}
		if err == nil && d.Changed {
			err = writeDraft(ctx, tx, d)
		}
		edited = d.Edited()
		return err
	})
	if err != nil {
		return poll.Edited{}, err
	}
	return edited, nil
}

// lockDraft locks a presentation and the state of the poll concerned, if it is one of its polls.
// The polls themselves change under the presentation's lock only.
func lockDraft(
	ctx context.Context, tx *sqlx.Tx, id, concerned uuid.UUID,
) (d poll.Draft, err error) {
	var row struct {
		Title string `db:"title"`
		slideRow
	}
	err = tx.GetContext(ctx, &row,
		`SELECT p.title, `+slideColumns+` FROM presentations p WHERE p.id = $1 FOR UPDATE`, id)
	if err != nil {
		return d, noPresentation(err)
	}
	d.Presentation = poll.Presentation{ID: id, Title: row.Title, Admission: row.admission(),
		Edits: row.Edits, Slide: row.slide(), TalkID: row.Talk.UUID}
	var polls []pollRow
	err = tx.SelectContext(ctx, &polls,
		`SELECT `+pollColumns+` FROM polls q WHERE q.presentation_id = $1 ORDER BY q.position`, id)
	if err != nil {
		return d, err
	}
	for i := range polls {
		d.Polls = append(d.Polls, polls[i].poll())
	}
	if d.Find(concerned) >= 0 {
		states, err := lockStates(ctx, tx, []uuid.UUID{concerned})
		if err != nil {
			return d, err
		}
		d.State = states[0]
	}
	return d, nil
}

// weaken has a poll's identity be a weaker one, and raises the revision of its results, which say
// so.
func weaken(ctx context.Context, tx *sqlx.Tx, q poll.Poll, to access.Identity) error {
	states, err := lockStates(ctx, tx, []uuid.UUID{q.ID})
	if err != nil {
		return err
	}
	states[0].Revision++
	q.Identity = to
	if err := updateIdentity(ctx, tx, &q); err != nil {
		return err
	}
	return writeStates(ctx, tx, states)
}

func writeDraft(ctx context.Context, tx *sqlx.Tx, d poll.Draft) error {
	if d.Erased != uuid.Nil {
		if err := deleteVotes(ctx, tx, []uuid.UUID{d.Erased}); err != nil {
			return err
		}
	}
	if d.Removed != uuid.Nil {
		if err := deletePolls(ctx, tx, []uuid.UUID{d.Removed}); err != nil {
			return err
		}
	}
	concerned := d.Find(d.State.PollID)
	if d.Moved {
		if err := movePolls(ctx, tx, d.ID, d.Kept()); err != nil {
			return err
		}
	}
	if d.Rewritten {
		if err := updatePoll(ctx, tx, d.Polls[concerned]); err != nil {
			return err
		}
	}
	if err := insertMends(ctx, tx, d.ID, d.Mends); err != nil {
		return err
	}
	if d.Weakened != "" {
		if err := weaken(ctx, tx, d.Polls[d.Slide.Index], d.Weakened); err != nil {
			return err
		}
	}
	states := []poll.PollState{d.State}
	if d.Added {
		if err := insertPolls(ctx, tx, d.ID, d.Polls[concerned:concerned+1]); err != nil {
			return err
		}
		if err := insertStates(ctx, tx, d.ID, states); err != nil {
			return err
		}
	} else if d.Stated {
		if err := writeStates(ctx, tx, states); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, `
		UPDATE presentations p SET title = $2, slide_index = $3, voters = $4, max_voters = $5,
			passcode = $6, talk_id = $7,
			edits = edits + 1, `+noteUse+` WHERE id = $1`,
		d.ID, d.Title, d.Slide.Index, d.Voters, d.MaxVoters, d.Passcode, linked(d.TalkID))
	return err
}

// deleteVotes deletes all votes for polls whose states are locked, their words, and what was mended
// of them.
func deleteVotes(ctx context.Context, tx *sqlx.Tx, ids []uuid.UUID) error {
	arg := postgres.UUIDArray(len(ids), func(i int) uuid.UUID { return ids[i] })
	if _, err := tx.ExecContext(ctx, `DELETE FROM votes WHERE poll_id = ANY($1::uuid[])`,
		arg); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM mends WHERE poll_id = ANY($1::uuid[])`,
		arg); err != nil {
		return err
	}
	return deleteWords(ctx, tx, ids)
}

// deletePolls deletes polls whose states are locked, with these.
func deletePolls(ctx context.Context, tx *sqlx.Tx, ids []uuid.UUID) error {
	arg := postgres.UUIDArray(len(ids), func(i int) uuid.UUID { return ids[i] })
	for _, statement := range []string{
		`DELETE FROM poll_states WHERE poll_id = ANY($1::uuid[])`,
		`DELETE FROM polls WHERE id = ANY($1::uuid[])`,
	} {
		result, err := tx.ExecContext(ctx, statement, arg)
		if err := postgres.Exactly(len(ids), "polls", result, err); err != nil {
			return err
		}
	}
	return nil
}

// Delete implements poll.Store. The locks are those of a transition, with all the polls' states.
func (s *Store) Delete(ctx context.Context, id uuid.UUID, seen poll.Seen) error {
	return s.db.Write(ctx, "delete", func(tx *sqlx.Tx) error {
		d, err := lockDraft(ctx, tx, id, uuid.Nil)
		if err == nil {
			err = seen.Check(d.Edits)
		}
		if err != nil {
			return err
		}
		ids := make([]uuid.UUID, len(d.Polls))
		for i := range d.Polls {
			ids[i] = d.Polls[i].ID
		}
		if _, err := lockStates(ctx, tx, ids); err != nil {
			return err
		}
		if err := deleteVotes(ctx, tx, ids); err != nil {
			return err
		}
		return deletePresentation(ctx, tx, id, ids)
	})
}

// deletePresentation deletes a presentation that is locked, with its polls, whose states are
// locked, and everything else of it but votes and words. What a replica says of it at this moment
// is not waited for: it is forgotten by its age.
func deletePresentation(ctx context.Context, tx *sqlx.Tx, id uuid.UUID, polls []uuid.UUID) error {
	if err := deletePolls(ctx, tx, polls); err != nil {
		return err
	}
	for _, statement := range []string{
		`DELETE FROM passes WHERE presentation_id = $1`,
		`DELETE FROM mends WHERE presentation_id = $1`,
		`DELETE FROM presence WHERE ctid = ANY(ARRAY(SELECT ctid FROM presence WHERE ` +
			`presentation_id = $1 FOR UPDATE SKIP LOCKED))`,
		`DELETE FROM presentations WHERE id = $1`,
	} {
		if _, err := tx.ExecContext(ctx, statement, id); err != nil {
			return err
		}
	}
	return nil
}
