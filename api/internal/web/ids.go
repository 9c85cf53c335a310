package web

import (
	"encoding/binary"
	"math/rand/v2"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
)

// RequestID gives the client's own request id if it is a plain one, else a new one. The answer is
// a copy: Fiber uses its buffers again.
func RequestID(c *fiber.Ctx) string {
	id := c.Get(fiber.HeaderXRequestID)
	if !PlainRequestID(id) {
		return NewRequestID()
	}
	return strings.Clone(id)
}

// PlainRequestID says whether a client's own request id is kept.
func PlainRequestID(id string) bool {
	return len(id) > 0 && len(id) <= 64 && !strings.ContainsFunc(id, notInRequestID)
}

func notInRequestID(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' &&
		r != '_' && r != '.'
}

// NewRequestID makes a UUIDv4 of the runtime's generator: it is no secret, and every vote needs
// one.
func NewRequestID() string {
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:], rand.Uint64()&^0xf000|0x4000)
	binary.BigEndian.PutUint64(id[8:], rand.Uint64()>>2|1<<63)
	return id.String()
}
