package polllite

import (
	"context"
	"slices"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/poll"
)

// Edit implements poll.Store. There is one writer, so it keeps out transitions and counting by
// being it.
func (s *Store) Edit(ctx context.Context, id uuid.UUID,
	e poll.Edit) (edited poll.Edited, err error) {
	err = s.db.Write(ctx, "edit", func(tx *sqlx.Tx) error {
		d, err := readDraft(ctx, tx, id, e.Concerns())
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

// readDraft reads a presentation and the state of the poll concerned, if it is one of its polls.
func readDraft(
	ctx context.Context, tx *sqlx.Tx, id, concerned uuid.UUID,
) (d poll.Draft, err error) {
	var row struct {
		Title string `db:"title"`
		slideRow
	}
	err = tx.GetContext(ctx, &row,
		`SELECT p.title, `+slideColumns+` FROM presentations p WHERE p.id = ?`, id[:])
	if err != nil {
		return d, noPresentation(err)
	}
	d.Presentation = poll.Presentation{ID: id, Title: row.Title, Admission: row.admission(),
		Edits: row.Edits, Slide: row.slide(), TalkID: row.Talk.UUID}
	var polls []pollRow
	err = tx.SelectContext(ctx, &polls,
		`SELECT `+pollColumns+` FROM polls q WHERE q.presentation_id = ? ORDER BY q.position`,
		id[:])
	if err != nil {
		return d, err
	}
	for i := range polls {
		d.Polls = append(d.Polls, polls[i].poll())
	}
	if d.Find(concerned) >= 0 {
		d.State, err = readState(ctx, tx, concerned)
	}
	return d, err
}

// weaken has a poll's identity be a weaker one, and raises the revision of its results, which say
// so.
func weaken(ctx context.Context, tx *sqlx.Tx, q poll.Poll, to access.Identity) error {
	state, err := readState(ctx, tx, q.ID)
	states := []poll.PollState{state}
	if err != nil {
		return err
	}
	states[0].Revision++
	q.Identity = to
	if err := updateIdentity(ctx, tx, &q); err != nil {
		return err
	}
	return updateStates(ctx, tx, states)
}

func writeDraft(ctx context.Context, tx *sqlx.Tx, d poll.Draft) error {
	if d.Erased != uuid.Nil {
		if err := deleteOf(ctx, tx, d.Erased, votesOf...); err != nil {
			return err
		}
	}
	if d.Removed != uuid.Nil {
		if err := deleteOf(ctx, tx, d.Removed, pollOf...); err != nil {
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
		if err := updateStates(ctx, tx, states); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, `
		UPDATE presentations AS p SET title = ?, slide_index = ?, voters = ?, max_voters = ?,
			passcode = ?, talk_id = ?,
			edits = edits + 1, `+noteUse+` WHERE id = ?`,
		d.Title, d.Slide.Index, d.Voters, d.MaxVoters, d.Passcode, linked(d.TalkID), d.ID[:])
	return err
}

// Delete implements poll.Store.
func (s *Store) Delete(ctx context.Context, id uuid.UUID, seen poll.Seen) error {
	return s.db.Write(ctx, "delete", func(tx *sqlx.Tx) error {
		d, err := readDraft(ctx, tx, id, uuid.Nil)
		if err == nil {
			err = seen.Check(d.Edits)
		}
		if err != nil {
			return err
		}
		for _, q := range d.Polls {
			if err := deleteOf(ctx, tx, q.ID, slices.Concat(votesOf, pollOf)...); err != nil {
				return err
			}
		}
		return deleteOf(ctx, tx, id, presentationOf...)
	})
}

// These statements delete the words of a poll, all votes for it with what was mended of it, and
// the poll itself. One deletes what a presentation has beside its polls.
var (
	wordsOf = []string{`DELETE FROM words WHERE poll_id = ?`,
		`DELETE FROM spellings WHERE poll_id = ?`}
	votesOf = append([]string{`DELETE FROM votes WHERE poll_id = ?`,
		`DELETE FROM mends WHERE poll_id = ?`}, wordsOf...)
	pollOf = []string{`DELETE FROM poll_states WHERE poll_id = ?`,
		`DELETE FROM polls WHERE id = ?`}

	presentationOf = []string{
		`DELETE FROM passes WHERE presentation_id = ?`,
		`DELETE FROM mends WHERE presentation_id = ?`,
		`DELETE FROM presence WHERE presentation_id = ?`, `DELETE FROM presentations WHERE id = ?`,
	}
)

// deleteOf runs statements that delete what is of a poll or a presentation.
func deleteOf(ctx context.Context, tx *sqlx.Tx, id uuid.UUID, statements ...string) error {
	for _, statement := range statements {
		if _, err := tx.ExecContext(ctx, statement, id[:]); err != nil {
			return err
		}
	}
	return nil
}
