package access

import (
	"crypto/hmac"

	"github.com/google/uuid"
)

// EditToken gives what the person who sent a thing, such as a response, may change it with. It is
// the same for every call, and nobody makes it without the key.
func (p *Passes) EditToken(thing uuid.UUID) string {
	s := p.macs.Get().(*signer)
	defer p.macs.Put(s)
	return passText.EncodeToString(s.sum('e', thing, nil))
}

// MayEdit says whether a token is the one that EditToken gives, in a time that does not depend on
// where it differs.
func (p *Passes) MayEdit(thing uuid.UUID, token string) bool {
	return hmac.Equal([]byte(p.EditToken(thing)), []byte(token))
}
