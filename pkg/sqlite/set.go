package sqlite

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// set holds rows for one statement, however many. Large sets travel as bytes, which SQLite takes apart with substr: with JSON a
// vote costs up to twice as much, with a parameter for every value up to a third more (BenchmarkCount). All rows are as long as
// each other. Their ids are 16 bytes, their numbers digits, as SQLite reads no others from bytes; their texts are in the second
// argument, and the row says where.
type set struct{ rows, texts []byte }

// newSet has room for n rows.
func newSet(n, width int) *set {
	return &set{make([]byte, 0, n*width), make([]byte, 1, 1+16*n)} // one byte, as no bytes would be NULL
}

const (
	idWidth     = 16
	numberWidth = 20 // digits of any int64, and its sign
)

var blanks = strings.Repeat(" ", numberWidth)

func (s *set) id(id uuid.UUID) { s.rows = append(s.rows, id[:]...) }

func (s *set) number(n int64) {
	from := len(s.rows)
	s.rows = strconv.AppendInt(s.rows, n, 10)
	s.rows = append(s.rows, blanks[len(s.rows)-from:]...)
}

func (s *set) text(text string) {
	s.number(int64(len(s.texts) + 1))
	s.number(int64(len(text)))
	s.texts = append(s.texts, text...)
}

// given makes a set the table of that name: with these columns, each a name and what it holds ("answer text"), and row, which
// counts from 0. It gives the width of a row as well. The set's rows are the parameter ?1, its texts ?2.
func given(columns ...string) (with string, width int) {
	var exprs strings.Builder
	for _, column := range columns {
		name, kind, _ := strings.Cut(column, " ")
		expr := ""
		switch kind {
		case "id":
			expr = fmt.Sprintf("substr(?1, at + %d, %d)", width, idWidth)
			width += idWidth
		case "number":
			expr = numberAt(width)
			width += numberWidth
		case "text":
			expr = fmt.Sprintf("CAST(substr(?2, %s, %s) AS TEXT)", numberAt(width), numberAt(width+numberWidth))
			width += 2 * numberWidth
		}
		fmt.Fprintf(&exprs, ", %s AS %s", expr, name)
	}
	return fmt.Sprintf(`WITH RECURSIVE
		places (row, at) AS (SELECT 0, 1 UNION ALL SELECT row + 1, at + %d FROM places WHERE at + %[1]d < length(?1)),
		given AS (SELECT row%s FROM places)
		`, width, exprs.String()), width
}

func numberAt(at int) string {
	return fmt.Sprintf("CAST(substr(?1, at + %d, %d) AS INTEGER)", at, numberWidth)
}
