package check

import "slices"

// views judges what was read while the room voted.
func (r *Report) views(h *History) {
	type display struct {
		poll    int32
		version int64
	}
	type source struct{ replica, poll int32 }
	bodies, lists := map[display]View{}, map[display]View{}
	last := map[source]View{}
	for _, v := range h.Views {
		at := source{v.Replica, v.Poll}
		if before, ok := last[at]; ok && (v.Version < before.Version || v.Version == before.Version && v.Revision < before.Revision) {
			r.add(Backward, v.Poll, -1, "replica %d: version %d revision %d at %s after version %d revision %d at %s",
				v.Replica, v.Version, v.Revision, v.Done, before.Version, before.Revision, before.Done)
		}
		last[at] = v
		if !v.Final {
			continue
		}
		d := display{v.Poll, v.Version}
		if first, ok := bodies[d]; !ok {
			bodies[d] = v
		} else if first.Body != v.Body {
			r.add(Changed, v.Poll, -1, "version %d: the final results of replica %d at %s are not those of replica %d at %s",
				v.Version, v.Replica, v.Done, first.Replica, first.Done)
		}
		if v.List == 0 {
			continue
		}
		if first, ok := lists[d]; !ok {
			lists[d] = v
		} else if first.List != v.List {
			r.add(Changed, v.Poll, -1, "version %d: the final votes list of replica %d at %s is not that of replica %d at %s",
				v.Version, v.Replica, v.Done, first.Replica, first.Done)
		}
	}
}

// ends judges what is there at the end: tallies are recounts, totals count people, the API says what the store holds.
func (r *Report) ends(h *History) {
	rows := map[int32][]Row{}
	for _, row := range h.Rows {
		rows[row.Poll] = append(rows[row.Poll], row)
	}
	for _, e := range h.Ends {
		counts := recount(rows[e.Poll], len(e.Counts))
		if voters := int64(len(rows[e.Poll])); e.Voters != voters || !slices.Equal(e.Counts, counts) {
			r.add(Tally, e.Poll, -1, "the store's tally is %d of %v, a recount gives %d of %v", e.Voters, e.Counts, voters, counts)
		}
		for _, t := range e.Told {
			if t.Total != e.Voters || !slices.Equal(t.Counts, e.Counts) {
				r.add(Tally, e.Poll, -1, "replica %d says %d of %v, the store %d of %v", t.Replica, t.Total, t.Counts, e.Voters, e.Counts)
			}
			r.list(e.Poll, t, rows[e.Poll])
		}
		delete(rows, e.Poll)
	}
	for poll, left := range rows {
		r.add(Ghost, poll, -1, "%d rows are of a poll that nobody made", len(left))
	}
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
			r.add(Ghost, poll, line.Voter, "is in the votes list of replica %d and not in the store", t.Replica)
		case answer != line.Answer:
			r.add(Tally, poll, line.Voter, "the votes list of replica %d says %b, the store %b", t.Replica, line.Answer, answer)
		}
		seen[line.Voter] = true
	}
	if len(seen) != len(answers) {
		r.add(Tally, poll, -1, "the votes list of replica %d has %d people, the store %d", t.Replica, len(seen), len(answers))
	}
}
