package feedlite

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/feed"
	"github.com/plenary-live/plenary/pkg/sqlite"
)

// looked is at how many places or answers a call looks.
const looked = 10_000

// unseen is what is so of a poll that an account has not answered and that its answers are kept of.
const unseen = `t.poll_id >= (SELECT from_id FROM feed_kept) AND NOT EXISTS (
	SELECT 1 FROM feed_answers a WHERE a.account_id = ?1 AND a.poll_id = t.poll_id)`

// The ways to find polls are the places of a tag, those with a text that is too short for the
// index, and the index. CROSS JOIN says which table leads.
const (
	placed = `SELECT t.poll_id FROM (
			SELECT poll_id, until FROM feed_tags
			WHERE tag = ?2 AND poll_id < ?3 ORDER BY poll_id DESC LIMIT ?6) t`
	selectPlaced = placed + `
		WHERE t.until > ?4 AND ` + unseen + ` ORDER BY t.poll_id DESC LIMIT ?5`
	selectShort = placed + ` CROSS JOIN feed_polls p ON p.id = t.poll_id
		WHERE t.until > ?4 AND instr(p.words, ?7) > 0 AND ` + unseen + `
		ORDER BY t.poll_id DESC LIMIT ?5`
	selectFound = `SELECT t.poll_id FROM feed_words f CROSS JOIN feed_polls p ON p.place = f.rowid
		CROSS JOIN feed_tags t ON t.tag = ?2 AND t.poll_id = p.id
		WHERE f.feed_words MATCH ?6 AND instr(p.words, ?7) > 0 AND t.poll_id < ?3
			AND t.until > ?4 AND ` + unseen + `
		ORDER BY t.poll_id DESC LIMIT ?5`
	selectPlace = `SELECT poll_id FROM feed_tags
		WHERE tag = ?1 AND poll_id < ?2 ORDER BY poll_id DESC LIMIT 1 OFFSET ?3`
)

// Unseen implements feed.Store. What the index finds is looked at as a whole.
func (s *Store) Unseen(
	ctx context.Context, l feed.Look,
) (ids []uuid.UUID, rest uuid.UUID, err error) {
	before := fromNewest(l.Before)
	args := []any{l.Account[:], l.Tag, before[:], l.Now.UnixMilli(), l.Limit, looked}
	query, whole := selectPlaced, false
	switch {
	case l.Search == "":
	case utf8.RuneCountInString(l.Search) < 3:
		query, args = selectShort, append(args, l.Search)
	default:
		query, whole = selectFound, true
		args[5] = `"` + strings.ReplaceAll(l.Search, `"`, `""`) + `"`
		args = append(args, l.Search)
	}
	err = s.db.Read(ctx, "unseen", func(q sqlite.Queryer) error {
		err := q.SelectContext(ctx, &ids, query, args...)
		if err != nil || whole || len(ids) == l.Limit {
			return err
		}
		rest, err = following(ctx, q, selectPlace, l.Tag, before[:], looked-1)
		return err
	})
	if len(ids) == l.Limit {
		rest = ids[l.Limit-1]
	}
	return ids, rest, err
}

// following gives the id where a look ended that had a bound, or Nil if it met none.
func following(
	ctx context.Context, q sqlite.Queryer, query string, args ...any,
) (id uuid.UUID, err error) {
	if err = q.GetContext(ctx, &id, query, args...); errors.Is(err, sql.ErrNoRows) {
		return uuid.Nil, nil
	}
	return id, err
}

// Popular implements feed.Store.
func (s *Store) Popular(ctx context.Context, newest, limit int) ([]feed.TagCount, error) {
	var rows []struct {
		Tag   string `db:"tag"`
		Polls int    `db:"polls"`
	}
	err := s.db.Read(ctx, "popular_tags", func(q sqlite.Queryer) error {
		return q.SelectContext(ctx, &rows, `
			SELECT u.value AS tag, count(*) AS polls FROM (
				SELECT poll_id FROM feed_tags WHERE tag = '' ORDER BY poll_id DESC LIMIT ?1) n
			CROSS JOIN feed_polls p ON p.id = n.poll_id CROSS JOIN json_each(p.tags) u
			GROUP BY u.value ORDER BY polls DESC, u.value LIMIT ?2`, newest, limit)
	})
	tags := make([]feed.TagCount, len(rows))
	for i, r := range rows {
		tags[i] = feed.TagCount(r)
	}
	return tags, err
}

type answerRow struct {
	PollID uuid.UUID `db:"poll_id"`
	Option int       `db:"option"`
	At     int64     `db:"at"`
}

func (r answerRow) answer(account uuid.UUID) feed.Answer {
	return feed.Answer{
		Key: feed.Key{Account: account, PollID: r.PollID}, Option: r.Option, At: r.At,
	}
}

// Answers implements feed.Store.
func (s *Store) Answers(
	ctx context.Context, account uuid.UUID, polls []uuid.UUID,
) (map[uuid.UUID]feed.Answer, error) {
	arg, err := hexed(polls)
	if err != nil {
		return nil, err
	}
	var rows []answerRow
	err = s.db.Read(ctx, "answers_of", func(q sqlite.Queryer) error {
		return q.SelectContext(ctx, &rows, `SELECT a.poll_id, a.option, a.at
			FROM json_each(?2) u CROSS JOIN feed_answers a
				ON a.account_id = ?1 AND a.poll_id = unhex(u.value->>0)`, account[:], arg)
	})
	answers := make(map[uuid.UUID]feed.Answer, len(rows))
	for _, r := range rows {
		answers[r.PollID] = r.answer(account)
	}
	return answers, err
}

// Voted implements feed.Store. Of votes on polls that were deleted it tells nothing.
func (s *Store) Voted(
	ctx context.Context, account, before uuid.UUID, limit int,
) (votes []feed.Answer, rest uuid.UUID, err error) {
	before = fromNewest(before)
	var rows []answerRow
	err = s.db.Read(ctx, "voted", func(q sqlite.Queryer) error {
		err := q.SelectContext(ctx, &rows, `
			SELECT a.poll_id, a.option, a.at FROM (
				SELECT poll_id, option, at FROM feed_answers
				WHERE account_id = ?1 AND poll_id < ?2 ORDER BY poll_id DESC LIMIT ?4) a
			WHERE a.option >= 0 AND EXISTS (SELECT 1 FROM feed_polls p WHERE p.id = a.poll_id)
			ORDER BY a.poll_id DESC LIMIT ?3`, account[:], before[:], limit, looked)
		if err != nil || len(rows) == limit {
			return err
		}
		rest, err = following(ctx, q, `
			SELECT poll_id FROM feed_answers WHERE account_id = ?1 AND poll_id < ?2
			ORDER BY poll_id DESC LIMIT 1 OFFSET ?3`, account[:], before[:], looked-1)
		return err
	})
	for _, r := range rows {
		votes = append(votes, r.answer(account))
	}
	if len(rows) == limit {
		rest = rows[limit-1].PollID
	}
	return votes, rest, err
}

// History implements feed.Store.
func (s *Store) History(ctx context.Context, id uuid.UUID, limit int) (all []feed.Hour, err error) {
	err = s.db.Read(ctx, "poll_history", func(q sqlite.Queryer) error {
		return q.SelectContext(ctx, &all, `SELECT at, votes FROM feed_hours
			WHERE poll_id = ?1 AND votes <> 0 ORDER BY at DESC LIMIT ?2`, id[:], limit)
	})
	slices.Reverse(all)
	return all, err
}
