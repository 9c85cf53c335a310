package polls

import (
	"encoding/base64"

	"github.com/google/uuid"
	"github.com/valyala/fasthttp"

	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/fault"
)

// part of a votes list is what a client asked for.
type part struct {
	after uuid.UUID // the voter behind whom it begins
	limit int       // lines at most; 0: all there are
}

// What a page holds. maxPageBytes ends it early, since a line has as many keys as its voter chose,
// or as long a text as they wrote.
const (
	maxPage      = 10_000
	maxPageBytes = 1 << 20
)

func partOf(query *fasthttp.Args) (p part, err error) {
	if p.limit, err = web.LimitOf(query, 0, maxPage); err != nil {
		return part{}, err
	}
	if query.Has("after") {
		p.after, err = parseCursor(string(query.Peek("after")))
	}
	return p, err
}

// cursors are opaque to clients: what they hold may change.
var cursors = base64.RawURLEncoding.Strict()

// cursor names the place in a votes list behind a voter.
func cursor(voter uuid.UUID) string { return cursors.EncodeToString(voter[:]) }

func parseCursor(s string) (uuid.UUID, error) {
	b, _ := cursors.DecodeString(s) // of what is wrong, the length or the way back tells
	voter, err := uuid.FromBytes(b)
	if err != nil || voter == uuid.Nil || cursor(voter) != s {
		return uuid.Nil, fault.Field("after", "must be what a Link header gave")
	}
	return voter, nil
}
