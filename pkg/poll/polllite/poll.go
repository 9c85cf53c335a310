package polllite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
	"github.com/plenary-live/plenary/pkg/sqlite"
)

const pollColumns = `q.id AS q_id, q.presentation_id AS q_presentation_id, q.position, q.question, q.kind, q.max_choices,
	q.option_keys, q.option_values, q.visibility, q.banned, q.identity, q.mended`

// pollRow is a poll; all of it is null where a join found none.
type pollRow struct {
	ID             uuid.NullUUID       `db:"q_id"`
	PresentationID uuid.NullUUID       `db:"q_presentation_id"`
	Position       sql.NullInt64       `db:"position"`
	Question       sql.NullString      `db:"question"`
	Kind           sql.NullString      `db:"kind"`
	MaxChoices     sql.NullInt64       `db:"max_choices"`
	OptionKeys     sqlite.List[string] `db:"option_keys"`
	OptionValues   sqlite.List[string] `db:"option_values"`
	Visibility     sql.NullString      `db:"visibility"`
	Banned         sqlite.List[string] `db:"banned"`
	Identity       sql.NullString      `db:"identity"`
	Mended         sql.NullInt64       `db:"mended"`
}

func (r *pollRow) poll() poll.Poll {
	q := poll.Poll{
		ID: r.ID.UUID, PresentationID: r.PresentationID.UUID, Index: int(
			r.Position.Int64), Question: question.Question{Text: r.Question.String,
			Kind: question.Kind(r.Kind.String), MaxChoices: int(r.MaxChoices.Int64), Options: make(
				[]question.Option, len(r.OptionKeys))},
		Visibility: poll.Visibility(r.Visibility.String),
		Identity:   access.Identity(r.Identity.String),
		Mended:     int(r.Mended.Int64),
	}
	if len(r.Banned) > 0 {
		q.Banned = r.Banned
	}
	for i := range q.Options {
		q.Options[i] = question.Option{Key: r.OptionKeys[i], Value: r.OptionValues[i]}
	}
	return q
}

func readPoll(ctx context.Context, tx *sqlx.Tx, id uuid.UUID) (*poll.Poll, error) {
	var row pollRow
	if err := tx.GetContext(ctx, &row, `SELECT `+pollColumns+` FROM polls q WHERE q.id = ?`,
		id[:]); err != nil {
		return nil, err
	}
	q := row.poll()
	return &q, nil
}

// pollRows makes the JSON of polls. A poll is an object there and not a row of values: its lists
// must come out as the JSON that they are.
func pollRows(polls []poll.Poll) (string, error) {
	type object struct {
		ID         string   `json:"id"`
		Position   int      `json:"position"`
		Question   string   `json:"question"`
		Kind       string   `json:"kind"`
		MaxChoices int      `json:"max_choices"`
		Keys       []string `json:"keys"`
		Values     []string `json:"values"`
		Visibility string   `json:"visibility"`
		Banned     []string `json:"banned"`
		Identity   string   `json:"identity"`
		Mended     int      `json:"mended"`
	}
	all := make([]object, len(polls))
	for i, q := range polls {
		o := object{
			ID: sqlite.Hex(q.ID), Position: q.Index, Question: q.Text, Kind: string(
				q.Kind), MaxChoices: q.MaxChoices,
			Keys: []string{}, Values: []string{}, Visibility: string(q.Visibility),
			Banned:   append([]string{}, q.Banned...),
			Identity: string(q.Identity), Mended: q.Mended,
		}
		for _, option := range q.Options {
			o.Keys, o.Values = append(o.Keys, option.Key), append(o.Values, option.Value)
		}
		all[i] = o
	}
	b, err := json.Marshal(all)
	return string(b), err
}

// insertPolls writes the polls in one statement, each at its index.
func insertPolls(ctx context.Context, tx *sqlx.Tx, presentationID uuid.UUID,
	polls []poll.Poll) error {
	arg, err := pollRows(polls)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO polls (id, presentation_id, position, question, kind, max_choices, option_keys, option_values, visibility, banned, identity)
		SELECT unhex(value->>'id'), ?, value->>'position', value->>'question', value->>'kind', value->>'max_choices',
			value->'keys', value->'values', value->>'visibility', value->'banned', value->>'identity'
		FROM json_each(?)`, presentationID[:], arg)
	return err
}

// updatePoll writes what of a poll may be edited.
func updatePoll(ctx context.Context, tx *sqlx.Tx, q poll.Poll) error {
	arg, err := pollRows([]poll.Poll{q})
	if err != nil {
		return err
	}
	result, err := tx.ExecContext(ctx, `
		UPDATE polls
		SET position = value->>'position', question = value->>'question', kind = value->>'kind', max_choices = value->>'max_choices',
			option_keys = value->'keys', option_values = value->'values', visibility = value->>'visibility', banned = value->'banned',
			mended = value->>'mended'
		FROM json_each(?) WHERE polls.id = unhex(value->>'id')`, arg)
	return sqlite.Exactly(1, "polls", result, err)
}

// updateIdentity writes how the voters of a poll are told apart.
func updateIdentity(ctx context.Context, tx *sqlx.Tx, q *poll.Poll) error {
	result, err := tx.ExecContext(ctx, `UPDATE polls SET identity = ? WHERE id = ?`,
		q.Identity, q.ID[:])
	return sqlite.Exactly(1, "polls", result, err)
}

// movePolls writes the polls' indexes, in two steps: on the way no two may have the same one.
func movePolls(ctx context.Context, tx *sqlx.Tx, presentationID uuid.UUID,
	polls []poll.Poll) error {
	_, err := tx.ExecContext(ctx,
		`UPDATE polls SET position = -1 - position WHERE presentation_id = ?`, presentationID[:])
	if err != nil {
		return err
	}
	arg, err := sqlite.Rows(len(polls),
		func(i int) []any { return []any{sqlite.Hex(polls[i].ID), polls[i].Index} })
	if err != nil {
		return err
	}
	result, err := tx.ExecContext(ctx, `
		UPDATE polls SET position = value->>1 FROM json_each(?) WHERE polls.id = unhex(value->>0)`, arg)
	return sqlite.Exactly(len(polls), "polls", result, err)
}

// Results implements poll.Store.
func (s *Store) Results(ctx context.Context, presentationID, pollID uuid.UUID) (r poll.Results,
	err error) {
	err = s.db.Read(ctx, "results", func(q sqlite.Queryer) error {
		for read := poll.MaxWords; ; read *= 10 {
			r, err = results(ctx, q, presentationID, pollID, read)
			if err != nil || r.Sift(read) {
				return err
			}
		}
	})
	if err != nil {
		return poll.Results{}, err
	}
	return r, nil
}

// results reads everything in one statement, with the first words of the poll, read of them.
func results(ctx context.Context, q sqlite.Queryer, presentationID, pollID uuid.UUID,
	read int) (poll.Results, error) {
	var row struct {
		pollRow
		stateRow
		wordsRow
	}
	err := q.GetContext(ctx, &row, `
		SELECT `+pollColumns+`, `+stateColumns+`, `+shownWords+`, `+total+`
		FROM polls q JOIN poll_states s ON s.poll_id = q.id
		WHERE q.id = ?1 AND q.presentation_id = ?2`, pollID[:], presentationID[:], read)
	if err != nil {
		return poll.Results{}, noPoll(err)
	}
	return poll.Results{Poll: row.poll(), State: row.state(), Words: row.words(),
		WordsTotal: row.WordsTotal}, nil
}

func noPoll(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return fault.Errorf(fault.NotFound, "the presentation has no such poll")
	}
	return err
}
