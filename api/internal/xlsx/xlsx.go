// Package xlsx writes workbooks that a spreadsheet opens.
package xlsx

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"

	"github.com/plenary-live/plenary/api/internal/table"
)

// What a spreadsheet takes at most.
const (
	MaxRows = excelize.TotalRows      // of a sheet
	maxCell = excelize.TotalCellChars // characters of a cell, in UTF-16
)

// Book writes a workbook while its rows come. Its memory depends on the number of its sheets alone:
// rows are compressed and written in pieces. A sheet that is full goes on in another one. Rows are
// written here, since excelize keeps all of them; what else belongs to a workbook is excelize's.
type Book struct {
	zip     *zip.Writer
	sheets  []string        // names, also of the one that is open
	seen    map[string]bool // as a spreadsheet compares them
	out     *bytes.Buffer   // of the sheet, what is not compressed yet
	sheet   io.Writer       // nil: none is open
	rows    int             // of the sheet
	maxRows int             // MaxRows, but in tests
	name    string          // of what the sheet is a part of
	part    int             // which one, from 1
	head    []any           // of the sheet, the last row that names columns
}

// New begins a workbook, which has a sheet at least.
func New(w io.Writer) *Book {
	b := &Book{zip: zip.NewWriter(w), seen: map[string]bool{}, out: &bytes.Buffer{},
		maxRows: MaxRows}
	b.zip.RegisterCompressor(zip.Deflate, newCompressor)
	return b
}

// The styles of cells, in the order in which Close makes them.
const (
	plain = iota
	bold
	instant
)

// timeFormat is how a spreadsheet shows a time.
const timeFormat = "yyyy-mm-dd hh:mm:ss"

// columnWidths are in characters. The second column holds what people wrote, the fourth times.
var columnWidths = []int{12, 60, 12, 20}

// Sheet begins a sheet. Of its name there stays what may stand in one. A name that is equal then
// to another one, or empty, is an error. So begin each with something of its own.
func (b *Book) Sheet(name string) error {
	b.name, b.part, b.head = Name(name), 1, nil
	return b.begin(b.name)
}

func (b *Book) begin(name string) error {
	if err := b.end(); err != nil {
		return err
	}
	folded := strings.ToLower(name)
	if name == "" || b.seen[folded] {
		return fmt.Errorf("a sheet must have a name of its own, and not %q", name)
	}
	b.seen[folded] = true
	b.sheets = append(b.sheets, name)
	var err error
	b.sheet, err = b.zip.Create("xl/worksheets/sheet" + strconv.Itoa(len(b.sheets)) + ".xml")
	if err != nil {
		return err
	}
	b.rows = 0
	b.out.WriteString(xml.Header +
		`<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><cols>`)
	for i, width := range columnWidths {
		fmt.Fprintf(b.out, `<col min="%d" max="%d" width="%d" customWidth="1"/>`, i+1, i+1, width)
	}
	b.out.WriteString(`</cols><sheetData>`)
	return nil
}

// end ends the sheet that is open, if one is.
func (b *Book) end() error {
	if b.sheet == nil {
		return nil
	}
	b.out.WriteString(`</sheetData></worksheet>`)
	err := b.pass()
	b.sheet = nil
	return err
}

// pass hands on what is written of a sheet.
func (b *Book) pass() error {
	_, err := b.out.WriteTo(b.sheet)
	return err
}

// Head writes a row that names the columns below it. A sheet that goes on in another one has it
// there, too.
func (b *Book) Head(cells ...any) error {
	b.head = cells
	return b.row(bold, cells)
}

// Row writes a row of texts, whole numbers, float64s, truths, times, and nils. A nil is an empty
// cell, as is the zero time. Each text is a cell of the type text, as package table gives it. It
// is no formula here, nor in what the workbook is saved as or copied to. A text that is longer
// than a cell may be ends with an ellipsis.
func (b *Book) Row(cells ...any) error {
	if b.rows == b.maxRows {
		if err := b.more(); err != nil {
			return err
		}
	}
	return b.row(plain, cells)
}

// more goes on in another sheet.
func (b *Book) more() error {
	b.part++
	suffix := " (" + strconv.Itoa(b.part) + ")"
	if err := b.begin(cutTo(b.name, maxName-len(suffix)) + suffix); err != nil {
		return err
	}
	if b.head == nil {
		return nil
	}
	return b.row(bold, b.head)
}

