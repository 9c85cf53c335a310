package storetest

import "database/sql/driver"

// Recorder writes down the statements with parameters that a store sends, for tests of their plans and number. It is used
// by one goroutine at a time.
type Recorder struct{ said []Statement }

// Statement is one of them, as the driver got it.
type Statement struct {
	Query string
	Args  []any
}

// Record writes a statement down, if it has parameters.
func (r *Recorder) Record(query string, args []driver.NamedValue) {
	if len(args) == 0 {
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
