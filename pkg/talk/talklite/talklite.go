// Package talklite keeps talks, ratings and tallies in an SQLite file.
package talklite

import (
	"database/sql"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/sqlite"
	"github.com/plenary-live/plenary/pkg/talk"
)

// Store implements talk.Store.
type Store struct{ db *sqlite.DB }

var _ talk.Store = (*Store)(nil)

// New makes the store that is kept by an engine.
func New(db *sqlite.DB) *Store { return &Store{db} }

func noTalk(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return fault.Errorf(fault.NotFound, "there is no such talk")
	}
	return err
}

const (
	talkColumns = `id, code, token_hash, partition, title, speaker, starts_at, ends_at, opens_at,
		closes_at, min_ratings, comments, voters, edits, ` + tallyColumns + `, revision, weak,
		nameless, account_id, importer, source`
	tallyColumns = `ones, twos, threes, fours, fives`
	// never is when a talk starts that does not say so, in the programme's order.
	never = `9223372036854775807`
)

type tallyRow struct {
	Ones   int64 `db:"ones"`
	Twos   int64 `db:"twos"`
	Threes int64 `db:"threes"`
	Fours  int64 `db:"fours"`
	Fives  int64 `db:"fives"`
}

func (r tallyRow) tally() talk.Tally {
	return talk.Tally{r.Ones, r.Twos, r.Threes, r.Fours, r.Fives}
}

type talkRow struct {
	ID         uuid.UUID     `db:"id"`
	Code       string        `db:"code"`
	TokenHash  []byte        `db:"token_hash"`
	Partition  int           `db:"partition"`
	Title      string        `db:"title"`
	Speaker    string        `db:"speaker"`
	StartsAt   *int64        `db:"starts_at"`
	EndsAt     *int64        `db:"ends_at"`
	OpensAt    *int64        `db:"opens_at"`
	ClosesAt   *int64        `db:"closes_at"`
	MinRatings int           `db:"min_ratings"`
	Comments   talk.Comments `db:"comments"`
	Voters     access.Voters `db:"voters"`
	Edits      int64         `db:"edits"`
	tallyRow
	Revision int64         `db:"revision"`
	Weak     bool          `db:"weak"`
	Nameless bool          `db:"nameless"`
	Account  uuid.NullUUID `db:"account_id"`
	Importer []byte        `db:"importer"` // nil: it was not imported
	Source   *string       `db:"source"`
}

func (r *talkRow) talk() talk.Talk {
	t := talk.Talk{
		ID: r.ID, Code: r.Code, Partition: r.Partition, Title: r.Title, Speaker: r.Speaker,
		StartsAt: at(r.StartsAt), EndsAt: at(r.EndsAt),
		Settings: talk.Settings{
			OpensAt: at(r.OpensAt), ClosesAt: at(r.ClosesAt), MinRatings: r.MinRatings,
			Comments: r.Comments, Voters: r.Voters,
		},
		Edits: r.Edits, Tally: r.tally(), Revision: r.Revision, Weak: r.Weak,
		Nameless: r.Nameless, Account: r.Account.UUID,
	}
	copy(t.TokenHash[:], r.TokenHash)
	copy(t.Importer[:], r.Importer)
	if r.Source != nil {
		t.Source = *r.Source
	}
	return t
}

// at gives a time that is kept as milliseconds.
func at(millis *int64) time.Time {
	if millis == nil {
		return time.Time{}
	}
	return time.UnixMilli(*millis).UTC()
}

// millis is what is kept of a time.
func millis(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	return new(t.UnixMilli())
}

// accountID is what is kept of whose a talk is.
func accountID(account uuid.UUID) []byte {
	if account == uuid.Nil {
		return nil
	}
	return account[:]
}

// importer is what is kept of who imported a talk.
func importer(hash [32]byte) []byte {
	if hash == [32]byte{} {
		return nil
	}
	return hash[:]
}

// source is what is kept of what a file calls a talk.
func source(t *talk.Talk) *string {
	if t.Source == "" {
		return nil
	}
	return &t.Source
}
