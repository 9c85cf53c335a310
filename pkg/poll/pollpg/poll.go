package pollpg

import (
	"context"
	"database/sql"
	"errors"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/postgres"
	"github.com/plenary-live/plenary/pkg/question"
)

const pollColumns = `q.id AS q_id, q.presentation_id AS q_presentation_id, q.position, q.question, q.kind, q.max_choices,
	q.option_keys, q.option_values, q.visibility, q.banned, q.identity, q.mended`

// pollRow is a poll; all of it is null where a join found none.
type pollRow struct {
	ID             uuid.NullUUID  `db:"q_id"`
	PresentationID uuid.NullUUID  `db:"q_presentation_id"`
	Position       sql.NullInt64  `db:"position"`
	Question       sql.NullString `db:"question"`
	Kind           sql.NullString `db:"kind"`
	MaxChoices     sql.NullInt64  `db:"max_choices"`
	OptionKeys     postgres.Texts `db:"option_keys"`
	OptionValues   postgres.Texts `db:"option_values"`
	Visibility     sql.NullString `db:"visibility"`
	Banned         postgres.Texts `db:"banned"`
	Identity       sql.NullString `db:"identity"`
	Mended         sql.NullInt64  `db:"mended"`
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
	if err := tx.GetContext(ctx, &row, `SELECT `+pollColumns+` FROM polls q WHERE q.id = $1`,
		id); err != nil {
		return nil, err
	}
	q := row.poll()
	return &q, nil
}

// pollArrays gives the columns of polls for unnest. Arrays of different lengths make no array of
// arrays: each poll's lists travel as the text of one.
func pollArrays(polls []poll.Poll) ([]any, error) {
	n := len(polls)
	keys, values, banned := make([]string, n), make([]string, n), make([]string, n)
	for i := range polls {
		k, v := make(postgres.Texts, len(polls[i].Options)), make(postgres.Texts,
			len(polls[i].Options))
		for j, o := range polls[i].Options {
			k[j], v[j] = o.Key, o.Value
		}
		var err error
		if keys[i], err = postgres.TextOf(k); err != nil {
			return nil, err
		}
		if values[i], err = postgres.TextOf(v); err != nil {
			return nil, err
		}
		if banned[i], err = postgres.TextOf(append(postgres.Texts{},
			polls[i].Banned...)); err != nil {
			return nil, err
		}
	}
	return []any{
		postgres.UUIDArray(n, func(i int) uuid.UUID { return polls[i].ID }),
		postgres.Int64Array(n, func(i int) int64 { return int64(polls[i].Index) }),
		postgres.TextArray(n, func(i int) string { return polls[i].Text }),
		postgres.TextArray(n, func(i int) string { return string(polls[i].Kind) }),
		postgres.Int64Array(n, func(i int) int64 { return int64(polls[i].MaxChoices) }),
		postgres.TextArray(n, func(i int) string { return keys[i] }),
		postgres.TextArray(n, func(i int) string { return values[i] }),
		postgres.TextArray(n, func(i int) string { return string(polls[i].Visibility) }),
		postgres.TextArray(n, func(i int) string { return banned[i] }),
		postgres.TextArray(n, func(i int) string { return string(polls[i].Identity) }),
	}, nil
}

const unnestPolls = `unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[])
	AS u (id, position, question, kind, max_choices, keys, vals, visibility, banned, identity)`

// insertPolls writes the polls in one statement, each at its index.
func insertPolls(ctx context.Context, tx *sqlx.Tx, presentationID uuid.UUID,
	polls []poll.Poll) error {
	args, err := pollArrays(polls)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO polls (id, presentation_id, position, question, kind, max_choices, option_keys, option_values, visibility, banned, identity)
		SELECT id, $11, position, question, kind, max_choices, keys::text[], vals::text[], visibility, banned::text[], identity
		FROM `+unnestPolls, append(args, presentationID)...)
	return err
}

// updatePoll writes what of a poll may be edited.
func updatePoll(ctx context.Context, tx *sqlx.Tx, q poll.Poll) error {
	args, err := pollArrays([]poll.Poll{q})
	if err != nil {
		return err
	}
	result, err := tx.ExecContext(ctx, `
		UPDATE polls q
		SET position = u.position, question = u.question, kind = u.kind, max_choices = u.max_choices,
			option_keys = u.keys::text[], option_values = u.vals::text[], visibility = u.visibility, banned = u.banned::text[], mended = $11
		FROM `+unnestPolls+` WHERE q.id = u.id`, append(args, q.Mended)...)
	return postgres.Exactly(1, "polls", result, err)
}

// updateIdentity writes how the voters of a poll are told apart.
func updateIdentity(ctx context.Context, tx *sqlx.Tx, q *poll.Poll) error {
	result, err := tx.ExecContext(ctx, `UPDATE polls SET identity = $2 WHERE id = $1`,
		q.ID, q.Identity)
	return postgres.Exactly(1, "polls", result, err)
}

// movePolls writes the polls' indexes, in two steps: on the way no two may have the same one.
func movePolls(ctx context.Context, tx *sqlx.Tx, presentationID uuid.UUID,
	polls []poll.Poll) error {
	_, err := tx.ExecContext(ctx,
		`UPDATE polls SET position = -1 - position WHERE presentation_id = $1`, presentationID)
	if err != nil {
		return err
	}
	n := len(polls)
	result, err := tx.ExecContext(ctx, `
		UPDATE polls q SET position = u.position FROM unnest($1::uuid[], $2::bigint[]) AS u (id, position) WHERE q.id = u.id`,
		postgres.UUIDArray(n, func(i int) uuid.UUID { return polls[i].ID }),
		postgres.Int64Array(n, func(i int) int64 { return int64(polls[i].Index) }))
	return postgres.Exactly(n, "polls", result, err)
}

// Results implements poll.Store.
func (s *Store) Results(ctx context.Context, presentationID, pollID uuid.UUID) (r poll.Results,
	err error) {
	err = s.db.Read(ctx, "results", func(q postgres.Queryer) error {
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
func results(ctx context.Context, q postgres.Queryer, presentationID, pollID uuid.UUID,
	read int) (poll.Results, error) {
	var row struct {
		pollRow
		stateRow
		wordsRow
	}
	err := q.GetContext(ctx, &row, `
		SELECT `+pollColumns+`, `+stateColumns+`, shown.*, `+total+`
		FROM polls q JOIN poll_states s ON s.poll_id = q.id, `+shownWords+`
		WHERE q.id = $1 AND q.presentation_id = $2`, pollID, presentationID, read)
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
