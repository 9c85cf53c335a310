package table

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestNoPartOfATextIsAFormula(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "plain": "plain", "a,b;c|d": "a,b;c|d", "1 - 1 = 0": "1 - 1 = 0", "C++": "C++",
		"a@b.example": "a@b.example", "two\nlines": "two\nlines",
		"'=1": "'=1", "(=1)": "(=1)", "well-known, e-mail; a+b": "well-known, e-mail; a+b",
		"2026-11-29": "2026-11-29", "\x00": "\x00", "\xff": "\xff",
		"=1+1": "'=1+1", "+49 30": "'+49 30", "-5": "'-5", "@SUM(A1)": "'@SUM(A1)", "\tx": "'\tx",
		"=": "'=", "==": "'==",
		"＝1": "'＝1", "＋1": "'＋1", "－1": "'－1", "＠1": "'＠1", "﹦1": "'﹦1", "﹫": "'﹫",
		" =1": "' =1", "\u00a0-1": "'\u00a0-1", "\ufeff=1": "'\ufeff=1", "\u200b=1": "'\u200b=1",
		"\x01=1": "'\x01=1",
		"x;=1+1": "x;'=1+1", "x,=1": "x,'=1", "x|@y": "x|'@y", "x\n-1": "x\n'-1", "x\r=1": "x\r'=1",
		"x\r\n=1": "x\r\n'=1",
		"x\t=1":   "x\t'=1", "x;\ty": "x;'\ty", "\t=1": "'\t'=1", "x\u2028=1": "x\u2028'=1",
		"x\u0085=1": "x\u0085'=1",
		"x; =1":     "x;' =1", "x;\"=1": "x;'\"=1", `x;""=1`: `x;'""=1`, `"=1"`: `'"=1"`,
		`x;" =1`: `x;'" =1`, "x;;=1;-2": "x;;'=1;'-2", "-;-": "'-;'-",
		"\xff;=1": "\xff;'=1", "🗳️;＝1": "🗳️;'＝1",
	} {
		require.Equal(t, want, Text(text), "%q", text)
		require.Equal(t, want, Text(want), "%q is safe already", want)
	}
}

func TestNumbersStayNumbersAndTimesAreOfISO8601InUTC(t *testing.T) {
	at := time.Date(2026, 11, 29, 23, 30, 0, 500_999_999, time.FixedZone("", 3600))
	for separator, want := range map[rune]string{
		',':  "-5,-4611686018427387904,-0.5,1000000000000000000000,,'-5,,2026-11-29T22:30:00.500Z,,true,false\n",
		';':  "-5;-4611686018427387904;-0,5;1000000000000000000000;;'-5;;2026-11-29T22:30:00.500Z;;true;false\n",
		'\t': "-5\t-4611686018427387904\t-0.5\t1000000000000000000000\t\t'-5\t\t2026-11-29T22:30:00.500Z\t\ttrue\tfalse\n",
	} {
		var b bytes.Buffer
		c, err := NewCSV(&b, separator)
		require.NoError(t, err)
		require.NoError(t, c.Row(-5, int64(-1<<62), -0.5, 1e21, nil, "-5", "", at,
			time.Time{}, true, false))
		require.ErrorContains(t, c.Row(uint8(1)), "uint8")
		require.NoError(t, c.Close())
		require.Equal(t, "\uFEFF"+want, b.String())
	}
}

// split takes a file apart as Excel does with one separator. A cell whose first sign is a quote
// goes on until the quote is closed. What follows that up to the separator is part of the cell.
// Any other quote is a sign like others.
func split(file string, at rune) (cells []string) {
	var cell strings.Builder
	begin, quoted := true, false
	signs := []rune(file)
	for i := 0; i < len(signs); i++ {
		r := signs[i]
		switch {
		case quoted && r == '"' && i+1 < len(signs) && signs[i+1] == '"':
			cell.WriteRune(r)
			i++
		case quoted && r == '"':
			quoted = false
		case quoted:
			cell.WriteRune(r)
		case begin && r == '"':
			quoted, begin = true, false
		case r == at, r == '\n', r == '\r':
			cells = append(cells, cell.String())
			cell.Reset()
			begin = true
		default:
			cell.WriteRune(r)
			begin = false
		}
	}
	return append(cells, cell.String())
}

// pieces takes a file apart at each separator there is, and takes away what some program may.
func pieces(file string) []string {
	all := strings.FieldsFunc(file, separator)
	for i := range all {
		all[i] = strings.TrimLeft(all[i], "\" \u00a0")
	}
	return all
}

// FuzzText: however a file is split, no cell begins as a formula does, and taking the apostrophes
// away gives what was written.
func FuzzText(f *testing.F) {
	for _, text := range []string{
		"", "=1", "x;=1", "x;\"=1\";", "\"\"\"=1", "a\n\"\n=1", "x\r\n\t@", "|-|", "x;\" \"\"=1",
		"'=1", "\xff=;\xff=1", "＝,＋;－|＠", "x;\u200b\"\u2028 =1", "\";=",
	} {
		f.Add(text, "x")
		f.Add("x\"", text)
	}
	f.Fuzz(func(t *testing.T, text, other string) {
		for _, separator := range ",;\t" {
			splits(t, separator, text, other)
		}
	})
}

func splits(t *testing.T, separator rune, text, other string) {
	var b bytes.Buffer
	c, err := NewCSV(&b, separator)
	require.NoError(t, err)
	require.NoError(t, c.Row(1, text, "choice", other))
	require.NoError(t, c.Row(2, other, text, "end"))
	require.NoError(t, c.Close())
	file := strings.TrimPrefix(b.String(), mark)
	cells := pieces(file)
	for _, at := range ",;\t|" {
		cells = append(cells, split(file, at)...)
	}
	for _, cell := range cells {
		// empty cells of the table's own are before it
		cell = strings.TrimLeft(cell, string(separator))
		r, _ := utf8.DecodeRuneInString(cell)
		require.False(t, sign(r), "%q begins as a formula, in %q", cell, file)
	}

	for _, s := range []string{text, other} {
		require.Equal(t, strings.ReplaceAll(s, "'", ""), strings.ReplaceAll(Text(s), "'", ""),
			"nothing else changes")
		require.Equal(t, Text(s), Text(Text(s)))
	}
	r := csv.NewReader(strings.NewReader(file))
	r.Comma = separator
	rows, err := r.ReadAll()
	require.NoError(t, err)
	require.Equal(t, strings.ReplaceAll(Text(text), "\r\n", "\n"), rows[0][1],
		"a reader of CSV gets the whole text")
}
