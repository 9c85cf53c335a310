package live

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
)

// hooked is a network that takes everything, and then something happens.
type hooked struct{ then func() }

func (h hooked) Write(data []byte) (int, error) {
	h.then()
	return len(data), nil
}

func TestATopicThatEndsWhileItsBodyIsSentEndsItsStreams(t *testing.T) {
	for range 50 { // whichever the usher sees first, of what happens meanwhile
		ours, theirs := net.Pipe()
		require.NoError(t, ours.SetDeadline(time.Now().Add(10*time.Second)))
		room := &topic{replica: &replica{}, owed: make(chan struct{}, 1), begun: time.Now()}
		body := frame{seq: 1, part: "body", data: func() []byte { return []byte("x") }}
		s := &state{view: hallView{}, frames: []frame{body}, next: make(chan struct{})}
		room.state.Store(s)
		ctx, cancel := context.WithCancel(t.Context())
		v := &seat{conn: theirs, guest: &guest{}, now: hooked{func() {
			gone := fault.Errorf(fault.NotFound, "no topic")
			room.state.Store(&state{view: hallView{}, err: gone, next: make(chan struct{})})
			close(s.next)
			cancel()
		}}}
		room.seats.sit(v)
		room.usher(ctx)
		_, err := ours.Read(make([]byte, 1))
		require.EqualError(t, err, "EOF")
	}
}
