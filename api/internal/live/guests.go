package live

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/plenary-live/plenary/pkg/limit"
)

// guests are the streams that are open, by their clients' addresses. Where there is no room for
// another, one gives way of the address that has the most.
type guests struct {
	mu   sync.Mutex
	from map[netip.Prefix][]*guest
}

// guest is a stream. The one that was told nothing for the longest time gives way first; a
// heartbeat is nothing.
type guest struct {
	conn  net.Conn
	from  netip.Prefix
	place int          // among those of its address; -1: it has left
	told  atomic.Int64 // when, in nanoseconds since 1970
}

func (g *guest) hears() { g.told.Store(time.Now().UnixNano()) }

// join counts a stream until leave.
func (s *guests) join(conn net.Conn, client netip.Addr) *guest {
	g := &guest{conn: conn, from: limit.Address(client)}
	g.hears()
	s.mu.Lock()
	defer s.mu.Unlock()
	g.place = len(s.from[g.from])
	s.from[g.from] = append(s.from[g.from], g)
	return g
}

// leave may be called again.
func (s *guests) leave(g *guest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(g)
}

func (s *guests) remove(g *guest) {
	if g.place < 0 {
		return
	}
	all := s.from[g.from]
	last := all[len(all)-1]
	all[g.place], last.place = last, g.place
	all[len(all)-1] = nil
	if s.from[g.from] = all[:len(all)-1]; len(all) == 1 {
		delete(s.from, g.from)
	}
	g.place = -1
}

// of gives how many streams a client has open.
func (s *guests) of(client netip.Addr) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.from[limit.Address(client)])
}

// most gives those of the address that has the most. s.mu is held.
func (s *guests) most() (most []*guest) {
	for _, all := range s.from {
		if len(all) > len(most) {
			most = all
		}
	}
	return most
}

// hasRoomFor says whether makeRoomFor would.
func (s *guests) hasRoomFor(client netip.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.most()) > len(s.from[limit.Address(client)])+1
}

// makeRoomFor ends a stream of the address that has the most, if it has more than that client with
// another one. False: it has not.
func (s *guests) makeRoomFor(client netip.Addr) bool { return s.makeRoom(s.of(client) + 1) }

// makeRoom ends a stream of the address that has the most, if these are more than a number.
func (s *guests) makeRoom(than int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	most := s.most()
	if len(most) <= than {
		return false
	}
	longest := most[0]
	for _, g := range most[1:] {
		if g.told.Load() < longest.told.Load() {
			longest = g
		}
	}
	s.remove(longest)
	_ = longest.conn.Close() // which ends it
	return true
}
