package pollpg

import (
	"context"
	"database/sql"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/postgres"
)

const slideColumns = `p.version, p.slide_index, p.displayed, p.closed, p.voters AS who,
	p.max_voters, p.passcode, p.edits, p.talk_id, ` + partitionColumns

// slideRow is a slide, and who may vote there. poll.KeptSlide says what displayed and closed mean.
type slideRow struct {
	Version   int64 `db:"version"`
	Index     int   `db:"slide_index"`
	Displayed bool  `db:"displayed"`
	Closed    int64 `db:"closed"`

	Voters    access.Voters `db:"who"` // "voters" is a column of states
	MaxVoters int           `db:"max_voters"`
	Passcode  string        `db:"passcode"`
	Edits     int64         `db:"edits"`
	Talk      uuid.NullUUID `db:"talk_id"`

	partitionRow
}

func (r slideRow) admission() access.Admission {
	return access.Admission{Voters: r.Voters, MaxVoters: r.MaxVoters, Passcode: r.Passcode}
}

func (r slideRow) slide() poll.Slide {
	return poll.KeptSlide(r.Version, r.Index, r.Displayed, r.Closed)
}

// toRate gives the talk that the audience rates on a slide of so many polls; Nil: none yet.
func (r slideRow) toRate(s poll.Slide, polls int) uuid.UUID {
	if !s.Over(polls) {
		return uuid.Nil
	}
	return r.Talk.UUID
}

func noPresentation(err error) error {
	if postgres.Missing(err) { // a join code that is no text the database could hold is nobody's
		return fault.Errorf(fault.NotFound, "there is no such presentation")
	}
	return err
}

// Create implements poll.Store.
func (s *Store) Create(ctx context.Context, p poll.Presentation) error {
	return s.db.Write(ctx, "create", func(tx *sqlx.Tx) error {
		_, err := tx.ExecContext(ctx, `
			INSERT INTO presentations (
				id, title, join_code, token_hash, remote_hash, version, slide_index,
				displayed, voters, max_voters, passcode, partition, account_id, talk_id)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
			p.ID, p.Title, p.JoinCode, p.TokenHash[:], remoteHash(
				p.Tokens), p.Slide.Version, p.Slide.Index, p.Slide.Displayed,
			p.Voters, p.MaxVoters, p.Passcode, p.Partition, accountID(p.Tokens),
			linked(p.TalkID))
		if err != nil {
			return err
		}
		if err := insertPolls(ctx, tx, p.ID, p.Polls); err != nil {
			return err
		}
		states := make([]poll.PollState, len(p.Polls))
		for i := range p.Polls {
			states[i] = poll.PollState{PollID: p.Polls[i].ID, State: p.State(i)}
		}
		return insertStates(ctx, tx, p.ID, states)
	})
}

// Presentation implements poll.Store. One statement is one snapshot.
func (s *Store) Presentation(ctx context.Context, id uuid.UUID) (poll.Presentation,
	[]poll.State, error) {
	var rows []struct {
		Title    string `db:"title"`
		JoinCode string `db:"join_code"`
		accessRow
		slideRow
		pollRow
		stateRow
	}
	err := s.db.Read(ctx, "presentation", func(q postgres.Queryer) error {
		err := q.SelectContext(ctx, &rows, `
			SELECT p.title, p.join_code, `+accessColumns+`, `+slideColumns+`, `+pollColumns+`, `+stateColumns+`
			FROM presentations p
			JOIN polls q ON q.presentation_id = p.id
			JOIN poll_states s ON s.poll_id = q.id
			WHERE p.id = $1
			ORDER BY q.position`, id)
		if err == nil && len(rows) == 0 { // no presentation is without polls
			err = sql.ErrNoRows
		}
		return noPresentation(err)
	})
	if err != nil {
		return poll.Presentation{}, nil, err
	}
	p := poll.Presentation{
		ID: id, Title: rows[0].Title, JoinCode: rows[0].JoinCode, Tokens: rows[0].access(),
		Admission: rows[0].admission(),
		Edits:     rows[0].Edits, Slide: rows[0].slide(), Partition: rows[0].partitionOf(id),
		TalkID: rows[0].Talk.UUID,
	}
	states := make([]poll.State, len(rows))
	for i := range rows {
		p.Polls = append(p.Polls, rows[i].poll())
		states[i] = rows[i].state()
	}
	return p, states, nil
}

// Join implements poll.Store.
func (s *Store) Join(ctx context.Context, code string) (uuid.UUID, string, error) {
	var row struct {
		ID    uuid.UUID `db:"id"`
		Title string    `db:"title"`
	}
	err := s.db.Read(ctx, "join", func(q postgres.Queryer) error {
		return noPresentation(q.GetContext(ctx, &row,
			`SELECT id, title FROM presentations WHERE join_code = $1`, code))
	})
	if err != nil {
		return uuid.Nil, "", err
	}
	return row.ID, row.Title, nil
}

// Display implements poll.Store.
func (s *Store) Display(ctx context.Context, id uuid.UUID) (poll.Display, error) {
	var row struct {
		accessRow
		JoinCode string `db:"join_code"`
		Unnoted  bool   `db:"unnoted"`
		Polls    int    `db:"polls"` // of a presentation that names a talk
		slideRow
		pollRow
	}
	err := s.db.Read(ctx, "display", func(q postgres.Queryer) error {
		return noPresentation(q.GetContext(ctx, &row, `
			SELECT `+accessColumns+`, p.join_code, `+unnoted+` AS unnoted,
				CASE WHEN p.talk_id IS NULL THEN 0 ELSE (
					SELECT count(*) FROM polls o WHERE o.presentation_id = p.id) END AS polls,
				`+slideColumns+`, `+pollColumns+`
			FROM presentations p
			LEFT JOIN polls q ON q.presentation_id = p.id AND q.position = p.slide_index
				AND (p.displayed OR p.closed > 0 AND p.closed = p.version)
			WHERE p.id = $1`, id))
	})
	if err != nil {
		return poll.Display{}, err
	}
	if row.Unnoted {
		if err := s.use(ctx, id); err != nil {
			return poll.Display{}, err
		}
	}
	access := row.access()
	d := poll.Display{PresentationID: id, Admission: row.admission(), Edits: row.Edits,
		Slide: row.slide(), Partition: row.partitionOf(id), Tokens: &access,
		JoinCode: row.JoinCode, TalkID: row.toRate(row.slide(), row.Polls)}
	if d.Displayed {
		q := row.poll()
		d.Poll = &q
	}
	return d, nil
}
