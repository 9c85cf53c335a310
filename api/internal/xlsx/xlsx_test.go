package xlsx

import (
	"bytes"
	"io"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"

	"github.com/plenary-live/plenary/api/internal/table"
)

// sheet is what a test writes as one. Its first row names the columns.
type sheet struct {
	name string
	rows [][]any
}

func write(b *Book, sheets ...sheet) error {
	for _, s := range sheets {
		if err := b.Sheet(s.name); err != nil {
			return err
		}
		for i, row := range s.rows {
			add := b.Row
			if i == 0 {
				add = b.Head
			}
			if err := add(row...); err != nil {
				return err
			}
		}
	}
	return b.Close()
}

// read gives a workbook as a spreadsheet reads it.
func read(t *testing.T, r io.Reader) *excelize.File {
	t.Helper()
	f, err := excelize.OpenReader(r)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	return f
}

func opened(t *testing.T, sheets ...sheet) *excelize.File {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, write(New(&b), sheets...))
	return read(t, &b)
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	at := time.Date(2026, 11, 29, 23, 59, 59, 250_000_000, time.FixedZone("", 3600))
	f := opened(t,
		sheet{"One", [][]any{{"key", "value", "count"}, {"title", "Ünï 🗳️ <b>&amp;\"'"}, {},
			{"A", " spaces ", int64(7), at, nil, 2.5, true, 3, time.Time{}}}},
		sheet{"Two", nil})
	require.Equal(t, []string{"One", "Two"}, f.GetSheetList())
	rows, err := f.GetRows("One")
	require.NoError(t, err)
	require.Equal(t, [][]string{{"key", "value", "count"}, {"title", "Ünï 🗳️ <b>&amp;\"'"}, nil,
		{"A", " spaces ", "7", "2026-11-29 22:59:59", "", "2.5", "TRUE", "3"}}, rows)
	for cell, want := range map[string]excelize.Style{"A1": {Font: &excelize.Font{Bold: true}},
		"A2": {}, "D4": {CustomNumFmt: new(string)}} {
		id, err := f.GetCellStyle("One", cell)
		require.NoError(t, err)
		style, err := f.GetStyle(id)
		require.NoError(t, err)
		require.Equal(t, want.Font != nil, style.Font != nil && style.Font.Bold, cell)
		require.Equal(t, want.CustomNumFmt != nil,
			style.CustomNumFmt != nil && *style.CustomNumFmt == timeFormat, cell)
	}
	raw, err := f.GetCellValue("One", "D4", excelize.Options{RawCellValue: true})
	require.NoError(t, err)
	days, err := strconv.ParseFloat(raw, 64)
	require.NoError(t, err, "a time is a number, with which a spreadsheet reckons")
	require.InDelta(t, 46_355+(22*3600+59*60+59.25)/86_400, days, 1e-8,
		"2026-11-29 is day 46,355 of a spreadsheet")
	kind, err := f.GetCellType("One", "C4")
	require.NoError(t, err)
	require.NotEqual(t, excelize.CellTypeInlineString, kind, "a number is a number")

	b := New(io.Discard)
	require.Error(t, b.Row("x"), "there is no sheet")
	require.NoError(t, b.Sheet("x"))
	require.ErrorContains(t, b.Row(uint8(1)), "uint8")
}

