package rabbitmq

import (
	"encoding/binary"
	"errors"

	"github.com/plenary-live/plenary/pkg/bus"
)

// announcement is what travels on the bus: "PLB", a version byte, the sender's id (8 bytes), its
// number, and changes to the end. Each change is presentation id, poll id (16 bytes each), version
// and revision. Numbers are unsigned varints.
type announcement struct {
	from    [8]byte
	number  uint64 // of the sender's announcements, from 1: a gap says that some were lost
	changes []bus.Change
}

const (
	busMagic   = "PLB"
	busVersion = 1
)

var (
	errGarbage = errors.New("not an announcement")
	errNewer   = errors.New("an announcement of a newer version")
)

func (a announcement) encode() []byte {
	buf := append(make([]byte, 0, 16+len(a.changes)*40), busMagic...)
	buf = append(append(buf, busVersion), a.from[:]...)
	buf = binary.AppendUvarint(buf, a.number)
	for _, c := range a.changes {
		buf = append(buf, c.Thing[:]...)
		buf = append(buf, c.Part[:]...)
		buf = binary.AppendUvarint(buf, uint64(c.Version))
		buf = binary.AppendUvarint(buf, uint64(c.Revision))
	}
	return buf
}

// decodeAnnouncement keeps nothing of data. Errors are errGarbage and errNewer.
func decodeAnnouncement(data []byte) (a announcement, err error) {
	if len(data) < 4 || string(data[:3]) != busMagic || data[3] == 0 {
		return a, errGarbage
	}
	if data[3] != busVersion {
		return a, errNewer
	}
	bytes := func(to []byte) {
		if n := copy(to, data); n == len(to) {
			data = data[n:]
		} else {
			err, data = errGarbage, nil
		}
	}
	number := func() uint64 {
		n, size := binary.Uvarint(data)
		if size <= 0 {
			err, data = errGarbage, nil
			return 0
		}
		data = data[size:]
		return n
	}
	data = data[4:]
	bytes(a.from[:])
	a.number = number()
	for len(data) > 0 {
		var c bus.Change
		bytes(c.Thing[:])
		bytes(c.Part[:])
		c.Version, c.Revision = int64(number()), int64(number())
		a.changes = append(a.changes, c)
	}
	if err != nil {
		return announcement{}, err
	}
	return a, nil
}

// gaps remembers the last number of each sender.
type gaps map[[8]byte]uint64

// maxSenders bounds what is remembered; more than so many processes come and go within one
// connection's life rarely.
const maxSenders = 1000

// missed notes an announcement, and tells whether some of the same sender between the last one and
// it did not come.
func (g gaps) missed(a announcement) bool {
	last, known := g[a.from]
	if !known && len(g) >= maxSenders {
		clear(g)
	}
	g[a.from] = max(last, a.number)
	return known && a.number > last+1
}
