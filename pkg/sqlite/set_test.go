package sqlite

import (
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func TestASetArrivesAsItWasGiven(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "plenary.db"))
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	type row struct {
		Row    int       `db:"row"`
		ID     uuid.UUID `db:"a"`
		Text   string    `db:"b"`
		Number int64     `db:"c"`
		Other  string    `db:"d"`
		Types  string    `db:"types"`
	}
	const types = "blob text integer text"
	all := []row{
		{0, uuid.Nil, "", 0, "", types},
		{1, uuid.Max, "A", math.MaxInt64, `"'\?`, types},
		{2, uuid.New(), "Zürich\n🗳", math.MinInt64, "12", types},
		{3, uuid.New(), strings.Repeat("ü", 500), -1, " ", types},
		{4, uuid.New(), " B ", 1<<53 - 1, "", types},
	}
	with, width := Given("a id", "b text", "c number", "d text")
	query := with + `SELECT *, concat_ws(' ', typeof(a), typeof(b), typeof(c), typeof(d)) AS ` +
		`types FROM given`
	for n := 1; n <= len(all); n++ {
		set := NewSet(n, width)
		for _, r := range all[:n] {
			set.ID(r.ID)
			set.Text(r.Text)
			set.Number(r.Number)
			set.Text(r.Other)
		}
		require.Len(t, set.Rows, n*width)
		var got []row
		require.NoError(t, s.reader.Select(&got, query, set.Rows, set.Texts))
		require.Equal(t, all[:n], got)
	}
}
