package chat

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/question"
)

// forMember is asked of somebody whose token nobody knows.
const forMember = `Bearer realm="chats"`

// Why a member's token is refused.
var (
	// nobody has given it
	BadMember = fault.Unauthenticated.Named("invalid_member").Asking(forMember)
	// its time is over
	OldMember = fault.Unauthenticated.Named("member_expired").Asking(forMember)
	// the application has another token since, or is gone
	EndedMember = fault.Unauthenticated.Named("member_ended").Asking(forMember)
)

// May says what a member may do. A higher one may do whatever a lower one may.
type May byte

// What members may do.
const (
	MayRead     May = 1
	MayWrite    May = 2
	MayModerate May = 3
)

// mays are those of the wire, by May.
var mays = [...]string{"", "read", "write", "moderate"}

func (m May) String() string { return mays[m] }

// ParseMay reads what a member may do. Invalid.
func ParseMay(field, text string) (May, error) {
	for m, name := range mays {
		if m > 0 && name == text {
			return May(m), nil
		}
	}
	return 0, fault.Field(field, `must be "read", "write" or "moderate"`)
}

// Member is somebody whom an application lets take part.
type Member struct {
	App     uuid.UUID
	ID      uuid.UUID // the person who writes, and votes up
	Epoch   int64     // of the application, when the token was given
	May     May
	Name    string // as others see it; empty: none
	Expires time.Time
}

// Check checks what an owner wrote, and puts it into its usual form. Errors are of the kind Invalid
// and name the field.
func (m *Member) Check() (err error) {
	if m.Name != "" {
		m.Name, err = question.CleanLine("name", m.Name, MaxAuthor)
	}
	return err
}

// Members makes tokens of members, and reads them. A token holds all that is known of a member,
// sealed: nothing is stored, and whoever has the key accepts what any other has given. It is safe
// for use by many goroutines.
type Members struct {
	seal cipher.AEAD
	life time.Duration
}

// NewMembers makes Members of a key of 32 random bytes, the same in every replica. Tokens last for
// life.
func NewMembers(key []byte, life time.Duration) (*Members, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	seal, err := cipher.NewGCMWithRandomNonce(block)
	return &Members{seal, life}, err
}

const (
	// memberPrefix tells a member's token from every other one.
	memberPrefix = "m."
	// maxMemberText bounds what is read: a name has at most 4 bytes a character.
	maxMemberText = 1024
	// memberHead is how many bytes stand before the name.
	memberHead = 16 + 16 + 8 + 8 + 1
)

var (
	memberText = base64.RawURLEncoding.Strict()
	memberUse  = []byte("plenary chat member 1") // what else is sealed by that key is none
)

// IsMember says whether a text could be a member's token. No other token is.
func IsMember(text string) bool { return strings.HasPrefix(text, memberPrefix) }

// Give makes a token, and says in the member when it ends.
func (s *Members) Give(m *Member, now time.Time) (token string) {
	m.Expires = now.Add(s.life).UTC().Truncate(time.Second)
	plain := make([]byte, 0, memberHead+len(m.Name))
	plain = append(append(plain, m.App[:]...), m.ID[:]...)
	plain = binary.BigEndian.AppendUint64(plain, uint64(m.Epoch))
	plain = binary.BigEndian.AppendUint64(plain, uint64(m.Expires.Unix()))
	plain = append(append(plain, byte(m.May)), m.Name...)
	return memberPrefix + memberText.EncodeToString(s.seal.Seal(nil, nil, plain, memberUse))
}

// Open reads a token. Errors: BadMember, OldMember. Whether the application knows it still is not
// looked up.
func (s *Members) Open(token string, now time.Time) (m Member, err error) {
	bad := fault.Errorf(BadMember, "this is no member's token")
	if !IsMember(token) || len(token) > maxMemberText {
		return Member{}, bad
	}
	sealed, err := memberText.DecodeString(token[len(memberPrefix):])
	if err != nil || strings.ContainsAny(token, "\r\n") { // which the decoder skips
		return Member{}, bad
	}
	plain, err := s.seal.Open(nil, nil, sealed, memberUse)
	if err != nil || len(plain) < memberHead {
		return Member{}, bad
	}
	copy(m.App[:], plain)
	copy(m.ID[:], plain[16:])
	m.Epoch = int64(binary.BigEndian.Uint64(plain[32:]))
	m.Expires = time.Unix(int64(binary.BigEndian.Uint64(plain[40:])), 0).UTC()
	m.May, m.Name = May(plain[48]), string(plain[memberHead:])
	if !now.Before(m.Expires) {
		return Member{}, fault.Errorf(OldMember, "the time of this member's token is over")
	}
	return m, nil
}

// NewMemberKey draws a key of Members.
func NewMemberKey() []byte { return access.NewPassKey() }
