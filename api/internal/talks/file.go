package talks

import (
	"cmp"
	"encoding/json"
	"time"

	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/talk"
)

// readFile reads a programme's file of one of the forms that there are. zone is that of times which
// have no offset; nil: the file's own, else UTC. Errors are of the kind Invalid, and name all that
// is wrong.
func readFile(text []byte, zone *time.Location) ([]talk.Item, *time.Location, error) {
	var file struct { // no form is embedded: its name would be in those of fields
		Sessions *[]json.RawMessage `json:"sessions"`
		Speakers []json.RawMessage  `json:"speakers"`
		Schedule *pretalx           `json:"schedule"`
	}
	r := &reading{zone: zone}
	if err := web.UnmarshalNoting(text, &file, &r.wrongs); err != nil {
		return nil, nil, err
	}
	form := "sessions"
	switch {
	case len(r.wrongs) > 0:
	case file.Sessions != nil:
		r.zone = cmp.Or(r.zone, time.UTC)
		(&sessionize{file.Sessions, file.Speakers}).read(r)
	case file.Schedule != nil:
		form = "schedule"
		file.Schedule.read(r)
	default:
		r.wrongs.Add("body", "is no programme: it has neither sessions (Sessionize) nor a "+
			"schedule (pretalx)")
	}
	if err := r.wrongs.Err(); err != nil {
		return nil, nil, err
	}
	switch {
	case len(r.items) == 0:
		return nil, nil, fault.Field(form, "has no talk")
	case len(r.items) > talk.MaxImport:
		return nil, nil, fault.Field(form, "has more than %d talks", talk.MaxImport)
	}
	return r.items, r.zone, nil
}
