// Package xlsx writes workbooks that a spreadsheet opens.
package xlsx

import (
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"

	"github.com/plenary-live/plenary/api/internal/table"
)

// Sheet is a sheet of a workbook.
type Sheet struct {
	Name string // anything; see Write
	// Rows hold text, numbers and nil. Each text is a cell of the type text, as package table gives it: it is no formula here, nor in
	// what the workbook is saved as or copied to.
	Rows  [][]any
	Heads []int // indexes of the rows that name the columns below them, in order
}

// columnWidths are in characters. The second column holds what people wrote.
var columnWidths = []float64{12, 60, 12}

// Write writes a workbook. Of a sheet's name there stays what may stand in one; names that are equal then, or empty, are an
// error, so begin each with something of its own.
func Write(w io.Writer, sheets []Sheet) (err error) {
	f := excelize.NewFile()
	defer func() { err = errors.Join(err, f.Close()) }()
	bold, err := f.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}})
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for i, s := range sheets {
		name := Name(s.Name)
		if folded := strings.ToLower(name); seen[folded] {
			return errors.New("two sheets have the same name: " + name)
		} else {
			seen[folded] = true
		}
		if i == 0 {
			err = f.SetSheetName("Sheet1", name)
		} else {
			_, err = f.NewSheet(name)
		}
		if err != nil {
			return err
		}
		if err := s.write(f, name, bold); err != nil {
			return err
		}
	}
	return f.Write(w)
}

func (s *Sheet) write(f *excelize.File, name string, bold int) error {
	w, err := f.NewStreamWriter(name)
	if err != nil {
		return err
	}
	for i, width := range columnWidths {
		if err := w.SetColWidth(i+1, i+1, width); err != nil {
			return err
		}
	}
	heads := s.Heads
	for i, row := range s.Rows {
		var style []excelize.RowOpts
		if len(heads) > 0 && heads[0] == i {
			style, heads = []excelize.RowOpts{{StyleID: bold}}, heads[1:]
		}
		cells := slices.Clone(row)
		for j, cell := range cells {
			if text, ok := cell.(string); ok {
				cells[j] = table.Text(text)
			}
		}
		if err := w.SetRow("A"+strconv.Itoa(i+1), cells, style...); err != nil {
			return err
		}
	}
	return w.Flush()
}

// maxName is how long the name of a sheet may be, in UTF-16.
const maxName = 31

// Name gives of a text what may stand in the name of a sheet.
func Name(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError || r == 0xfffe || r == 0xffff || strings.ContainsRune(`:\/?*[]'`, r) {
			return ' '
		}
		return r
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	room := maxName
	for i, r := range text {
		if room -= utf16.RuneLen(r); room < 0 {
			return strings.TrimSpace(text[:i])
		}
	}
	return text
}
