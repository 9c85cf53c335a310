package talks

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/question"
	"github.com/plenary-live/plenary/pkg/talk"
)

// maxMembers is how many talks, speakers and breaks are read of a file. A file of the largest size
// could have half a million, which say nothing and take a processor for seconds.
const maxMembers = 20_000

// reading is a file that is being read. It is for one goroutine.
type reading struct {
	zone    *time.Location
	wrongs  fault.Wrongs
	items   []talk.Item
	members int // that were read
}

// full says whether there is no use in going on.
func (r *reading) full() bool {
	return r.wrongs.Full() || len(r.items) > talk.MaxImport || r.members > maxMembers
}

// member reads a member of the file, which stands at a place. False: it is no object, or one too
// many.
func (r *reading) member(text json.RawMessage, v any, at string) bool {
	if r.members++; r.members > maxMembers {
		r.wrongs.Add(at, "is one too many: a file has at most %d talks, speakers and breaks",
			maxMembers)
		return false
	}
	var wrongs fault.Wrongs
	name := func(field string) string {
		if field == "body" {
			return at
		}
		return at + "." + field
	}
	err := web.UnmarshalNoting(text, v, &wrongs)
	if err == nil && bytes.Equal(text, []byte("null")) {
		err = fault.Field("body", "must not be a JSON null")
	}
	_ = r.wrongs.NoteAs(wrongs.Err(), name) // both name fields
	_ = r.wrongs.NoteAs(err, name)
	return err == nil
}

// add adds a talk. names are those of its members at a place in the file, by our fields. What is
// none of them is about when it starts.
func (r *reading) add(t talk.Item, at string, names map[string]string) {
	t.Name = func(field string) string {
		return at + "." + cmp.Or(names[field], names["starts_at"])
	}
	r.items = append(r.items, t)
}

// id gives an id that is a text or a number; empty: it is neither.
func (r *reading) id(text json.RawMessage, at string) string {
	var id string
	number := json.Number("")
	if json.Unmarshal(text, &id) != nil && json.Unmarshal(text, &number) == nil {
		id = number.String()
	}
	id, err := question.CleanLine("id", id, talk.MaxSource/2)
	if err != nil {
		r.wrongs.Add(at, "must be an id: a text or a number of at most %d characters",
			talk.MaxSource/2)
	}
	return id
}

// localTime is how a file writes a time of its zone.
const localTime = "2006-01-02T15:04:05"

// time reads a time; nil: none.
func (r *reading) time(text *string, at string) time.Time {
	if text == nil {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, *text)
	if err != nil {
		t, err = time.ParseInLocation(localTime, *text, r.zone)
	}
	if err != nil || t.IsZero() {
		r.wrongs.Add(at, `must be a time, such as "2027-05-04T09:30:00" or with an offset`)
		return time.Time{}
	}
	return t
}

// joined gives as many names as a talk's speaker has room for.
func joined(names []string) string {
	all := strings.Join(names, ", ")
	for n := len(names) - 1; n > 0 && utf8.RuneCountInString(all) > talk.MaxSpeaker; n-- {
		all = fmt.Sprintf("%s, …", strings.Join(names[:n], ", "))
	}
	return all
}

// zoneOf gives the zone of a name of the IANA database. The machine's own has none.
func zoneOf(name string) (*time.Location, error) {
	if name == "" || name == "Local" {
		return nil, fault.Errorf(fault.Invalid, "this names no zone")
	}
	return time.LoadLocation(name)
}
