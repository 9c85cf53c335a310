package account

import (
	"context"
	"runtime"
	"time"

	"github.com/alexedwards/argon2id"
	"golang.org/x/sync/semaphore"

	"github.com/plenary-live/plenary/pkg/fault"
)

// params are what one hash costs: 19 MiB, and two passes over them. That is the least that OWASP's
// cheat sheet on password storage asks for.
var params = &argon2id.Params{
	Memory: 19 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32,
}

// hashPatience is how long somebody waits for a turn.
const hashPatience = time.Second

// hasher hashes passwords, as many at once as there are processors.
type hasher struct {
	turns *semaphore.Weighted
	dummy string // a hash that is no password's
}

func newHasher() (*hasher, error) {
	dummy, err := argon2id.CreateHash("nobody's password", params)
	return &hasher{semaphore.NewWeighted(int64(runtime.GOMAXPROCS(0))), dummy}, err
}

// hash gives the account's, which was read before.
func (a Account) hash() (string, error) { return a.Password, nil }

// turn takes a turn. Unavailable: there was none in time.
func (h *hasher) turn(ctx context.Context) (done func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, hashPatience)
	defer cancel()
	if err := h.turns.Acquire(ctx, 1); err != nil {
		return nil, &fault.Error{
			Code: fault.Unavailable, Detail: "too many passwords are being checked: send it again",
			Cause: err, Wait: hashPatience,
		}
	}
	return func() { h.turns.Release(1) }, nil
}

// hash gives what is stored of a password. Unavailable: as turn.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	done, err := h.turn(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	return argon2id.CreateHash(password, params)
}

// matches says whether a hash is a password's. An empty hash is none's, and takes as long. It runs
// in a turn of the caller's.
func (h *hasher) matches(password, hash string) (bool, error) {
	if hash == "" {
		_, err := argon2id.ComparePasswordAndHash(password, h.dummy)
		return false, err
	}
	return argon2id.ComparePasswordAndHash(password, hash)
}
