package chaos

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/backend"
	"github.com/plenary-live/plenary/test/chaos/check"
)

// change is a line of the product that is replaced.
type change struct{ file, from, to string }

// mutant is a product that lacks one of the rules that the guarantees rest on, with a fault that
// needs it.
type mutant struct {
	changes []change
	fault   string
	kinds   []check.Kind // one of them must be found
	// quick: it is part of every test run, on the embedded stack, whatever the fault's own is.
	quick bool
}

var mutants = map[string]mutant{
	"an answer before the vote is stored, by itself": {
		[]change{{"pkg/commit/commit.go", awaits,
			awaitsNot}}, "kill-embedded", []check.Kind{check.Lost}, true,
	},
	"a tally that is written and not moved": {
		[]change{{"pkg/poll/ledger.go", "		a.tally.Add(old.Answer, old.ID, -1)\n", ""}},
		"calm", []check.Kind{check.Tally}, true,
	},
	"an answer before the confirm": {
		[]change{{"pkg/commit/commit.go", awaits,
			awaitsNot}}, "kill-rabbitmq", []check.Kind{check.Lost}, false,
	},
	"no window for the confirm": {
		[]change{{"pkg/intake/intake.go", "Window: poll.Window, ", ""}},
		"net-some-api-rabbitmq", []check.Kind{check.Lost}, false,
	},
	"a seal that does not wait": {
		[]change{{"pkg/poll/poll.go", "SealDelay = Lease + Window + Slack",
			"SealDelay = time.Duration(0)"}},
		"lose-announcements", []check.Kind{check.Lost}, false,
	},
	"a refusal from what is known already": {
		[]change{{"pkg/intake/intake.go",
			"display, now, err = in.cache.Display(ctx, presentationID, arrived)", "_ = arrived"}},
		"lose-announcements", []check.Kind{check.Odd}, false,
	},
	"a lease that is four seconds too long": {
		[]change{{"pkg/poll/poll.go", "Lease = time.Second\n", "Lease = 5 * time.Second\n"}},
		"lose-announcements", []check.Kind{check.Late}, false,
	},
	"batches that nobody remembers": {
		[]change{{"pkg/poll/ledger.go", "if !fresh[b.ID] || walked[b.ID] {", "if false {"}},
		"repeat-batches", []check.Kind{check.Lost}, false,
	},
	"a seal that nobody heeds": {
		[]change{
			{"pkg/poll/ledger.go", "if !fresh[b.ID] || walked[b.ID] {", "if false {"},
			{"pkg/poll/ledger.go", "v.Version <= a.state.Sealed", "v.Version < 0"},
		},
		"repeat-batches", []check.Kind{check.Changed}, false,
	},
	"votes in the order of their versions": {
		[]change{
			{
				"pkg/poll/ledger.go", "return v.Seq >= old.Seq",
				"return v.Version > old.Version || v.Version == old.Version && v.Seq >= old.Seq",
			},
			{ // it would not let such a transaction through
				"migrations/postgres/0009_counting.up.sql", "WHERE v.seq <= excluded.seq;",
				"WHERE true;",
			},
		},
		"lose-announcements", []check.Kind{check.Lost}, false,
	},
	"words that a voter cannot take back": {
		[]change{{"pkg/question/tally.go", "	m.by += n\n", "	m.by += max(n, 0)\n"}}, "calm",
		[]check.Kind{check.Tally}, false,
	},
	"a tally that counts every vote for a new person": {
		[]change{{"pkg/poll/ledger.go", "		a.state.Voters--\n", ""}}, "calm",
		[]check.Kind{check.Tally}, false,
	},
	"a vote that was taken back and is a voter's all the same": {
		[]change{{"pkg/poll/ledger.go", "	if !v.Answer.TakenBack() {\n", "	if true {\n"}},
		"calm", []check.Kind{check.Tally}, false,
	},
	"a votes list with those who took theirs back": {
		[]change{
			{"pkg/poll/pollpg/vote.go", "AND answer <> '' ", ""},
			{"pkg/poll/polllite/vote.go", "AND answer <> '' ", ""},
		},
		"calm", []check.Kind{check.Ghost, check.Tally}, false,
	},
}

// ratingMutants lack a rule of ratings. Of a tally that is wrong a recount tells, too.
var ratingMutants = map[string]mutant{
	"a tally of ratings that is written and not moved": {
		[]change{{"pkg/talk/ledger.go", "			account.add(before.Value, -1)\n", ""}},
		"calm", []check.Kind{check.Tally}, true,
	},
	"a retry of a rating that counts again": {
		[]change{{"pkg/talk/ledger.go", "if !l.isNew[r.Key] {", "if false {"}},
		"calm", []check.Kind{check.Lost}, false,
	},
	"batches of ratings that nobody remembers": {
		[]change{
			{
				"pkg/talk/ledger.go", "if l.isNew != nil && !l.isNew[l.batches[i].ID] {",
				"if false {",
			},
			{
				"pkg/talk/ledger.go", "if !l.isNew[b.ID] || len(b.Ratings) == 0 {",
				"if len(b.Ratings) == 0 {",
			},
		},
		"repeat-batches", []check.Kind{check.Lost}, false,
	},
}

