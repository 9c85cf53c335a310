// Package feedpg keeps the feed's polls, answers and tallies in PostgreSQL.
package feedpg

import (
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/feed"
	"github.com/plenary-live/plenary/pkg/postgres"
)

// Store implements feed.Store.
type Store struct {
	db    *postgres.DB
	reads postgres.Reader
}

var _ feed.Store = (*Store)(nil)

// New makes the store that is kept by an engine. Unseen reads from reads, which may be some time
// behind: it then finds a poll again, or does not find it yet.
func New(db *postgres.DB, reads postgres.Reader) *Store { return &Store{db, reads} }

func noPoll(err error) error {
	if postgres.Missing(err) {
		return fault.Errorf(fault.NotFound, "there is no such poll")
	}
	return err
}

// never is when a poll is over of which nobody has said when, in its places in the feed.
const never int64 = 1<<63 - 1

// pollColumns also say that a poll is closed whose answers are not kept.
const pollColumns = `id, author, title, options, tags, closes_at,
	closed OR id < (SELECT from_id FROM feed_kept) AS closed, results, votes, skips, revision`

type pollRow struct {
	ID       uuid.UUID       `db:"id"`
	Author   uuid.UUID       `db:"author"`
	Title    string          `db:"title"`
	Options  postgres.Texts  `db:"options"`
	Tags     postgres.Texts  `db:"tags"`
	ClosesAt *int64          `db:"closes_at"`
	Closed   bool            `db:"closed"`
	Results  feed.Results    `db:"results"`
	Votes    postgres.Int64s `db:"votes"`
	Skips    int64           `db:"skips"`
	Revision int64           `db:"revision"`
}

func (r *pollRow) poll() feed.Poll {
	p := feed.Poll{
		ID: r.ID, Author: r.Author, Title: r.Title, Options: r.Options, Tags: r.Tags,
		Closed: r.Closed, Results: r.Results, Revision: r.Revision,
		Tally: feed.Tally{Votes: r.Votes, Skips: r.Skips},
	}
	if r.ClosesAt != nil {
		p.ClosesAt = time.UnixMilli(*r.ClosesAt).UTC()
	}
	return p
}

// millis is what is kept of a time.
func millis(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	return new(t.UnixMilli())
}

func idArray(ids []uuid.UUID) []byte {
	return postgres.UUIDArray(len(ids), func(i int) uuid.UUID { return ids[i] })
}

// fromNewest gives what all ids are below where a list begins with the newest.
func fromNewest(before uuid.UUID) uuid.UUID {
	if before == uuid.Nil {
		return uuid.Max
	}
	return before
}
