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

// Viewers have a presentation's event stream open each. Of what they read they keep when each
// version was displayed, the newest results of each poll, and numbers. A stream that ends is lost:
// no viewer comes back. One goroutine uses them.
type Viewers struct {
	Addr     netip.AddrPort
	Source   netip.Addr
	Count    int
	Request  []byte        // of HTTP/1.0, so that the stream comes as it is, not in chunks
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
	Results int64 // events
	Lost    int   // streams that ended
	Skipped int   // versions that a viewer was not shown, although a later one was
	Fell    int   // events whose id is before one that the same viewer has read
}

type viewer struct {
	in       []byte // of an event that came in pieces
	begun    bool   // the answer's head was read
	revision int64  // of the last event's id
	last     int64  // and its version
	version  int64  // that was displayed last; -1: nothing was read yet
	results  map[string][]byte
}

// Connect opens every stream, and waits until each viewer knows what is displayed.
func (v *Viewers) Connect() (err error) {
	if v.crowd, err = New(v.Addr, v.Count, v.Source); err != nil {
		return err
	}
	v.viewers, v.shown = make([]viewer, v.Count), map[int64][]int64{}
	for i := range v.viewers {
		v.viewers[i].version, v.viewers[i].results = -1, map[string][]byte{}
	}
	return v.crowd.greet(v.Request, v.Patience, func(until int64) (int, error) {
		err := v.Read(until)
		return v.known, errors.Join(err, v.lost)
	})
}

// Close closes every stream.
func (v *Viewers) Close() error {
	if v.crowd == nil {
		return nil
	}
	return v.crowd.Close()
}

// glance is how often viewers look for events. They stand for other machines: to wake up for each
// event would cost this one more than reading it does.
const glance = 10 * time.Millisecond

// Read reads what arrives until the time until, or until something did. An error is one of the
// machine.
func (v *Viewers) Read(until int64) error {
	if v.known == v.Count {
		time.Sleep(min(glance, time.Duration(max(until-Now(), 0))))
	}
	return v.crowd.ready(until, func(i int, in []byte, err error) {
		if err == nil {
			err = v.feed(&v.viewers[i], in, Now())
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

// longest is longer than any event of a presentation.
const longest = 64 << 10

// feed reads a piece of a stream, of any size.
func (v *Viewers) feed(w *viewer, in []byte, now int64) error {
	if len(w.in) > 0 {
		in = append(w.in, in...)
	}
	for {
		end := "\n\n"
		if !w.begun {
			end = "\r\n\r\n"
		}
		part, rest, whole := bytes.Cut(in, []byte(end))
		if !whole && len(part) > longest {
			return fmt.Errorf("an event of more than %d bytes", longest)
		}
		if !whole {
			w.in = append(w.in[:0], in...)
			return nil
		}
		in = rest
		if w.begun {
			if err := v.take(w, part, now); err != nil {
				return err
			}
			continue
		}
		if len(part) < 12 || string(part[9:12]) != "200" ||
			!bytes.Contains(part, []byte("text/event-stream")) ||
			bytes.Contains(bytes.ToLower(part), []byte("transfer-encoding")) {
			return fmt.Errorf("no stream: %.200q", part)
		}
		w.begun = true
	}
}

// take notes an event. One without data is a heartbeat, or says when to come back.
func (v *Viewers) take(w *viewer, event []byte, now int64) error {
	var id, name, data []byte
	for line := range bytes.SplitSeq(event, []byte("\n")) {
		field, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(field) {
		case "id":
			id = value
		case "event":
			name = value
		case "data":
			data = value
		case "", "retry":
		default:
			return fmt.Errorf("no line of an event: %.80q", line)
		}
	}
	if data == nil {
		return nil
	}
	first, second, _ := bytes.Cut(id, []byte("."))
	version, err := strconv.ParseUint(string(first), 10, 63)
	revision, err2 := strconv.ParseUint(string(second), 10, 63)
	if err = errors.Join(err, err2); err != nil {
		return fmt.Errorf("no id of an event: %.80q", id)
	}
	return w.note(v, string(name), int64(version), int64(revision), data, now)
}

func (w *viewer) note(v *Viewers, name string, version, revision int64, data []byte,
	now int64) error {
	if version < w.last || version == w.last && revision < w.revision {
		v.seen.Fell++
	}
	w.last, w.revision = version, revision
	const begin = `{"poll_id":"`
	switch {
	case name == "displayed":
		if version <= w.version {
			return nil
		}
		if w.version < 0 {
			v.known++
		} else {
			v.seen.Skipped += int(version - w.version - 1)
		}
		w.version = version
		v.shown[version] = append(v.shown[version], now)
	case name == "results" && bytes.HasPrefix(data, []byte(begin)) && len(data) >= len(begin)+36:
		v.seen.Results++
		// They are not decoded: most results are replaced before they are asked for.
		poll := data[len(begin) : len(begin)+36]
		if kept, has := w.results[string(poll)]; has {
			w.results[string(poll)] = append(kept[:0], data...)
		} else {
			w.results[string(poll)] = bytes.Clone(data)
		}
	default:
		return fmt.Errorf("no event of a presentation: %.80q %.80q", name, data)
	}
	return nil
}

// Shown gives, for a version, when each viewer that it was displayed to has read so.
func (v *Viewers) Shown(version int64) []int64 { return v.shown[version] }

// Results gives a poll's newest results of the i-th viewer; nil: none, or it is lost.
func (v *Viewers) Results(i int, poll string) []byte {
	if v.crowd.conns[i].fd < 0 {
		return nil
	}
	return v.viewers[i].results[poll]
}

// Seen gives the numbers, and why the first stream that is lost has ended.
func (v *Viewers) Seen() (Seen, error) { return v.seen, v.lost }
