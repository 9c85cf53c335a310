package feedpg

import (
	"context"
	"slices"
	"strings"
	"unicode"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/feed"
	"github.com/plenary-live/plenary/pkg/postgres"
)

// found is what a function of the schema finds.
type found struct {
	IDs  postgres.UUIDs `db:"ids"`
	Rest uuid.NullUUID  `db:"rest"`
}

// Unseen implements feed.Store. The functions of the schema say what they read
// (0015_feeds.up.sql of migrations/postgres).
func (s *Store) Unseen(
	ctx context.Context, l feed.Look,
) (ids []uuid.UUID, rest uuid.UUID, err error) {
	pattern, before := "", fromNewest(l.Before)
	if l.Search != "" {
		pattern = "%" + escaped.Replace(l.Search) + "%"
	}
	look := func(call, query string, limit int) error {
		var f found
		err := s.reads.Read(ctx, call, func(q postgres.Queryer) error {
			return q.GetContext(ctx, &f, query,
				l.Account, l.Tag, before, l.Now.UnixMilli(), limit, pattern)
		})
		ids, rest = append(ids, f.IDs...), f.Rest.UUID
		return err
	}
	err = look("unseen", `SELECT * FROM feeds_unseen_1($1, $2, $3, $4, $5, $6)`, l.Limit)
	missing := l.Limit - len(ids)
	if err != nil || missing == 0 || rest == uuid.Nil || pattern == "" || !hasTrigram(l.Search) {
		return ids, rest, err
	}
	before = rest
	return ids, rest, look("found", `SELECT * FROM feeds_found_1($1, $2, $3, $4, $5, $6)`, missing)
}

// escaped takes a text for what it is in a pattern.
var escaped = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// hasTrigram says whether the index knows a text: it has three letters or digits in a row. Of
// others than those of ASCII the index may know nothing, which depends on the database's locale.
func hasTrigram(text string) bool {
	row := 0
	for _, r := range text {
		if row++; r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			row = 0
		}
		if row == 3 {
			return true
		}
	}
	return false
}

// Popular implements feed.Store.
func (s *Store) Popular(ctx context.Context, newest, limit int) ([]feed.TagCount, error) {
	var rows []struct {
		Tag   string `db:"tag"`
		Polls int    `db:"polls"`
	}
	err := s.db.Read(ctx, "popular_tags", func(q postgres.Queryer) error {
		return q.SelectContext(ctx, &rows, `
			SELECT u.tag, count(*) AS polls FROM (
				SELECT poll_id FROM feed_tags WHERE tag = '' ORDER BY poll_id DESC LIMIT $1) n
			JOIN feed_polls p ON p.id = n.poll_id CROSS JOIN unnest(p.tags) AS u (tag)
			GROUP BY u.tag ORDER BY polls DESC, u.tag COLLATE "C" LIMIT $2`, newest, limit)
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
	var rows []answerRow
	err := s.db.Read(ctx, "answers_of", func(q postgres.Queryer) error {
		return q.SelectContext(ctx, &rows, `SELECT poll_id, option, at FROM feed_answers
			WHERE account_id = $1 AND poll_id = ANY($2::uuid[])`, account, idArray(polls))
	})
	answers := make(map[uuid.UUID]feed.Answer, len(rows))
	for _, r := range rows {
		answers[r.PollID] = r.answer(account)
	}
	return answers, err
}

// looked is at how many answers Voted looks.
const looked = 10_000

// Voted implements feed.Store. Of votes on polls that were deleted it tells nothing.
func (s *Store) Voted(
	ctx context.Context, account, before uuid.UUID, limit int,
) (votes []feed.Answer, rest uuid.UUID, err error) {
	var rows []answerRow
	var last uuid.NullUUID
	err = s.db.Read(ctx, "voted", func(q postgres.Queryer) error {
		err := q.SelectContext(ctx, &rows, `
			SELECT a.poll_id, a.option, a.at FROM (
				SELECT poll_id, option, at FROM feed_answers
				WHERE account_id = $1 AND poll_id < $2 ORDER BY poll_id DESC LIMIT $4) a
			WHERE a.option >= 0 AND EXISTS (SELECT FROM feed_polls p WHERE p.id = a.poll_id)
			ORDER BY a.poll_id DESC LIMIT $3`, account, fromNewest(before), limit, looked)
		if err != nil || len(rows) == limit {
			return err
		}
		return q.GetContext(ctx, &last, `
			SELECT (SELECT poll_id FROM feed_answers WHERE account_id = $1 AND poll_id < $2
				ORDER BY poll_id DESC OFFSET $3 LIMIT 1)`, account, fromNewest(before), looked-1)
	})
	for _, r := range rows {
		votes = append(votes, r.answer(account))
	}
	if rest = last.UUID; len(rows) == limit {
		rest = rows[limit-1].PollID
	}
	return votes, rest, err
}

// History implements feed.Store.
func (s *Store) History(ctx context.Context, id uuid.UUID, limit int) (all []feed.Hour, err error) {
	err = s.db.Read(ctx, "poll_history", func(q postgres.Queryer) error {
		all, err = hours(ctx, q, id, limit)
		return err
	})
	return all, err
}

// hours reads the newest hours of a poll that have votes, in order.
func hours(
	ctx context.Context, q postgres.Queryer, id uuid.UUID, limit int,
) (all []feed.Hour, err error) {
	err = q.SelectContext(ctx, &all, `SELECT at, votes FROM feed_hours
		WHERE poll_id = $1 AND votes <> 0 ORDER BY at DESC LIMIT $2`, id, limit)
	slices.Reverse(all)
	return all, err
}
