package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/netip"
	"time"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/limit"
)

// wrongKeys is how many wrong keys for creating an address may try in a minute.
const wrongKeys = 10

// Door is the key that creating something takes, whatever the feature. It is safe for use by many
// goroutines. nil takes no key.
type Door struct {
	key   string
	tries *limit.Limiter[netip.Prefix]
}

// NewDoor makes a door with a key; empty: there is none.
func NewDoor(key string) *Door {
	if key == "" {
		return nil
	}
	rate := limit.Rate{PerMinute: wrongKeys, Burst: wrongKeys}
	return &Door{key, limit.New[netip.Prefix](rate, time.Now)}
}

// CreateKey gives the key that a request to create something brings. Where Authorization says whose
// that will be, X-Create-Key has the key.
func (c *Call) CreateKey() string {
	if key := c.Get("X-Create-Key"); key != "" || access.IsSession(c.Token()) {
		return key
	}
	return c.Token()
}

// Enter checks the key of a request that is to create what is named, as "a presentation". Errors:
// CreateKeyMissing, CreateKeyWrong, and Busy where an address tried too many wrong ones.
func (d *Door) Enter(what, given string, from netip.Prefix) error {
	switch {
	case d == nil:
		return nil
	case given == "":
		return fault.Errorf(CreateKeyMissing, "creating %s takes the key of this server", what)
	}
	if wait := d.tries.Take(from); wait > 0 {
		return fault.BusyFor(wait, "too many wrong keys came from this address")
	}
	if sameSecret(given, d.key) {
		d.tries.Give(from)
		return nil
	}
	return fault.Errorf(CreateKeyWrong, "this is not the key of this server")
}

// sameSecret compares in a time that depends on neither.
func sameSecret(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}
