// Package chatlite keeps applications, chats and messages in an SQLite file.
package chatlite

import (
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/chat"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/sqlite"
)

// Store implements chat.Store.
type Store struct{ db *sqlite.DB }

var _ chat.Store = (*Store)(nil)

// New makes the store that is kept by an engine.
func New(db *sqlite.DB) *Store { return &Store{db} }

// missing says what is not there.
func missing(what string, err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return fault.Errorf(fault.NotFound, "there is no such %s", what)
	}
	return err
}

const appColumns = `id, token_hash, epoch, partition, name, account_id, subject, reactions, chats`

type appRow struct {
	ID        uuid.UUID     `db:"id"`
	TokenHash []byte        `db:"token_hash"`
	Epoch     int64         `db:"epoch"`
	Partition int           `db:"partition"`
	Name      string        `db:"name"`
	Account   uuid.NullUUID `db:"account_id"`
	Subject   uuid.NullUUID `db:"subject"`
	Reactions bool          `db:"reactions"`
	Chats     int64         `db:"chats"`
}

func (r *appRow) app() chat.Application {
	a := chat.Application{
		ID: r.ID, Epoch: r.Epoch, Partition: r.Partition, Name: r.Name, Account: r.Account.UUID,
		Subject: r.Subject.UUID, Reactions: r.Reactions, Chats: r.Chats,
	}
	copy(a.TokenHash[:], r.TokenHash)
	return a
}

// optional is what is kept of an id that may be none.
func optional(id uuid.UUID) []byte {
	if id == uuid.Nil {
		return nil
	}
	return id[:]
}

// hashed is what is kept of a token.
func hashed(hash [32]byte) []byte {
	if hash == [32]byte{} {
		return nil
	}
	return hash[:]
}

const chatColumns = `id, app_id, number, kind, at, title, moderated, closed, last, messages, shown,
	revision`

type chatRow struct {
	ID        uuid.UUID `db:"id"`
	App       uuid.UUID `db:"app_id"`
	Number    int64     `db:"number"`
	Kind      chat.Kind `db:"kind"`
	At        int64     `db:"at"`
	Title     string    `db:"title"`
	Moderated bool      `db:"moderated"`
	Closed    bool      `db:"closed"`
	Last      int64     `db:"last"`
	Messages  int64     `db:"messages"`
	Shown     int64     `db:"shown"`
	Revision  int64     `db:"revision"`
}

func (r *chatRow) chat() chat.Chat {
	return chat.Chat{
		ID: r.ID, App: r.App, Number: r.Number, Kind: r.Kind, At: r.At, Revision: r.Revision,
		Settings: chat.Settings{Title: r.Title, Moderated: r.Moderated, Closed: r.Closed},
		Counts:   chat.Counts{Last: r.Last, Messages: r.Messages, Shown: r.Shown},
	}
}

const messageColumns = `m.chat_id, m.number, m.id, m.person, m.author, m.body, m.at, m.edits,
	m.edited_at, m.state, m.question, m.pinned, m.answered, m.votes, m.changed`

type messageRow struct {
	Chat     uuid.UUID  `db:"chat_id"`
	Number   int64      `db:"number"`
	ID       uuid.UUID  `db:"id"`
	Person   uuid.UUID  `db:"person"`
	Author   string     `db:"author"`
	Body     string     `db:"body"`
	At       int64      `db:"at"`
	Edits    int        `db:"edits"`
	EditedAt int64      `db:"edited_at"`
	State    chat.State `db:"state"`
	Question bool       `db:"question"`
	Pinned   bool       `db:"pinned"`
	Answered bool       `db:"answered"`
	Votes    int64      `db:"votes"`
	Changed  int64      `db:"changed"`
}

func messages(rows []messageRow) []chat.Message {
	all := make([]chat.Message, len(rows))
	for i, r := range rows {
		all[i] = chat.Message(r)
	}
	return all
}

// list is what is kept of one.
func list(all []int64) string {
	b, err := json.Marshal(all)
	if err != nil { // they are numbers
		panic(err)
	}
	return string(b)
}

// hexed is the parameter of ids that json_each takes apart.
func hexed(ids []uuid.UUID) (string, error) {
	return sqlite.Rows(len(ids), func(i int) []any { return []any{sqlite.Hex(ids[i])} })
}
