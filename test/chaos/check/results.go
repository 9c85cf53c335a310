package check

import "slices"

// display names one display of a poll: its results become final once.
type display struct {
	poll    int32
	version int64
}

// views judges what was read while the room voted, and long after.
func (r *Report) views(h *History) {
	type source struct{ replica, poll int32 }
	type revision struct {
		display
		revision int64
	}
	finals, lists, revisions := map[display]View{}, map[display]View{}, map[revision]View{}
	last := map[source]View{}
	ended := firstFinals(h.Views)
	same := func(what string, v, first View) {
		r.add(Changed, v.Poll, -1,
			"version %d revision %d: the %s of replica %d at %s (revision %d) is not that of "+
				"replica %d at %s",
			v.Version, v.Revision, what, v.Replica, v.Done, first.Revision,
			first.Replica, first.Done)
	}
	for _, v := range h.Views {
		at := source{v.Replica, v.Poll}
		if before, ok := last[at]; ok &&
			(v.Version < before.Version ||
				v.Version == before.Version && v.Revision < before.Revision) {
			r.add(Backward, v.Poll, -1,
				"replica %d: version %d revision %d at %s after version %d revision %d at %s",
				v.Replica, v.Version, v.Revision, v.Done, before.Version,
				before.Revision, before.Done)
		}
		last[at] = v
		d := display{v.Poll, v.Version}
		if first := remember(revisions, revision{d, v.Revision}, v); first.Body != v.Body {
			same("revision", v, first)
		}
		if !v.Final {
			if final, ok := ended[d]; ok && v.Sent > final.Done {
				same("status", v, final)
			}
			continue
		}
		if first := remember(finals, d, v); first.Counted != v.Counted {
			same("final result", v, first)
		}
		if v.List == 0 {
			continue
		}
		if first := remember(lists, d, v); first.List != v.List {
			same("final votes list", v, first)
		}
	}
}

// remember keeps the first view of several, and gives it.
func remember[K comparable, V any](all map[K]V, k K, v V) V {
	if first, ok := all[k]; ok {
		return first
	}
	all[k] = v
	return v
}

// firstFinals gives the reading of each display that was the first to be told that it is final.
func firstFinals(views []View) map[display]View {
	all := map[display]View{}
	for _, v := range views {
		d := display{v.Poll, v.Version}
		if first, ok := all[d]; v.Final && (!ok || v.Done < first.Done) {
			all[d] = v
		}
	}
	return all
}

// later: long after everything was final the store holds what it held.
func (r *Report) later(h *History) {
	if h.Later == nil {
		return
	}
	before := make(map[key]Row, len(h.Rows))
	for _, row := range h.Rows {
		before[key{row.Poll, row.Voter}] = row
	}
	for _, row := range h.Later {
		if was, ok := before[key{row.Poll, row.Voter}]; !ok || was != row {
			r.add(Changed, row.Poll, row.Voter,
				"long after the end the row is %+v; it was %+v", row, was)
		}
	}
	if len(h.Later) < len(h.Rows) {
		r.add(Changed, -1, -1, "long after the end there are %d rows; there were %d",
			len(h.Later), len(h.Rows))
	}
}

// ends judges what is there at the end: tallies are recounts, totals count people, the API says
// what the store holds.
func (r *Report) ends(h *History) {
	rows := map[int32][]Row{}
	for _, row := range h.Rows {
		rows[row.Poll] = append(rows[row.Poll], row)
	}
	for poll, all := range rows {
		rows[poll] = counting(all)
	}
	for _, e := range h.Ends {
		counts := recount(rows[e.Poll], len(e.Counts))
		if voters := int64(len(rows[e.Poll])); e.Voters != voters ||
			!slices.Equal(e.Counts, counts) {
			r.add(Tally, e.Poll, -1, "the store's tally is %d of %v, a recount gives %d of %v",
				e.Voters, e.Counts, voters, counts)
		}
		for _, t := range e.Told {
			if t.Total != e.Voters || !slices.Equal(t.Counts, e.Counts) {
				r.add(Tally, e.Poll, -1, "replica %d says %d of %v, the store %d of %v", t.Replica,
					t.Total, t.Counts, e.Voters, e.Counts)
			}
			r.list(e.Poll, t, rows[e.Poll])
		}
		delete(rows, e.Poll)
	}
	for poll, left := range rows {
		r.add(Ghost, poll, -1, "%d rows are of a poll that nobody made", len(left))
	}
}

// counting leaves out the rows of those who have taken their votes back.
func counting(rows []Row) []Row {
	return slices.DeleteFunc(slices.Clone(rows),
		func(row Row) bool { return row.Answer == TakenBack })
}

func recount(rows []Row, options int) []int64 {
	counts := make([]int64, options)
	for _, row := range rows {
		for i := range counts {
			if row.Answer&(1<<i) != 0 {
				counts[i]++
			}
		}
	}
	return counts
}

// list compares a votes list with the store's rows.
func (r *Report) list(poll int32, t Told, rows []Row) {
	answers := make(map[int32]Answer, len(rows))
	for _, row := range rows {
		answers[row.Voter] = row.Answer
	}
	seen := make(map[int32]bool, len(t.List))
	for _, line := range t.List {
		switch answer, ok := answers[line.Voter]; {
		case seen[line.Voter]:
			r.add(Double, poll, line.Voter, "is twice in the votes list of replica %d", t.Replica)
		case !ok:
			r.add(Ghost, poll, line.Voter,
				"is in the votes list of replica %d and not in the store", t.Replica)
		case answer != line.Answer:
			r.add(Tally, poll, line.Voter, "the votes list of replica %d says %b, the store %b",
				t.Replica, line.Answer, answer)
		}
		seen[line.Voter] = true
	}
	if len(seen) != len(answers) {
		r.add(Tally, poll, -1, "the votes list of replica %d has %d people, the store %d",
			t.Replica, len(seen), len(answers))
	}
}
