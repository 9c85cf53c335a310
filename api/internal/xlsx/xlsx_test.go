package xlsx

import (
	"bytes"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"

	"github.com/plenary-live/plenary/api/internal/table"
)

// opened is a workbook as a spreadsheet reads it.
func opened(t *testing.T, sheets ...Sheet) *excelize.File {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, Write(&b, sheets))
	f, err := excelize.OpenReader(&b)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	return f
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	f := opened(t,
		Sheet{Name: "One", Rows: [][]any{{"title", "Ünï 🗳️ <b>&amp;\"'"}, {}, {"key", "value", "count"}, {"A", " spaces ", int64(7), nil, 2.5}}, Heads: []int{2}},
		Sheet{Name: "Two"})
	require.Equal(t, []string{"One", "Two"}, f.GetSheetList())
	rows, err := f.GetRows("One")
	require.NoError(t, err)
	require.Equal(t, [][]string{{"title", "Ünï 🗳️ <b>&amp;\"'"}, nil, {"key", "value", "count"}, {"A", " spaces ", "7", "", "2.5"}}, rows)
	style, err := f.GetCellStyle("One", "A3")
	require.NoError(t, err)
	require.NotZero(t, style)
	kind, err := f.GetCellType("One", "C4")
	require.NoError(t, err)
	require.NotEqual(t, excelize.CellTypeInlineString, kind, "a number is a number")
}

func TestTextIsNeverAFormula(t *testing.T) {
	hostile := []string{
		"=1+1", "+1", "-1", "@SUM(A1)", "=HYPERLINK(\"http://x\")", "\t=1", "007", "1e9", "TRUE", "_x0041_", "\x01\x08", "]]>", "a\r\nb", strings.Repeat("=", 1000),
	}
	var rows [][]any
	for _, s := range hostile {
		rows = append(rows, []any{s})
	}
	f := opened(t, Sheet{Name: "x", Rows: rows})
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
		"Overview": "Overview", "1 Who wins?": "1 Who wins", `2 a:b\c/d?e*f[g]h'i`: "2 a b c d e f g h i", "3 '": "3", "'4'": "4",
		"5 \x00\n\t x": "5 x", "": "", " ?*[]' ": "", "6 " + strings.Repeat("é", 99): "6 " + strings.Repeat("é", 29),
		"7 " + strings.Repeat("🗳", 99): "7 " + strings.Repeat("🗳", 14), "8 " + strings.Repeat("x", 28) + " y": "8 " + strings.Repeat("x", 28),
		"9 \xff\ufffe": "9", "= 1 + 1": "= 1 + 1",
	} {
		require.Equal(t, want, Name(text), "%q", text)
	}
}

func TestSheetsOfOneNameAreAFault(t *testing.T) {
	require.Error(t, Write(&bytes.Buffer{}, []Sheet{{Name: "A?"}, {Name: "a*"}}))
	require.Error(t, Write(&bytes.Buffer{}, []Sheet{{Name: "A"}, {Name: "?"}}))
}

// FuzzName: whatever the text is, the name is one that a workbook takes.
func FuzzName(f *testing.F) {
	for _, s := range []string{"", "'", "Who wins?", "\x00", "🗳️👩‍👩‍👧", "]]>", "\xff\xfe", strings.Repeat("a'", 40), "\ufeff", "\u2028"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		name := Name("1 " + text)
		require.True(t, utf8.ValidString(name))
		require.LessOrEqual(t, len(utf16.Encode([]rune(name))), maxName)
		require.Equal(t, name, Name(name))
		book := opened(t, Sheet{Name: "Overview", Rows: [][]any{{text}}}, Sheet{Name: "1 " + text, Rows: [][]any{{1}}})
		require.Equal(t, []string{"Overview", name}, book.GetSheetList())
	})
}
