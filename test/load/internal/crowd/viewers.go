//go:build linux

package crowd

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"time"
)

// Viewers have a presentation's event stream open each. Of what they read they keep when each version was displayed, the newest
// results of each poll, and numbers. They do not come back: a stream that ends is lost. One goroutine uses them.
type Viewers struct {
	Addr     netip.AddrPort
	Sources  []netip.Addr
	Count    int
	Request  []byte
	Patience time.Duration // how long Connect takes at most

	crowd   *Crowd
	viewers []viewer
	shown   map[int64][]int64 // by version, when each viewer read that it is displayed
	known   int               // viewers that have read what is displayed
	seen    Seen
	lost    error // why the first stream ended
}

// Seen is what all viewers have read since they are connected.
type Seen struct {
	Displayed int64 // events
	Results   int64 // events
	Bytes     int64 // as they come from the socket
	Lost      int   // streams that ended
	Skipped   int   // versions that a viewer was not shown, although a later one was
	Fell      int   // events whose id is before one that the same viewer has read
}

type viewer struct {
	stream
	id      eventID // of the last event
	version int64   // that was displayed last; -1: nothing was read yet
	results []lastResults
}

// lastResults are the newest results of a poll, as they came.
type lastResults struct {
	poll [36]byte
	data []byte
}

// eventID is a presentation's version and a revision, as an event's id has them.
type eventID struct{ version, revision int64 }

func parseEventID(id []byte) (e eventID, err error) {
	version, revision, _ := bytes.Cut(id, []byte("."))
	var errs [2]error
	e.version, errs[0] = strconv.ParseInt(string(version), 10, 64)
	e.revision, errs[1] = strconv.ParseInt(string(revision), 10, 64)
	if errors.Join(errs[:]...) != nil || e.version < 0 || e.revision < 0 {
		return e, fmt.Errorf("no id of an event: %.80q", id)
	}
	return e, nil
}

func (e eventID) before(other eventID) bool {
	return e.version < other.version || e.version == other.version && e.revision < other.revision
}

// Connect opens every stream and waits until each viewer knows what is displayed. Close them in any case.
func (v *Viewers) Connect() (err error) {
	if v.crowd, err = New(v.Addr, v.Count, v.Sources...); err != nil {
		return err
	}
	v.viewers, v.shown = make([]viewer, v.Count), map[int64][]int64{}
	for i := range v.viewers {
		v.viewers[i].version = -1
	}
	const together = 256
	end := Now() + int64(v.Patience)
	for sent := 0; v.known < v.Count; {
		for ; sent < v.Count && sent-v.known < together; sent++ {
			if err := v.crowd.Send(sent, v.Request); err != nil {
				return fmt.Errorf("viewer %d: %w", sent, err)
			}
		}
		if err := v.Read(end); err != nil {
			return err
		}
		if v.lost != nil {
			return v.lost
		}
		if Now() > end {
			return fmt.Errorf("%d of %d viewers have read what is displayed within %v", v.known, v.Count, v.Patience)
		}
	}
	return nil
}

// Close closes every stream.
func (v *Viewers) Close() error {
	if v.crowd == nil {
		return nil
	}
	return v.crowd.Close()
}

// glance is how often the viewers' process looks for events. Theirs are other machines: to be awakened for each event by itself
// would cost this one, and who writes it, more than reading it does. The API writes them in moments as far apart.
const glance = 10 * time.Millisecond

// Read reads what arrives until the time until, or until something did, which it notices within glance. An error is one of the
// machine, not of a stream.
func (v *Viewers) Read(until int64) error {
	if v.known == v.Count {
		time.Sleep(min(glance, time.Duration(max(until-Now(), 0))))
	}
	return v.crowd.ready(until, func(i int) {
		in, err := v.crowd.receive(i)
		if err == nil && in != nil {
			now := Now()
			v.seen.Bytes += int64(len(in))
			err = v.viewers[i].feed(in, func(e event) error { return v.take(&v.viewers[i], e, now) })
		}
		if err != nil {
			v.crowd.drop(i)
			v.seen.Lost++
			if v.lost == nil {
				v.lost = fmt.Errorf("viewer %d: %w", i, err)
			}
		}
	})
}

// take notes an event that a viewer has read.
func (v *Viewers) take(w *viewer, e event, now int64) error {
	id, err := parseEventID(e.id)
	if err != nil {
		return err
	}
	if id.before(w.id) {
		v.seen.Fell++
	}
	w.id = id
	switch string(e.name) {
	case "displayed":
		v.seen.Displayed++
		if id.version <= w.version {
			break
		}
		if w.version < 0 {
			v.known++
		} else {
			v.seen.Skipped += int(id.version - w.version - 1)
		}
		w.version = id.version
		v.shown[id.version] = append(v.shown[id.version], now)
	case "results":
		v.seen.Results++
		return w.keep(e.data)
	default:
		return fmt.Errorf("no event of a presentation: %.80q", e.name)
	}
	return nil
}

// resultsBegin is how results begin.
const resultsBegin = `{"poll_id":"`

// keep makes data the newest results of its poll. It is not decoded: most results are replaced before anybody asks for them.
func (w *viewer) keep(data []byte) error {
	rest, found := bytes.CutPrefix(data, []byte(resultsBegin))
	if !found || len(rest) < 36 {
		return fmt.Errorf("no results: %.80q", data)
	}
	poll := [36]byte(rest)
	for i := range w.results {
		if w.results[i].poll == poll {
			w.results[i].data = append(w.results[i].data[:0], data...)
			return nil
		}
	}
	w.results = append(w.results, lastResults{poll, bytes.Clone(data)})
	return nil
}

// Shown gives, for a version, when each viewer that it was displayed to has read so.
func (v *Viewers) Shown(version int64) []int64 { return v.shown[version] }

// Results gives the newest results of a poll that the i-th viewer has read, as they came; nil: none, or its stream is lost.
func (v *Viewers) Results(i int, poll string) []byte {
	if v.crowd.conns[i].fd < 0 {
		return nil
	}
	for _, r := range v.viewers[i].results {
		if string(r.poll[:]) == poll {
			return r.data
		}
	}
	return nil
}

// Seen gives the numbers, and why the first stream that is lost has ended.
func (v *Viewers) Seen() (Seen, error) { return v.seen, v.lost }