func (b *Book) row(style int, cells []any) error {
	if b.sheet == nil {
		return errors.New("there is no sheet for a row")
	}
	b.rows++
	fmt.Fprintf(b.out, `<row r="%d">`, b.rows)
	for i, cell := range cells {
		at, err := excelize.CoordinatesToCellName(i+1, b.rows)
		if err != nil {
			return err
		}
		if err := b.cell(at, style, cell); err != nil {
			return err
		}
	}
	b.out.WriteString(`</row>`)
	return b.pass()
}

func (b *Book) cell(at string, style int, cell any) error {
	var kind, value string
	switch v := cell.(type) {
	case nil:
		return nil
	case string:
		fmt.Fprintf(b.out, `<c r="%s" s="%d" t="inlineStr"><is><t xml:space="preserve">`, at, style)
		_ = xml.EscapeText(b.out, []byte(written(v))) // a buffer takes everything
		b.out.WriteString(`</t></is></c>`)
		return nil
	case int:
		value = strconv.Itoa(v)
	case int64:
		value = strconv.FormatInt(v, 10)
	case float64:
		value = strconv.FormatFloat(v, 'g', -1, 64)
	case bool:
		kind, value = ` t="b"`, "0"
		if v {
			value = "1"
		}
	case time.Time:
		if v.IsZero() {
			return nil
		}
		style, value = instant, strconv.FormatFloat(serial(v), 'f', -1, 64)
	default:
		return fmt.Errorf("a workbook has no cells of the type %T", cell)
	}
	fmt.Fprintf(b.out, `<c r="%s" s="%d"%s><v>%s</v></c>`, at, style, kind, value)
	return nil
}

// serial is a time as spreadsheets count it: in days, in UTC, to the millisecond.
func serial(t time.Time) float64 {
	return float64(t.Sub(time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)).
		Milliseconds()) / (24 * 60 * 60 * 1000)
}

// written is a text as it stands in a cell. Where the text has what a spreadsheet reads as the
// number of a character, the cell keeps that.
func written(text string) string {
	text = table.Text(text)
	if cutTo(text, maxCell) != text {
		text = cutTo(text, maxCell-1) + "…"
	}
	var kept strings.Builder
	done := 0
	for i := range text {
		if text[i] == '_' && numbered.MatchString(text[i:]) {
			kept.WriteString(text[done:i] + "_x005F_")
			done = i + 1
		}
	}
	return kept.String() + text[done:]
}

// numbered is what stands for a character in a cell, by its number.
var numbered = regexp.MustCompile(`^_x[0-9A-Fa-f]{4}_`)

// Close writes what is left. The writer below stays open.
func (b *Book) Close() error {
	if err := b.end(); err != nil {
		return err
	}
	rest, err := b.frame()
	if err != nil {
		return err
	}
	for _, file := range rest.File {
		if strings.HasPrefix(file.Name, "xl/worksheets/") {
			continue
		}
		if err := b.zip.Copy(file); err != nil {
			return err
		}
	}
	return b.zip.Close()
}

// frame makes a workbook that has the same sheets, without rows, and the styles of their cells.
func (b *Book) frame() (*zip.Reader, error) {
	f := excelize.NewFile()
	defer func() { _ = f.Close() }() // it has no files
	for i, name := range b.sheets {
		var err error
		if i == 0 {
			err = f.SetSheetName("Sheet1", name)
		} else {
			_, err = f.NewSheet(name)
		}
		if err != nil {
			return nil, err
		}
	}
	format := timeFormat
	for i, style := range []*excelize.Style{{Font: &excelize.Font{Bold: true}},
		{CustomNumFmt: &format}} {
		if id, err := f.NewStyle(style); err != nil || id != bold+i {
			return nil, errors.Join(err,
				fmt.Errorf("a style has the number %d in place of %d", id, bold+i))
		}
	}
	file, err := f.WriteToBuffer()
	if err != nil {
		return nil, err
	}
	return zip.NewReader(bytes.NewReader(file.Bytes()), int64(file.Len()))
}

// maxName is how long the name of a sheet may be, in UTF-16.
const maxName = 31

// Name gives of a text what may stand in the name of a sheet.
func Name(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError || r == 0xfffe || r == 0xffff ||
			strings.ContainsRune(`:\/?*[]'`, r) {
			return ' '
		}
		return r
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	return cutTo(text, maxName)
}

// cutTo gives what of a text has room in so many characters of UTF-16.
func cutTo(text string, room int) string {
	if len(text) <= room { // as nearly always
		return text
	}
	for i, r := range text {
		if room -= max(utf16.RuneLen(r), 1); room < 0 {
			return strings.TrimSpace(text[:i])
		}
	}
	return text
}
