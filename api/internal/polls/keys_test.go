package polls

import (
	"errors"
	"net"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/access"
)

func TestStreamsAreClosedWhoseTokenIsNoneAnyMore(t *testing.T) {
	k := streamKeys{of: map[uuid.UUID]map[net.Conn][32]byte{}}
	stream := func(id uuid.UUID, hash [32]byte) (open func() bool) {
		ours, theirs := net.Pipe()
		t.Cleanup(func() { _, _ = ours.Close(), theirs.Close() })
		k.add(theirs, id, hash)
		return func() bool { return theirs.SetDeadline(time.Time{}) == nil }
	}
	_, owner := access.NewToken()
	_, remote := access.NewToken()
	_, next := access.NewToken()
	elsewhere := uuid.New()
	theOwner, theRemote, another := stream(aTalk, owner), stream(aTalk, remote),
		stream(elsewhere, owner)
	k.check(aTalk, nil) // nobody has said
	k.check(aTalk, &access.Tokens{TokenHash: owner, RemoteHash: remote})
	require.True(t, theOwner() && theRemote() && another())
	k.check(aTalk, &access.Tokens{TokenHash: owner})
	require.False(t, theRemote(), "there is no remote any more")
	require.True(t, theOwner() && another())
	k.check(aTalk, &access.Tokens{TokenHash: next})
	require.False(t, theOwner())
	require.True(t, another(), "of another presentation")
	for id, conns := range k.of {
		for conn := range conns {
			k.forget(conn, id)
			k.forget(conn, id)
		}
	}
	require.Empty(t, k.of, "nothing is left of streams that ended")
}

// The bus may lose what it is told: then the next look at the slide tells, within a second or two.
func TestAStreamWhoseTokenHasEndedEndsAlsoWhenNobodyAnnouncedThat(t *testing.T) {
	r := newRoom(t)
	token, hash := access.NewToken()
	r.said.hash = hash
	r.change(func() { r.access = &access.Tokens{TokenHash: hash} })
	_, ln, stop := r.serving(99)
	defer stop()
	_, v := r.ask(ln, "GET", r.id, "Authorization: Bearer "+token+"\r\n")
	require.Equal(t, "displayed", v.next().event)
	r.change(func() { r.access = &access.Tokens{} })
	require.NoError(t, v.conn.SetReadDeadline(time.Now().Add(20*time.Second)))
	for {
		if _, err := v.conn.Read(make([]byte, 1024)); err != nil {
			e, late := errors.AsType[net.Error](err)
			require.False(t, late && e.Timeout(), "the stream goes on")
			return
		}
	}
}