// A spreadsheet takes neither more rows of a sheet nor more characters of a cell.
func TestAFullSheetGoesOnInAnotherOne(t *testing.T) {
	require.Equal(t, 1_048_576, MaxRows)
	require.Equal(t, 32_767, maxCell)
	var out bytes.Buffer
	b := New(&out)
	b.maxRows = 3
	name := "1 " + strings.Repeat("🗳", 20)
	rows := [][]any{{"value"}}
	for i := range 6 {
		rows = append(rows, []any{i})
	}
	require.NoError(t, write(b, sheet{name, rows}, sheet{"2 What (2)", rows[:4]},
		sheet{"3", [][]any{{}}}))
	f := read(t, &out)
	require.Equal(t, []string{Name(name), "1 " + strings.Repeat("🗳", 12) + " (2)",
		"1 " + strings.Repeat("🗳", 12) + " (3)",
		"2 What (2)", "2 What (2) (2)", "3"}, f.GetSheetList())
	for i, want := range [][][]string{{{"value"}, {"0"}, {"1"}}, {{"value"}, {"2"}, {"3"}},
		{{"value"}, {"4"}, {"5"}},
		{{"value"}, {"0"}, {"1"}}, {{"value"}, {"2"}}, {}} {
		got, err := f.GetRows(f.GetSheetList()[i])
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func TestALongTextEndsWithAnEllipsis(t *testing.T) {
	whole, long := strings.Repeat("é", maxCell), strings.Repeat("x", maxCell-2)+"🗳x"
	f := opened(t, sheet{"x", [][]any{{whole}, {long}, {"'" + strings.Repeat(";=", maxCell)}}})
	for i, want := range []string{whole, strings.Repeat("x", maxCell-2) + "…", ""} {
		got, err := f.GetCellValue("x", "A"+strconv.Itoa(i+1))
		require.NoError(t, err)
		require.LessOrEqual(t, len(utf16.Encode([]rune(got))), maxCell)
		if want != "" {
			require.True(t, want == got, "%d", i)
		}
	}
}

// The file is written as rows come, and what is kept of it does not grow.
func TestAWorkbookIsNotKeptUntilItIsWhole(t *testing.T) {
	const rows = 200_000
	text := strings.Repeat("What people wrote. ", 10)
	var written int
	b := New(writer(func(p []byte) { written += len(p) }))
	require.NoError(t, b.Sheet("1"))
	var before, after runtime.MemStats
	for i := range rows {
		if i == 1000 {
			require.Positive(t, written)
			collect()
			runtime.ReadMemStats(&before)
		}
		require.NoError(t, b.Row(strconv.Itoa(i), text, i))
	}
	collect()
	runtime.ReadMemStats(&after)
	require.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(1<<20),
		"%d rows of %d bytes", rows, len(text))
	require.NoError(t, b.Close())
}

// collect collects garbage twice, so that nothing of the pools is left. Whether there is, is
// chance.
func collect() {
	runtime.GC()
	runtime.GC()
}

type writer func(p []byte)

func (w writer) Write(p []byte) (int, error) {
	w(p)
	return len(p), nil
}

func TestTextIsNeverAFormula(t *testing.T) {
	hostile := []string{
		"=1+1", "+1", "-1", "@SUM(A1)", "=HYPERLINK(\"http://x\")", "\t=1", "007", "1e9", "TRUE",
		"_x0041_", "_x005F_x0041_", "\x01\x08", "]]>", "a\r\nb", strings.Repeat("=", 1000),
	}
	var rows [][]any
	for _, s := range hostile {
		rows = append(rows, []any{s})
	}
	f := opened(t, sheet{"x", rows})
	for i, s := range hostile {
		at := "A" + strconv.Itoa(i+1)
		formula, err := f.GetCellFormula("x", at)
		require.NoError(t, err)
		require.Empty(t, formula, "%q", s)
		kind, err := f.GetCellType("x", at)
		require.NoError(t, err)
		require.Equal(t, excelize.CellTypeInlineString, kind, "%q", s)
		value, err := f.GetCellValue("x", at)
		require.NoError(t, err)
		if !strings.ContainsAny(s, "\x01\r") { // which XML cannot hold, or folds
			require.Equal(t, table.Text(s), value, "as in every other export")
		}
	}
}

func TestNamesOfSheets(t *testing.T) {
	for text, want := range map[string]string{
		"Overview": "Overview", "1 Who wins?": "1 Who wins",
		`2 a:b\c/d?e*f[g]h'i`: "2 a b c d e f g h i", "3 '": "3", "'4'": "4",
		"5 \x00\n\t x": "5 x", "": "", " ?*[]' ": "",
		"6 " + strings.Repeat("é", 99):        "6 " + strings.Repeat("é", 29),
		"7 " + strings.Repeat("🗳", 99):        "7 " + strings.Repeat("🗳", 14),
		"8 " + strings.Repeat("x", 28) + " y": "8 " + strings.Repeat("x", 28),
		"9 \xff\ufffe":                        "9", "= 1 + 1": "= 1 + 1",
	} {
		require.Equal(t, want, Name(text), "%q", text)
	}
}

func TestSheetsOfOneNameAreAFault(t *testing.T) {
	require.Error(t, write(New(io.Discard), sheet{"A?", nil}, sheet{"a*", nil}))
	require.Error(t, write(New(io.Discard), sheet{"A", nil}, sheet{"?", nil}))
}

// FuzzName: whatever the text is, the name is one that a workbook takes.
func FuzzName(f *testing.F) {
	for _, s := range []string{"", "'", "Who wins?", "\x00", "🗳️👩‍👩‍👧", "]]>", "\xff\xfe",
		strings.Repeat("a'", 40), "\ufeff", "\u2028"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		name := Name("1 " + text)
		require.True(t, utf8.ValidString(name))
		require.LessOrEqual(t, len(utf16.Encode([]rune(name))), maxName)
		require.Equal(t, name, Name(name))
		book := opened(t, sheet{"Overview", [][]any{{text}}}, sheet{"1 " + text, [][]any{{1}}})
		require.Equal(t, []string{"Overview", name}, book.GetSheetList())
	})
}
