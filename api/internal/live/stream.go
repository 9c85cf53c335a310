package live

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/plenary-live/plenary/api/internal/eventloop"
)

// Viewer is a client that watches a topic.
type Viewer struct {
	Topic   Name
	Client  netip.Addr
	SeesAll bool // nothing is hidden from it
	// OnStage is for a viewer who is one of few: it sees each change, and hears news of its own.
	OnStage bool
	// Join makes the stream a member of what its feature keeps, until leave is called. news are
	// events of its own, encoded, for a viewer on stage. nil: it is none.
	Join func(stream net.Conn) (news <-chan []byte, leave func())
	// Fresh has the head read anew once the stream is a member.
	Fresh bool
}

// memberships are all places where a stream is a member: what to do when it ends, last joined
// first.
type memberships []func()

func (m *memberships) add(leave func()) { *m = append(*m, leave) }

func (m memberships) leave() {
	for _, leave := range slices.Backward(m) {
		leave()
	}
}

// Watch takes over a connection and sends what a topic shows, after head. When the client is gone
// or too slow, or the hub ends, it closes the connection.
func (h *Hub) Watch(conn net.Conn, v Viewer, head []byte) {
	t := h.join(v.Topic)
	if t == nil {
		_ = conn.Close()
		return
	}
	var all memberships
	all.add(func() { h.leave(t) })
	h.open.Add(1)
	all.add(func() { h.open.Add(-1) })
	guest := h.guests.join(conn, v.Client)
	all.add(func() { h.guests.leave(guest) })
	all.add(t.admit(v.OnStage))
	var news <-chan []byte
	if v.Join != nil {
		var leave func()
		news, leave = v.Join(conn)
		all.add(leave)
	}
	if v.Fresh {
		t.order(Want{Since: time.Now()})
	}
	if v.OnStage {
		all.add(t.stage(guest, head, news, v.SeesAll))
	} else {
		all.add(t.seat(guest, head, v.SeesAll))
	}
	// The end of the hub closes it, which ends a read and a write that wait.
	forgetEnd := context.AfterFunc(h.ctx, func() { _ = conn.Close() })
	all.add(func() { forgetEnd() })
	// A client has nothing more to say: what it does is to go. A goroutine for each that waits for
	// this is much for the collector of garbage to look at.
	if turn, ok := conn.(*eventloop.Turn); ok && turn.Watch(all.leave) {
		return
	}
	go func() {
		_, _ = conn.Read(make([]byte, 1))
		_ = conn.Close()
		all.leave()
	}()
}
