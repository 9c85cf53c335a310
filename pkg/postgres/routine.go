package postgres

import (
	"context"
	"fmt"
	"strings"
)

// routine is a function of a session's own: several statements in one round trip. Counting has two, which save it four round
// trips of eight: on a quiet machine a quarter of the time of a transaction that counts one vote, and a seventh of one that
// counts 100 (BenchmarkRoundTrips). Each statement sees what was committed before it began, as it would alone: that is so in
// functions that are VOLATILE, as these are by default (https://www.postgresql.org/docs/current/xfunc-volatility.html).
// Their plans are kept in the session like those of prepared statements.
//
// It belongs to the session (pg_temp) and not to the schema, so that the statements are in one place and those of this very
// program: a worker of another version has its own. The right to make temporary objects is everybody's by default.
type routine struct {
	name       string
	parameters string // their types; a statement calls them $1, $2 …
	results    string // with types; empty: none
	body       string
}

// call gives the statement that calls it.
func (r *routine) call() string {
	places := make([]string, strings.Count(r.parameters, ",")+1)
	for i := range places {
		places[i] = fmt.Sprintf("$%d", i+1)
	}
	return "SELECT * FROM pg_temp." + r.name + "(" + strings.Join(places, ", ") + ")"
}

// create gives the statement that makes it.
func (r *routine) create() string {
	all := r.parameters
	if r.results != "" {
		all += ", " + r.results
	}
	return "CREATE FUNCTION pg_temp." + r.name + "(" + all + ") LANGUAGE plpgsql AS $routine$ BEGIN " + r.body + " END $routine$"
}

// routines are made in a session when it calls them first.
var routines = map[string]*routine{claimCall: &claimRoutine, settleCall: &settleRoutine}

// make makes the routine that a statement calls, if it calls one.
func (s *session) make(query string) error {
	r := routines[query]
	if r == nil {
		return nil
	}
	s.made = true // within the transaction: it is gone if that does not commit
	_, err := s.pgConn.ExecContext(context.Background(), r.create(), nil)
	return err
}
