package talks

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/plenary-live/plenary/pkg/talk"
)

// pretalx is what is read of a schedule that pretalx exports as JSON, which is also the form of
// frab's (https://c3voc.de/schedule/schema.json). Breaks are not in it.
type pretalx struct {
	Conference struct {
		Acronym string  `json:"acronym"`
		Zone    *string `json:"time_zone_name"`
		Days    []struct {
			Rooms map[string][]json.RawMessage `json:"rooms"`
		} `json:"days"`
	} `json:"conference"`
}

type scheduled struct {
	GUID     *string         `json:"guid"`
	Code     *string         `json:"code"`
	ID       json.RawMessage `json:"id"`
	Title    string          `json:"title"`
	Date     *string         `json:"date"`
	Duration *string         `json:"duration"`
	Persons  []struct {
		Name   string `json:"name"`
		Public string `json:"public_name"`
	} `json:"persons"`
}

var scheduledNames = map[string]string{
	"source": "guid", "title": "title", "speaker": "persons", "starts_at": "date",
	"ends_at": "duration",
}

// read reads the talks of a schedule.
func (f *pretalx) read(r *reading) {
	const conference = "schedule.conference"
	if r.zone == nil {
		r.zone = time.UTC
		if f.Conference.Zone != nil {
			zone, err := zoneOf(*f.Conference.Zone)
			if err != nil {
				r.wrongs.Add(conference+".time_zone_name", "must be a name such as Europe/Berlin")
				return
			}
			r.zone = zone
		}
	}
	for i, day := range f.Conference.Days {
		for _, room := range slices.Sorted(maps.Keys(day.Rooms)) {
			for k, text := range day.Rooms[room] {
				if r.full() {
					return
				}
				at := fmt.Sprintf("%s.days[%d].rooms[%q][%d]", conference, i, room, k)
				f.talk(r, text, at)
			}
		}
	}
}

func (f *pretalx) talk(r *reading, text json.RawMessage, at string) {
	var s scheduled
	if !r.member(text, &s, at) {
		return
	}
	t := talk.Item{
		Source: f.source(r, &s, at), Title: s.Title, StartsAt: r.time(s.Date, at+".date"),
	}
	if lasts := r.duration(s.Duration, at+".duration"); !t.StartsAt.IsZero() && lasts > 0 {
		t.EndsAt = t.StartsAt.Add(lasts)
	}
	var persons []string
	for _, p := range s.Persons {
		if name := cmp.Or(p.Public, p.Name); name != "" {
			persons = append(persons, name)
		}
	}
	t.Speaker = joined(persons)
	r.add(t, at, scheduledNames)
}

// source names a talk: by its GUID, which is that of no other. Where there is none, its code or
// number tells it from the others of its conference.
func (f *pretalx) source(r *reading, s *scheduled, at string) string {
	quoted := func(text string) json.RawMessage {
		b, _ := json.Marshal(text) // of a text: there is no error
		return b
	}
	switch {
	case s.GUID != nil:
		return "pretalx:" + r.id(quoted(*s.GUID), at+".guid")
	case s.Code != nil:
		return "pretalx:" + f.acronym() + ":" + r.id(quoted(*s.Code), at+".code")
	}
	return "pretalx:" + f.acronym() + ":" + r.id(s.ID, at+".id")
}

// maxAcronym is how many bytes of a conference's short name tell its talks from others.
const maxAcronym = 64

func (f *pretalx) acronym() string {
	name := strconv.QuoteToASCII(f.Conference.Acronym)
	name = name[1 : len(name)-1] // nothing that no store could keep
	return name[:min(len(name), maxAcronym)]
}

// aDuration is hours and minutes, and perhaps days before them.
var aDuration = regexp.MustCompile(`^(?:(\d{1,2}):)?(\d{1,3}):([0-5]\d)$`)

// duration reads how long a talk lasts; nil: nobody has said it.
func (r *reading) duration(text *string, at string) (lasts time.Duration) {
	if text == nil {
		return 0
	}
	parts := aDuration.FindStringSubmatch(*text)
	if parts == nil {
		r.wrongs.Add(at, `must be hours and minutes, such as "00:45"`)
		return 0
	}
	units := []time.Duration{24 * time.Hour, time.Hour, time.Minute}
	for i, part := range parts[1:] {
		n, _ := strconv.Atoi(part) // three digits at most, or nothing
		lasts += time.Duration(n) * units[i]
	}
	return lasts
}
