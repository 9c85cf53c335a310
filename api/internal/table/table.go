// Package table writes what people wrote into tables, so that no spreadsheet takes it for a
// formula.
package table

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Text gives a cell of what people wrote that is no formula, in whatever way a table is taken
// apart. An Excel that speaks German splits a CSV at every ";", also within quotes that do not
// stand at a cell's begin. Other programs split at tabs, bars and lines. So a text that begins as
// a formula does gets an apostrophe before it. So does each part of it that stands behind a
// separator. A spreadsheet takes the apostrophe for the sign of a text: "x;=1+1" becomes
// "x;'=1+1". Spaces, quotes and what nobody sees do not count as a beginning, since some programs
// drop them. Every text of every export goes through here; a number is none.
func Text(text string) string {
	if strings.IndexFunc(text, sign) < 0 { // as nearly always
		return text
	}
	var safe strings.Builder
	written, part := 0, 0 // how much of text is in safe, and where the part begins that r is in
	begins := true        // nothing that counts has come in the part
	for i, r := range text {
		if begins && sign(r) {
			safe.WriteString(text[written:part])
			safe.WriteByte('\'')
			written, begins = part, false
		}
		switch {
		case separator(r):
			part, begins = i+len(string(r)), true
		case begins && !passed(r):
			begins = false
		}
	}
	safe.WriteString(text[written:])
	return safe.String()
}

// sign says whether a cell that begins with r may be taken for a formula, in any width that Unicode
// has of it.
func sign(r rune) bool { return strings.ContainsRune("=+-@\t＝＋－＠﹦﹢﹣﹫", r) }

// separator says whether some program begins a cell or a row behind r.
func separator(r rune) bool { return strings.ContainsRune(",;\t|\n\r\v\f\u0085\u2028\u2029", r) }

// passed says whether r does not count as a cell's beginning.
func passed(r rune) bool {
	return r == '"' || unicode.IsSpace(r) || unicode.In(r, unicode.Cc, unicode.Cf)
}

// CSV writes a table as CSV.
type CSV struct {
	w       *csv.Writer
	decimal string // the sign before a number's fraction
}

// mark begins every table: without it, Excel reads one as of a Windows code page, and garbles what
// is not ASCII.
const mark = "\uFEFF"

// NewCSV begins a table whose cells are parted by separator: ',', ';' or a tab. A spreadsheet that
// expects ';' takes a comma for the decimal sign, so numbers are written with one then.
func NewCSV(w io.Writer, separator rune) (*CSV, error) {
	c := &CSV{csv.NewWriter(w), "."}
	c.w.Comma = separator
	if separator == ';' {
		c.decimal = ","
	}
	_, err := io.WriteString(w, mark)
	return c, err
}

// instant is how a table writes a time: ISO 8601, in UTC, to the millisecond.
const instant = "2006-01-02T15:04:05.000Z"

// Row writes a row of texts, whole numbers, float64s, truths, times, and nils, which are empty
// cells, as is the zero time.
func (c *CSV) Row(cells ...any) error {
	row := make([]string, len(cells))
	for i, cell := range cells {
		switch v := cell.(type) {
		case nil:
		case string:
			row[i] = Text(v)
		case int:
			row[i] = strconv.Itoa(v)
		case int64:
			row[i] = strconv.FormatInt(v, 10)
		case float64:
			row[i] = strings.Replace(strconv.FormatFloat(v, 'f', -1, 64), ".", c.decimal, 1)
		case bool:
			row[i] = strconv.FormatBool(v)
		case time.Time:
			if !v.IsZero() {
				row[i] = v.UTC().Format(instant)
			}
		default:
			return fmt.Errorf("a table has no cells of the type %T", cell)
		}
	}
	return c.w.Write(row)
}

// Close writes what is left. The writer below stays open.
func (c *CSV) Close() error {
	c.w.Flush()
	return c.w.Error()
}
