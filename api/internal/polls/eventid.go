package polls

import (
	"strconv"
	"strings"
)

// eventID is an event's id: the presentation's version, and the revision of the poll that it
// displays, which rises with every change of its results. All replicas mean the same by it, and on
// one stream it never falls.
type eventID struct{ version, revision int64 }

func (e eventID) String() string {
	return strconv.FormatInt(e.version, 10) + "." + strconv.FormatInt(e.revision, 10)
}

func (e eventID) after(other eventID) bool {
	return e.version > other.version || e.version == other.version && e.revision > other.revision
}

// parseEventID reads what a client saw last. Anything that is no id of ours is the zero one: it saw
// nothing.
func parseEventID(s string) eventID {
	version, revision, _ := strings.Cut(s, ".")
	var e eventID
	var errs [2]error
	e.version, errs[0] = strconv.ParseInt(version, 10, 64)
	e.revision, errs[1] = strconv.ParseInt(revision, 10, 64)
	if errs != [2]error{} || e.version < 0 || e.revision < 0 || e.String() != s {
		return eventID{}
	}
	return e
}
