package fault

import (
	"errors"
	"fmt"
	"slices"
)

// MaxWrongs is how many fields one error names at most.
const MaxWrongs = 100

// Wrong is a field of what was sent that is wrong.
type Wrong struct {
	Field  string // as named on the wire
	Detail string // for people, without internals
}

// Wrongs gathers the fields that are wrong, so that a client hears of all of them at once. A field
// is named once: what is noted first stands. The zero Wrongs is empty. It is for one goroutine.
type Wrongs []Wrong

// Add takes note of a field. Where MaxWrongs are noted it does nothing.
func (w *Wrongs) Add(field, format string, args ...any) {
	w.add(Wrong{field, fmt.Sprintf(format, args...)})
}

func (w *Wrongs) add(one Wrong) {
	named := func(other Wrong) bool { return other.Field == one.Field }
	if !w.Full() && !slices.ContainsFunc(*w, named) {
		*w = append(*w, one)
	}
}

// Full says whether no more is noted.
func (w *Wrongs) Full() bool { return len(*w) >= MaxWrongs }

// Note takes note of an Invalid error that names its fields. It gives back every other error.
func (w *Wrongs) Note(err error) error {
	return w.NoteAs(err, func(field string) string { return field })
}

// NoteAs is Note, of fields that have other names in what was sent.
func (w *Wrongs) NoteAs(err error, name func(field string) string) error {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Code != Invalid || e.Field == "" {
		return err
	}
	all := e.Wrongs
	if all == nil {
		all = Wrongs{{e.Field, e.Detail}}
	}
	for _, one := range all {
		w.add(Wrong{name(one.Field), one.Detail})
	}
	return nil
}

// Err gives nothing where no field is wrong. Else it gives an Invalid error that is about the first
// one, and that has all of them if there are more.
func (w *Wrongs) Err() error {
	all := *w
	switch len(all) {
	case 0:
		return nil
	case 1:
		all = nil
	}
	return &Error{Code: Invalid, Field: (*w)[0].Field, Detail: (*w)[0].Detail, Wrongs: all}
}