// feedMutants lack a rule of the feed. Of a tally that is wrong a recount tells, too.
var feedMutants = map[string]mutant{
	"a tally of the feed that is written and not moved": {
		[]change{{"pkg/feed/ledger.go", "	poll.Votes[i.Option]++\n	l.hours", "	l.hours"}},
		"calm", []check.Kind{check.Tally}, false,
	},
	"an answer in the feed before the confirm": {
		[]change{{"pkg/commit/commit.go", awaits, awaitsNot}},
		"kill-rabbitmq", []check.Kind{check.Lost}, false,
	},
	"a second vote on a poll that counts": {
		[]change{{"pkg/feed/ledger.go", "		case voted:\n" +
			"			return Result{Verdict: VotedBefore}\n		case skipped:\n" +
			"			return Result{Verdict: SkippedBefore}\n", ""}},
		"calm", []check.Kind{check.Double}, false,
	},
	"a retry in the feed that is another vote": {
		[]change{
			{"pkg/feed/ledger.go", "if i.Keyed && l.known[i.ID] {", "if false {"},
			{"pkg/feed/ledger.go", "if i.Keyed && r.Verdict == Done {", "if false {"},
		},
		"calm", []check.Kind{check.Order}, false,
	},
	"batches of the feed that nobody remembers": {
		[]change{{"pkg/feed/ledger.go", "if !l.isNew[b.ID] || len(b.Items) == 0 {",
			"if len(b.Items) == 0 {"}},
		"repeat-batches", []check.Kind{check.Lost, check.Order}, false,
	},
	"a quota that nobody heeds": {
		[]change{{"pkg/feed/ledger.go", "m.Used >= l.rules.DailyVotes", "m.Used < 0"}},
		"calm", []check.Kind{check.Quota}, false,
	},
	"a feed with what was answered": {
		[]change{{"migrations/postgres/0015_feeds.up.sql",
			"AND t.poll_id NOT IN (SELECT unnest(seen))", ""}},
		"calm", []check.Kind{check.Shown}, false,
	},
}

// The request is answered when its vote was handed over, whatever becomes of that.
const (
	awaits = "return b.await(ctx, w, place, item.Arrived, item.Accepted, wait)"
	// which is poll.Counted
	awaitsNot = "_, _ = b, place\n\treturn g.config.Decode([]byte{1})[0], nil"
)

// A checker that never finds anything proves nothing: it must find what is wrong with a product
// that lacks a rule.
func TestChaosFindsAProductThatLacksARule(t *testing.T) {
	if testing.Short() {
		t.Skip("builds more products and breaks them")
	}
	if *votes == 0 {
		t.Parallel()
	}
	find := func(name string, m mutant, found func(*testing.T, *Row) *check.Report) {
		if *votes == 0 && !m.quick {
			return
		}
		t.Run(name, func(t *testing.T) {
			i := slices.IndexFunc(Faults(), func(f *Fault) bool { return f.Name == m.fault })
			f, o := *Faults()[i], options(1)
			f.Embedded = f.Embedded || m.quick
			targets := []string{"api", "worker"}
			if f.Embedded {
				targets = targets[:1]
			}
			o.Pace.slide = time.Second // transitions are what most of these need
			// each of them does much
			o.Pace.accounts, o.Pace.act = 6, 100*time.Millisecond
			// what a replica believes is wrong, and soon right again
			if m.fault == "lose-announcements" {
				o.Pace.slips = 6
			}
			o.Logf, o.Binaries, o.Afterwards = t.Logf, buildChanged(t, m.changes, targets), 0
			row, err := Run(t.Context(), &f, o)
			require.NoError(t, err)
			r := found(t, row)
			require.Positive(t, r.Of(m.kinds...), "%v is not found: %s", m.kinds, row)
			t.Logf("found %d violations in %v, such as %v", len(r.Violations), row.Took,
				r.Violations[0])
		})
	}
	for name, m := range mutants {
		find(name, m, func(_ *testing.T, row *Row) *check.Report { return row.Report })
	}
	recounted := func(mutants map[string]mutant, of func(*Row) *check.Report) {
		for name, m := range mutants {
			find(name, m, func(t *testing.T, row *Row) *check.Report {
				if slices.Contains(m.kinds, check.Tally) {
					require.Contains(t, fmt.Sprint(row.Odd), backend.ErrDiffers.Error())
				}
				return of(row)
			})
		}
	}
	recounted(ratingMutants, func(row *Row) *check.Report { return row.Ratings.Report })
	recounted(feedMutants, func(row *Row) *check.Report { return row.Feed.Report })
}

// The rules that are taken out are where the table says, also of those that only "make chaos"
// tries.
func TestEveryRuleThatIsTakenOutIsThere(t *testing.T) {
	root, err := moduleRoot(t.Context())
	require.NoError(t, err)
	for _, some := range []map[string]mutant{mutants, ratingMutants, feedMutants} {
		for name, m := range some {
			t.Run(name, func(t *testing.T) { changed(t, root, m.changes) })
		}
	}
}

// changed gives the changed files by their paths.
func changed(t *testing.T, root string, changes []change) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, c := range changes {
		path := filepath.Join(root, c.file)
		if texts[path] == "" {
			raw, err := os.ReadFile(path)
			require.NoError(t, err)
			texts[path] = string(raw)
		}
		require.Equal(t, 1, strings.Count(texts[path], c.from),
			"%s says no longer %q once", c.file, c.from)
		texts[path] = strings.Replace(texts[path], c.from, c.to, 1)
	}
	return texts
}

// buildChanged builds the targets with changes, in a folder that the stack's processes can reach.
func buildChanged(t *testing.T, changes []change, targets []string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "plenary-chaos-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	root, err := moduleRoot(t.Context())
	require.NoError(t, err)
	flag, err := overlay(dir, changed(t, root, changes))
	require.NoError(t, err)
	for _, target := range targets {
		require.NoError(t, goBuild(t.Context(), filepath.Join(dir, target), "./"+target, flag))
	}
	return dir
}
