package fast

import (
	"bytes"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/intake"
)

// Ballot reads the body that nearly every vote has. That is one flat object of known members, each
// once, in plain ASCII without escapes. It has a key, ids in their usual form, and perhaps a pass
// in place of the voter's. Reflection would be the largest part of what a vote costs here but
// system calls (BenchmarkParseVote). Whatever else it meets, right or wrong, it leaves to
// encoding/json and to the checks that say what is wrong. ok is false then.
func Ballot(body []byte) (b intake.Ballot, ok bool) {
	var poll, key, client, pass []byte
	q := quick{body}
	if !q.is('{') {
		return b, false
	}
	for more := true; more; more = q.is(',') {
		name, ok := q.text()
		if !ok || !q.is(':') {
			return b, false
		}
		var value *[]byte
		switch string(name) {
		case "poll_id":
			value = &poll
		case "key":
			value = &key
		case "client_id":
			value = &client
		case "pass":
			value = &pass
		case "seq":
			if b.Seq != 0 {
				return b, false
			}
			if b.Seq, ok = q.number(); !ok {
				return b, false
			}
			continue
		default:
			return b, false
		}
		if *value != nil {
			return b, false
		}
		if *value, ok = q.text(); !ok {
			return b, false
		}
	}
	if !q.is('}') || len(q.rest) > 0 || key == nil {
		return b, false
	}
	if b.PollID, ok = quickID(poll); !ok {
		return b, false
	}
	switch {
	case pass == nil:
		if b.VoterID, ok = quickID(client); !ok {
			return b, false
		}
	case client != nil:
		return b, false
	default:
		b.Pass = pass // in the body's bytes
	}
	b.Keys = []string{string(key)}
	return b, true
}

func quickID(text []byte) (uuid.UUID, bool) {
	if len(text) != 36 {
		return uuid.Nil, false
	}
	id, err := uuid.ParseBytes(text)
	return id, err == nil && id != uuid.Nil
}

// quick takes tokens off the front of rest, and the white space after them.
type quick struct{ rest []byte }

func (q *quick) is(c byte) bool {
	q.space()
	if len(q.rest) == 0 || q.rest[0] != c {
		return false
	}
	q.rest = q.rest[1:]
	q.space()
	return true
}

func (q *quick) space() {
	for len(q.rest) > 0 && (q.rest[0] == ' ' || q.rest[0] == '\n' || q.rest[0] == '\r' ||
		q.rest[0] == '\t') {
		q.rest = q.rest[1:]
	}
}

// text takes a string; it is never nil where ok.
func (q *quick) text() (s []byte, ok bool) {
	if len(q.rest) == 0 || q.rest[0] != '"' {
		return nil, false
	}
	end := bytes.IndexByte(q.rest[1:], '"') + 1
	if end == 0 {
		return nil, false
	}
	s = q.rest[1:end:end]
	for _, c := range s {
		if c < ' ' || c > '~' || c == '\\' {
			return nil, false
		}
	}
	q.rest = q.rest[end+1:]
	return s, true
}

// number takes a positive integer below 10^15, which every JSON implementation keeps exact.
func (q *quick) number() (n int64, ok bool) {
	digits := 0
	for digits < len(q.rest) && q.rest[digits] >= '0' && q.rest[digits] <= '9' {
		n = n*10 + int64(q.rest[digits]-'0')
		if digits++; digits > 15 {
			return 0, false
		}
	}
	if digits == 0 || q.rest[0] == '0' {
		return 0, false
	}
	q.rest = q.rest[digits:]
	q.space()
	return n, true
}
