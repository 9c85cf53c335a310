package poll

import (
	"slices"
	"time"

	"github.com/google/uuid"
)

// MaxWords is how many words results hold at most.
const MaxWords = 100

// Results is what people see of a poll. Two Results with the status Final and the same Version are equal.
type Results struct {
	Poll
	State
	Words []WordCount // for free text: the MaxWords with the most votes, then in the order of their bytes, without banned ones
}

// WordCount is a word, and how many people's votes hold it.
type WordCount struct {
	Text  string
	Count int64
}

// maxSifted bounds how many words are read for the sake of those that were banned after they were written.
const maxSifted = MaxWords * 100

// Sift is for stores, which read the first words of a poll: read of them, or all if there are fewer. It leaves out the
// banned ones, and what is too much. When it says false there is room for more: read ten times as many, with everything
// else anew, and begin with MaxWords.
func (r *Results) Sift(read int) (done bool) {
	done = len(r.Words) < read || read >= maxSifted
	if banned := bansOf(r.Banned); len(r.Banned) > 0 {
		r.Words = slices.DeleteFunc(r.Words, func(w WordCount) bool { return banned.in(w.Text) })
	}
	if len(r.Words) >= MaxWords {
		r.Words, done = r.Words[:MaxWords], true
	}
	return done
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
	VoteID  uuid.UUID
}

// CastAt gives the time at which a replica took the vote, by its own clock, in milliseconds: it informs, and nothing is ordered by it.
// It is zero where the vote's id does not hold it.
func (v VoterAnswer) CastAt() time.Time {
	if v.VoteID.Version() != 7 {
		return time.Time{}
	}
	return time.Unix(v.VoteID.Time().UnixTime()).UTC()
}
