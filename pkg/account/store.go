package account

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Store keeps accounts. It is safe for use by many goroutines, and by many processes where the
// adapter says so.
//
// A nil error is a promise: what was written is committed and survives a crash; what was read is
// committed. An error of the kind Unavailable means that the outcome of a write is unknown. Every
// method gives up, with Unavailable, when ctx ends.
type Store interface {
	// Create writes a new account. EmailTaken, and Conflict where the identity is another's.
	Create(ctx context.Context, a Account) error

	// Account reads an account by its id. NotFound.
	Account(ctx context.Context, id uuid.UUID) (Account, error)

	// ByEmail finds an account by its e-mail address, as CleanEmail gives it. NotFound.
	ByEmail(ctx context.Context, email string) (Account, error)

	// ByIdentity finds an account by who its person is at a provider. NotFound.
	ByIdentity(ctx context.Context, i Identity) (Account, error)

	// Epochs reads the epochs of accounts alone, in one statement. An account that is not there is
	// missing.
	Epochs(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]int64, error)

	// Rename gives an account another name and e-mail address. An e-mail address that is another
	// one ends its reset, since the link went to the old one, and nobody has proven it yet.
	// EmailTaken, NotFound.
	Rename(ctx context.Context, id uuid.UUID, username, email string) error

	// SetPassword puts a password's hash in the place of old, raises the epoch, which it gives, and
	// ends the account's reset, in one transaction. Stale: the hash is not old any more. NotFound.
	SetPassword(ctx context.Context, id uuid.UUID, old, hash string) (epoch int64, err error)

	// Link gives the account with an e-mail address an identity, as Account.Linked says, and gives
	// the account as it is then. A higher epoch ends its reset. All of it is one transaction.
	// NotFound: no account has the address. Conflict: the identity is another account's.
	Link(ctx context.Context, email string, i Identity) (Account, error)

	// Raise raises the epoch. NotFound.
	Raise(ctx context.Context, id uuid.UUID) error

	// Delete removes an account with everything of it. Links to its id lead nowhere from then on.
	// NotFound.
	Delete(ctx context.Context, id uuid.UUID) error

	// SetReset lets the password be set anew with a token that has this SHA-256, once, for as long
	// as life by the database's clock. It takes the place of an earlier one. NotFound.
	SetReset(ctx context.Context, id uuid.UUID, token [32]byte, life time.Duration) error

	// Reset uses a reset: it sets the password's hash, raises the epoch, and gives the account, in
	// one transaction. The address is proven from then on. If it was not before, an identity goes:
	// nobody knows whose it was. Of many at once with one token, one does. BadReset.
	Reset(ctx context.Context, token [32]byte, hash string) (uuid.UUID, error)
}
