package talks

import (
	"encoding/json"
	"fmt"

	"github.com/plenary-live/plenary/pkg/talk"
)

// sessionize is what is read of Sessionize's "all data", which its API gives at /view/All. Times
// have no offset, unless the organiser has chosen UTC.
type sessionize struct {
	Sessions *[]json.RawMessage `json:"sessions"`
	Speakers []json.RawMessage  `json:"speakers"`
}

type session struct {
	ID       json.RawMessage `json:"id"`
	Title    string          `json:"title"`
	StartsAt *string         `json:"startsAt"`
	EndsAt   *string         `json:"endsAt"`
	Service  bool            `json:"isServiceSession"` // lunch, say, which nobody rates
	Speakers []string        `json:"speakers"`         // their ids
}

var sessionNames = map[string]string{
	"source": "id", "title": "title", "speaker": "speakers", "starts_at": "startsAt",
	"ends_at": "endsAt",
}

// read reads the talks of a file.
func (f *sessionize) read(r *reading) {
	names := f.names(r)
	for i, text := range *f.Sessions {
		if r.full() {
			return
		}
		at := fmt.Sprintf("sessions[%d]", i)
		var s session
		if !r.member(text, &s, at) || s.Service {
			continue
		}
		t := talk.Item{
			Source: "sessionize:" + r.id(s.ID, at+".id"), Title: s.Title,
			StartsAt: r.time(s.StartsAt, at+".startsAt"), EndsAt: r.time(s.EndsAt, at+".endsAt"),
		}
		var speakers []string
		for k, id := range s.Speakers {
			name, known := names[id]
			if !known {
				r.wrongs.Add(fmt.Sprintf("%s.speakers[%d]", at, k), "is no speaker of the file")
			}
			if name != "" {
				speakers = append(speakers, name)
			}
		}
		t.Speaker = joined(speakers)
		r.add(t, at, sessionNames)
	}
}

// names gives the speakers' names by their ids.
func (f *sessionize) names(r *reading) map[string]string {
	names := make(map[string]string, len(f.Speakers))
	for i, text := range f.Speakers {
		if r.full() {
			break
		}
		at := fmt.Sprintf("speakers[%d]", i)
		var speaker struct {
			ID   json.RawMessage `json:"id"`
			Name string          `json:"fullName"`
		}
		if r.member(text, &speaker, at) {
			names[r.id(speaker.ID, at+".id")] = speaker.Name
		}
	}
	return names
}
