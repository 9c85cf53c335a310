package e2e

import (
	"database/sql"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/test/stack"
)

func TestATalksTallyIsARecountAtAnyMoment(t *testing.T) {
	t.Parallel()
	s, st := own(t, stack.Config{Parts: stack.Servers | stack.API | stack.Worker, APIs: 1,
		Workers: 1})
	db, err := sql.Open("postgres", st.DatabaseURL)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	r, talk := recounter{t, "worker", st.DatabaseURL, db}, s.AddTalk(nil)

	people := rate(talk, 8)
	for range 4 {
		r.requireRight("talks: 1 compared, 0 differed, 0 mended\n")
	}
	want := people.leave()
	require.Eventually(t, func() bool {
		return assert.ObjectsAreEqual(want, talk.Ratings("").Histogram)
	}, wait, tick, "%v stand", want)

	r.spoil(`UPDATE talks SET ones = ones + 5`)
	said, failed, code := r.recount()
	require.Equal(t, 1, code)
	require.Contains(t, said, "talks: "+talk.ID+": ratings of 1 to 5: the tally is [")
	require.Contains(t, said, "talks: 1 compared, 1 differed, 0 mended\n")
	require.Contains(t, failed, "not every tally is what its rows say: 1")
	said, failed, code = r.recount("--repair")
	require.Zero(t, code, failed)
	require.Contains(t, said, "talks: 1 compared, 1 differed, 1 mended\n")
	r.requireRight("talks: 1 compared, 0 differed, 0 mended\n")
	require.Equal(t, want, talk.Ratings("").Histogram, "everybody sees it")
}
