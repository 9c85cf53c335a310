package poll

import "github.com/google/uuid"

// Results is what people see of a poll. Two Results with the status Final and the same Version are equal.
type Results struct {
	Poll
	State
}

// Mean gives the average of a rating; ok is false for other kinds and while nobody has voted.
func (r *Results) Mean() (mean float64, ok bool) {
	if r.Kind != Rating || r.Voters == 0 {
		return 0, false
	}
	var sum int64
	for i, n := range r.Counts {
		sum += int64(i+1) * n
	}
	return float64(sum) / float64(r.Voters), true
}

// Median gives the middle of a rating's votes, between two stars when the two in the middle differ; ok is as for
// Mean.
func (r *Results) Median() (median float64, ok bool) {
	if r.Kind != Rating || r.Voters == 0 {
		return 0, false
	}
	lower, upper := r.star((r.Voters+1)/2), r.star(r.Voters/2+1)
	return float64(lower+upper) / 2, true
}

// star gives the rating of the nth vote, from 1, when they are sorted.
func (r *Results) star(nth int64) int {
	for i, n := range r.Counts {
		if nth -= n; nth <= 0 {
			return i + 1
		}
	}
	return len(r.Counts)
}

// VoterAnswer is a line of a poll's votes list.
type VoterAnswer struct {
	VoterID uuid.UUID
	Answer  Answer
}
