package account

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"

	"github.com/plenary-live/plenary/pkg/fault"
)

// AttemptLife is how long a person has to log in at a provider.
const AttemptLife = 10 * time.Minute

// Attempt is a log-in at a provider that is under way. Each of its texts has 43 characters that
// stand for 256 bits, and none tells of another.
type Attempt struct {
	State    string // comes back with the browser: the log-in was begun by it
	Nonce    string // comes back in what the provider signs: it signed that for this attempt
	Verifier string // whoever redeems the code has begun the attempt (PKCE, RFC 7636)
}

// attempts gives browsers what they show when they come back. Any replica can check it, and none
// has to remember anything.
type attempts struct {
	key []byte
	now func() time.Time
}

// What a ticket is made of: a secret, the second in which it ends, and both signed.
const (
	secretSize = 32
	signedSize = secretSize + 8
	ticketSize = signedSize + sha256.Size
)

// tickets are opaque to browsers, and fit into a cookie.
var tickets = base64.RawURLEncoding.Strict()

// newAttempts makes attempts with a key that sessions have, too: what is signed differs.
func newAttempts(key []byte, now func() time.Time) *attempts {
	return &attempts{mac(key, "log-ins at a provider", nil), now}
}

// begin makes an attempt, and the ticket that its browser keeps.
func (s *attempts) begin() (a Attempt, ticket string) {
	b := make([]byte, secretSize, ticketSize)
	_, _ = rand.Read(b) // it never fails
	b = binary.BigEndian.AppendUint64(b, uint64(s.now().Add(AttemptLife).Unix()))
	b = append(b, mac(s.key, "ticket", b)...)
	return s.of(b), tickets.EncodeToString(b)
}

// resume gives the attempt of a ticket to a browser that shows it with the attempt's state.
func (s *attempts) resume(ticket, state string) (Attempt, error) {
	wrong := fault.Errorf(BadAttempt, "this log-in was not begun here, or its time is over")
	if len(ticket) != tickets.EncodedLen(ticketSize) {
		return Attempt{}, wrong
	}
	b, err := tickets.DecodeString(ticket)
	if err != nil || !hmac.Equal(b[signedSize:], mac(s.key, "ticket", b[:signedSize])) {
		return Attempt{}, wrong
	}
	ends := time.Unix(int64(binary.BigEndian.Uint64(b[secretSize:signedSize])), 0)
	a := s.of(b)
	if !s.now().Before(ends) || !hmac.Equal([]byte(a.State), []byte(state)) {
		return Attempt{}, wrong
	}
	return a, nil
}

// of gives the attempt of a ticket's secret.
func (s *attempts) of(ticket []byte) Attempt {
	secret := ticket[:secretSize]
	text := func(what string) string { return tickets.EncodeToString(mac(s.key, what, secret)) }
	return Attempt{State: text("state"), Nonce: text("nonce"), Verifier: text("verifier")}
}

// mac signs b for one purpose. No purpose has a byte 0.
func mac(key []byte, purpose string, b []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(purpose + "\x00"))
	h.Write(b)
	return h.Sum(nil)
}
