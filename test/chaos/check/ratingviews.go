package check

import (
	"net/http"
	"slices"
	"time"
)

// ratingViews judges what was read while people rated. Nobody's rating is ever taken back, so a
// count only grows.
func (r *Report) ratingViews(h *RatingHistory) {
	type source struct{ replica, talk int32 }
	type revision struct {
		talk     int32
		revision int64
	}
	last, revisions := map[source]RatingView{}, map[revision]RatingView{}
	counted, sent := firsts(h)
	for _, v := range h.Views {
		at := source{v.Replica, v.Talk}
		if before, ok := last[at]; ok && v.Revision < before.Revision {
			r.add(Backward, v.Talk, -1, "replica %d: revision %d at %s after revision %d at %s",
				v.Replica, v.Revision, v.Done, before.Revision, before.Done)
		}
		last[at] = v
		first := remember(revisions, revision{v.Talk, v.Revision}, v)
		if first.Body != v.Body {
			r.add(Changed, v.Talk, -1,
				"revision %d of replica %d at %s is not that of replica %d at %s", v.Revision,
				v.Replica, v.Done, first.Replica, first.Done)
		}
		if least := earlier(counted[v.Talk], v.Sent); v.Count < least {
			r.add(Stale, v.Talk, -1,
				"replica %d says %d at %s, and %d had been told that they count", v.Replica,
				v.Count, v.Done, least)
		}
		if most := earlier(sent[v.Talk], v.Done); v.Count > most {
			r.add(Ghost, v.Talk, -1, "replica %d says %d at %s, and only %d had rated", v.Replica,
				v.Count, v.Done, most)
		}
	}
}

// firsts gives, for each talk in order, when each person was first told that a rating counts, and
// when each first sent one.
func firsts(h *RatingHistory) (counted, sent map[int32][]time.Duration) {
	told, asked := map[key]time.Duration{}, map[key]time.Duration{}
	first := func(of map[key]time.Duration, k key, at time.Duration) {
		if known, ok := of[k]; !ok || at < known {
			of[k] = at
		}
	}
	for i := range h.Sent {
		s := &h.Sent[i]
		k := key{s.Talk, s.Person}
		if s.Status == http.StatusNoContent {
			first(told, k, s.Done)
		}
		if s.Outcome() != Refused {
			first(asked, k, s.Sent)
		}
	}
	return byTalk(told), byTalk(asked)
}

func byTalk(of map[key]time.Duration) map[int32][]time.Duration {
	all := map[int32][]time.Duration{}
	for k, at := range of {
		all[k.poll] = append(all[k.poll], at)
	}
	for _, times := range all {
		slices.Sort(times)
	}
	return all
}

// earlier counts the times before one.
func earlier(times []time.Duration, at time.Duration) int64 {
	n, _ := slices.BinarySearch(times, at)
	return int64(n)
}
