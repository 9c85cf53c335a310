package sqlite

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// Set holds rows for one statement, however many. Large sets travel as bytes, which SQLite takes
// apart with substr. With JSON a vote costs up to twice as much, with a parameter for every value
// up to a third more (BenchmarkCount). All rows are as long as each other. Their ids are 16 bytes.
// Their numbers are digits, as SQLite reads no others from bytes. Their texts are in the second
// argument, and the row says where.
type Set struct{ Rows, Texts []byte }

// NewSet has room for n rows.
func NewSet(n, width int) *Set {
	// one byte, as no bytes would be NULL
	return &Set{make([]byte, 0, n*width), make([]byte, 1, 1+16*n)}
}

const (
	idWidth     = 16
	numberWidth = 20 // digits of any int64, and its sign
)

var blanks = strings.Repeat(" ", numberWidth)

// ID adds an id to a row.
func (s *Set) ID(id uuid.UUID) { s.Rows = append(s.Rows, id[:]...) }

// Number adds a number to a row.
func (s *Set) Number(n int64) {
	from := len(s.Rows)
	s.Rows = strconv.AppendInt(s.Rows, n, 10)
	s.Rows = append(s.Rows, blanks[len(s.Rows)-from:]...)
}

// Text adds a text to a row.
func (s *Set) Text(text string) {
	s.Number(int64(len(s.Texts) + 1))
	s.Number(int64(len(text)))
	s.Texts = append(s.Texts, text...)
}

// Given makes a set the table of that name. It has these columns, each a name and what it holds
// ("answer text"), and row, which counts from 0. It gives the width of a row as well. The set's
// rows are the parameter ?1, its texts ?2.
func Given(columns ...string) (with string, width int) {
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
			expr = fmt.Sprintf("CAST(substr(?2, %s, %s) AS TEXT)", numberAt(width),
				numberAt(width+numberWidth))
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
