package storetest

import (
	"database/sql/driver"
	"reflect"
	"slices"
	"strings"

	"github.com/plenary-live/plenary/pkg/poll"
)

// Recorder writes down the statements that a store sends, for tests of their plans and number: those with parameters, and
// those that read without any. It is used by one goroutine at a time.
type Recorder struct{ said []Statement }

// Statement is one of them, as the driver got it.
type Statement struct {
	Query string
	Args  []any
}

// Record writes a statement down, unless it is one that only begins, sets or fetches something.
func (r *Recorder) Record(query string, args []driver.NamedValue) {
	if len(args) == 0 && !strings.HasPrefix(strings.TrimSpace(query), "SELECT") {
		return
	}
	s := Statement{Query: query}
	for _, a := range args {
		s.Args = append(s.Args, a.Value)
	}
	r.said = append(r.said, s)
}

// Take gives what was said since the last Take.
func (r *Recorder) Take() []Statement {
	said := r.said
	r.said = nil
	return said
}

// Unseen gives the calls of the port that are not among those seen, but for those whose work is the same however much there
// is.
func Unseen(seen map[string]bool) (calls []string) {
	port := reflect.TypeFor[poll.Store]()
	for i := range port.NumMethod() {
		name := port.Method(i).Name
		if !seen[name] && !slices.Contains([]string{"Partitions", "Ping", "Close"}, name) {
			calls = append(calls, name)
		}
	}
	return calls
}
