package polls

import (
	"net"
	"sync"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/access"
)

// streamKeys remembers by which token each presenter's stream was opened, and closes those whose
// token has ended. It is safe for use by many goroutines.
type streamKeys struct {
	mu sync.Mutex
	of map[uuid.UUID]map[net.Conn][32]byte // of each presentation, by stream: the token's hash
}

// add remembers a stream until forget.
func (k *streamKeys) add(conn net.Conn, id uuid.UUID, hash [32]byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.of[id] == nil {
		k.of[id] = map[net.Conn][32]byte{}
	}
	k.of[id][conn] = hash
}

// any says whether there is such a stream of a presentation. It must end soon after its token does,
// announced or not.
func (k *streamKeys) any(id uuid.UUID) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.of[id]) > 0
}

func (k *streamKeys) forget(conn net.Conn, id uuid.UUID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.of[id], conn)
	if len(k.of[id]) == 0 {
		delete(k.of, id)
	}
}

// check closes the streams of who may not see any more what they show. a is what the presentation's
// tokens are now; nil: nobody has said.
func (k *streamKeys) check(id uuid.UUID, a *access.Tokens) {
	if a == nil {
		return
	}
	var ended []net.Conn
	k.mu.Lock()
	for conn, hash := range k.of[id] {
		if a.Holds(hash) < toSee {
			ended = append(ended, conn)
		}
	}
	k.mu.Unlock()
	for _, conn := range ended {
		_ = conn.Close() // what waits for the client takes it for gone
	}
}
