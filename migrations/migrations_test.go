package migrations

import (
	"io/fs"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func names(t *testing.T, dialect Dialect, suffix string) []string {
	t.Helper()
	found, err := fs.Glob(files, string(dialect)+"/*"+suffix)
	require.NoError(t, err)
	for i := range found {
		found[i] = strings.TrimSuffix(path.Base(found[i]), suffix)
	}
	return found
}

func TestEveryMigrationHasAWayBackAndBothDialectsHaveTheSameOnes(t *testing.T) {
	want := names(t, Postgres, ".up.sql")
	require.NotEmpty(t, want)
	require.Equal(t, want, names(t, Postgres, ".down.sql"))
	require.Equal(t, want, names(t, SQLite, ".up.sql"))
	require.Equal(t, want, names(t, SQLite, ".down.sql"))
}

func TestTheNumbersCountFromOneWithoutAGap(t *testing.T) {
	all := names(t, Postgres, ".up.sql")
	for i, name := range all {
		require.Regexp(t, `^\d{4}_[a-z_]+$`, name)
		require.Equal(t, i+1, int(name[0]-'0')*1000+int(name[1]-'0')*100+int(name[2]-'0')*10+
			int(name[3]-'0'), name)
	}
	newest, err := Newest(SQLite)
	require.NoError(t, err)
	require.Equal(t, len(all), newest)
}

func TestASchemaErrorIsOneLineThatNamesBothVersions(t *testing.T) {
	for _, e := range []SchemaError{{Found: 7, Newest: 3}, {Found: 7, Newest: 3, Dirty: true}} {
		require.NotContains(t, e.Error(), "\n")
		require.Contains(t, e.Error(), "version 7")
		require.Contains(t, e.Error(), "3")
	}
}
