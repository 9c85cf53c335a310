package chaos

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/test/chaos/check"
)

// change is a line of the product that is replaced.
type change struct{ file, from, to string }

// broken are products that lack one of the rules that the guarantees rest on, each with a fault that needs it.
var broken = map[string]struct {
	changes []change
	fault   string
	kinds   []check.Kind // one of them must be found
}{
	"a lease that is four seconds too long": {
		[]change{{"pkg/poll/poll.go", "Lease = time.Second\n", "Lease = 5 * time.Second\n"}},
		"lose-announcements", []check.Kind{check.Late},
	},
	"batches that nobody remembers": {
		[]change{{"pkg/poll/ledger.go", "if !fresh[b.ID] || walked[b.ID] {", "if false {"}},
		"repeat-batches", []check.Kind{check.Lost},
	},
	"a seal that nobody heeds": {
		[]change{
			{"pkg/poll/ledger.go", "if !fresh[b.ID] || walked[b.ID] {", "if false {"},
			{"pkg/poll/ledger.go", "v.Version <= a.state.Sealed", "v.Version < 0"},
		},
		"repeat-batches", []check.Kind{check.Changed},
	},
	"votes in the order of their versions": {
		[]change{{"pkg/poll/ledger.go", "return v.Seq >= old.Seq", "return v.Version > old.Version || v.Version == old.Version && v.Seq >= old.Seq"}},
		"lose-announcements", []check.Kind{check.Lost},
	},
	"a tally that counts every vote for a new person": {
		[]change{{"pkg/poll/ledger.go", "	if old == nil {\n		a.state.Voters++", "	if true {\n		a.state.Voters++"}},
		"calm", []check.Kind{check.Tally},
	},
}

// A checker that never finds anything proves nothing: it must find what is wrong with a product that lacks a rule.
func TestChaosFindsAProductThatLacksARule(t *testing.T) {
	if testing.Short() || *votes == 0 {
		t.Skip("long: builds and breaks five more products")
	}
	for name, b := range broken {
		t.Run(name, func(t *testing.T) {
			dir := buildChanged(t, b.changes)
			i := slices.IndexFunc(Faults(), func(f *Fault) bool { return f.Name == b.fault })
			o := options(1)
			o.Pace.slide = time.Second // transitions are what most of these need
			o.Logf, o.Binaries = t.Logf, dir
			row, err := Run(t.Context(), Faults()[i], o)
			require.NoError(t, err)
			require.Positive(t, row.Report.Of(b.kinds...), "%v is not found: %s", b.kinds, row)
			t.Logf("found %d violations, such as %v", len(row.Report.Violations), row.Report.Violations[0])
		})
	}
}

// buildChanged builds the API and the worker with changes, in a folder that the stack's processes can reach.
func buildChanged(t *testing.T, changes []change) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "plenary-chaos-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	root, err := moduleRoot(t.Context())
	require.NoError(t, err)
	texts := map[string]string{}
	for _, c := range changes {
		path := filepath.Join(root, c.file)
		if texts[path] == "" {
			raw, err := os.ReadFile(path)
			require.NoError(t, err)
			texts[path] = string(raw)
		}
		require.Equal(t, 1, strings.Count(texts[path], c.from), "%s says no longer %q once", c.file, c.from)
		texts[path] = strings.Replace(texts[path], c.from, c.to, 1)
	}
	flag, err := overlay(dir, texts)
	require.NoError(t, err)
	for _, target := range []string{"api", "worker"} {
		require.NoError(t, goBuild(t.Context(), filepath.Join(dir, target), "./"+target, flag))
	}
	return dir
}
