package access

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/fault"
)

const (
	// PassLife is how long a pass is good for.
	PassLife = 30 * 24 * time.Hour
	// AccountPassLife is how long an account's pass is good for. A log-out does not end it.
	AccountPassLife = 24 * time.Hour
	// PassLength is how many characters a pass has.
	PassLength = 48
	// PassKeyLength is how many bytes the key of Passes has.
	PassKeyLength = 32

	passBytes = PassLength / 4 * 3
	passMAC   = 16 // bytes: of HMAC-SHA-256 as many as RFC 2104, section 5, takes for enough
)

// Passes gives and checks voters' passes: ids of the server's making, each bound to one
// presentation and signed with HMAC-SHA-256 (RFC 2104). Whoever has the key accepts what any other
// has given, and nothing is stored. It is safe for use by many goroutines.
type Passes struct{ macs sync.Pool }

// NewPasses makes passes of a key of PassKeyLength random bytes, the same in every replica.
func NewPasses(key []byte) *Passes {
	return &Passes{sync.Pool{New: func() any { return &signer{Hash: hmac.New(sha256.New, key)} }}}
}

// NewPassKey draws a key.
func NewPassKey() []byte {
	key := make([]byte, PassKeyLength)
	_, _ = rand.Read(key) // never fails
	return key
}

// Pass is what a voter is given.
type Pass struct {
	Text    string // what the voter shows
	Voter   uuid.UUID
	Expires time.Time
}

// Draw gives a new voter a pass for a presentation. With a seed, which only that voter knows, the
// pass is the same voter's for every call; without, which is uuid.Nil, it is nobody's before.
func (p *Passes) Draw(presentation, seed uuid.UUID, now time.Time) Pass {
	s := p.macs.Get().(*signer)
	defer p.macs.Put(s)
	var id [16]byte
	if seed == uuid.Nil {
		_, _ = rand.Read(id[:]) // never fails
	} else {
		copy(id[:], s.sum('s', presentation, seed[:]))
	}
	return s.pass(byPass, presentation, id, now.Add(PassLife))
}

// OfAccount gives an account its pass for a presentation. Its voter is the same one for every call,
// and says nothing of the account. The pass is good for AccountPassLife.
func (p *Passes) OfAccount(presentation, account uuid.UUID, now time.Time) Pass {
	s := p.macs.Get().(*signer)
	defer p.macs.Put(s)
	var id [16]byte
	copy(id[:], s.sum('a', presentation, account[:]))
	return s.pass(byAccount, presentation, id, now.Add(AccountPassLife))
}

// Renew gives the voter of a pass a new one, which is good for PassLife again. An account asks for
// its pass again instead, so that it is BadPass here. Errors: as Check.
func (p *Passes) Renew(presentation uuid.UUID, pass []byte, now time.Time) (Pass, error) {
	s := p.macs.Get().(*signer)
	defer p.macs.Put(s)
	by, err := s.verify(presentation, pass, now)
	if err == nil && by == LoggedIn {
		err = fault.Errorf(BadPass, "an account's pass is not renewed: ask for it again")
	}
	if err != nil {
		return Pass{}, err
	}
	return s.pass(byPass, presentation, [16]byte(s.raw[:16]), now.Add(PassLife)), nil
}

// Check gives the voter of a pass. That id is derived from the pass, and is no credential: a pass
// cannot be made of it. Errors: BadPass (it was not given for this presentation, or by nobody),
// OldPass.
func (p *Passes) Check(presentation uuid.UUID, pass []byte,
	now time.Time) (voter uuid.UUID, err error) {
	voter, _, err = p.Identify(presentation, pass, now)
	return voter, err
}

// Identify is Check, and says whether the pass is an account's: Passed or LoggedIn.
func (p *Passes) Identify(presentation uuid.UUID, pass []byte, now time.Time) (
	voter uuid.UUID, by Identity, err error,
) {
	s := p.macs.Get().(*signer)
	defer p.macs.Put(s)
	if by, err = s.verify(presentation, pass, now); err != nil {
		return uuid.Nil, "", err
	}
	return s.voter(presentation, s.raw[:16]), by, nil
}

// Hash gives a number for a text that nobody can turn back, or make again without the key.
func (p *Passes) Hash(text string) int64 {
	s := p.macs.Get().(*signer)
	defer p.macs.Put(s)
	return int64(binary.BigEndian.Uint64(s.sum('h', uuid.Nil,
		[]byte(text)))) //nolint:gosec // any number will do
}

var passText = base64.RawURLEncoding.Strict()

// signer is a keyed hash with room for one pass.
type signer struct {
	hash.Hash
	raw [passBytes]byte // id, the second in which it expires, MAC
	in  []byte          // what is hashed
	out [sha256.Size]byte
}

// sum hashes something of a presentation. what tells apart what is hashed for different ends.
func (s *signer) sum(what byte, presentation uuid.UUID, data []byte) []byte {
	s.in = append(append(append(s.in[:0], what), presentation[:]...), data...)
	s.Reset()
	_, _ = s.Write(s.in) // a hash takes everything
	return s.Sum(s.out[:0])
}

// voter gives the voter of a pass's id, as a UUIDv8 (RFC 9562, section 5.8).
func (s *signer) voter(presentation uuid.UUID, id []byte) (voter uuid.UUID) {
	copy(voter[:], s.sum('v', presentation, id))
	voter[6], voter[8] = voter[6]&0x0f|0x80, voter[8]&0x3f|0x80
	return voter
}

// What signs a pass of one kind or the other.
const (
	byPass    = 'p'
	byAccount = 'l'
)

func (s *signer) pass(by byte, presentation uuid.UUID, id [16]byte, expires time.Time) Pass {
	expires = expires.Truncate(time.Second)
	copy(s.raw[:], id[:])
	binary.BigEndian.PutUint32(s.raw[16:], uint32(expires.Unix())) //nolint:gosec // until 2106
	copy(s.raw[20:], s.sum(by, presentation, s.raw[:20])[:passMAC])
	return Pass{Text: passText.EncodeToString(s.raw[:]), Voter: s.voter(presentation, id[:]),
		Expires: expires}
}

// signed says whether the pass in raw has a signature of a kind.
func (s *signer) signed(by byte, presentation uuid.UUID) bool {
	return hmac.Equal(s.raw[20:], s.sum(by, presentation, s.raw[:20])[:passMAC])
}

// verify takes a pass apart into raw, and says which kind it is.
func (s *signer) verify(presentation uuid.UUID, pass []byte, now time.Time) (Identity, error) {
	if len(pass) != PassLength {
		return "", fault.Errorf(BadPass, "this is no voter's pass")
	}
	// The decoder skips line breaks: what is left of raw then is another's.
	if n, err := passText.Decode(s.raw[:], pass); err != nil || n != passBytes {
		return "", fault.Errorf(BadPass, "this is no voter's pass")
	}
	by := Passed
	switch {
	case s.signed(byPass, presentation):
	case s.signed(byAccount, presentation):
		by = LoggedIn
	default:
		return "", fault.Errorf(BadPass, "this is no pass of this presentation")
	}
	if now.Unix() >= int64(binary.BigEndian.Uint32(s.raw[16:])) {
		return "", fault.Errorf(OldPass, "the pass is too old: ask for a new one")
	}
	return by, nil
}
