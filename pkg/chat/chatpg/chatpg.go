// Package chatpg keeps applications, chats and messages in PostgreSQL.
package chatpg

import (
	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/chat"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/postgres"
)

// Store implements chat.Store.
type Store struct{ db *postgres.DB }

var _ chat.Store = (*Store)(nil)

// New makes the store that is kept by an engine.
func New(db *postgres.DB) *Store { return &Store{db} }

// missing says what is not there.
func missing(what string, err error) error {
	if postgres.Missing(err) {
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
func optional(id uuid.UUID) uuid.NullUUID {
	return uuid.NullUUID{UUID: id, Valid: id != uuid.Nil}
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

// chatRow is also what chats_claim_1 gives of a chat, in which there is less.
type chatRow struct {
	ID        uuid.UUID `db:"id"`
	App       uuid.UUID `db:"app_id" json:"app_id"`
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

const messageColumns = `chat_id, number, id, person, author, body, at, edits, edited_at, state,
	question, pinned, answered, votes, changed`

// messageRow is also what chats_claim_1 gives of a message, with its place.
type messageRow struct {
	Chat     uuid.UUID  `db:"chat_id" json:"chat_id"`
	Number   int64      `db:"number"`
	ID       uuid.UUID  `db:"id"`
	Person   uuid.UUID  `db:"person"`
	Author   string     `db:"author"`
	Body     string     `db:"body"`
	At       int64      `db:"at"`
	Edits    int        `db:"edits"`
	EditedAt int64      `db:"edited_at" json:"edited_at"`
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

// The parameters that are arrays.
func idArray(ids []uuid.UUID) []byte {
	return idsOf(ids, func(id uuid.UUID) uuid.UUID { return id })
}

func idsOf[T any](all []T, of func(T) uuid.UUID) []byte {
	return postgres.UUIDArray(len(all), func(i int) uuid.UUID { return of(all[i]) })
}

func numbersOf[T any](all []T, of func(T) int64) []byte {
	return postgres.Int64Array(len(all), func(i int) int64 { return of(all[i]) })
}

func textsOf[T any](all []T, of func(T) string) []byte {
	return postgres.TextArray(len(all), func(i int) string { return of(all[i]) })
}

// flag is how a truth travels in an array of numbers.
func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
