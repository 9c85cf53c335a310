package poll

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/question"
)

// MaxWords is how many words results hold at most.
const MaxWords = 100

// Results is what people see of a poll. Two Results with the status Final and the same Version are
// equal, but for words that the presenter hid, banned or showed in between.
type Results struct {
	Poll
	State

	// For free text: the first MaxWords in the order of the kind, without hidden and banned ones.
	Words []question.WordCount
	// How many words there are that are not hidden, counted up to MaxTotal. Words that were banned
	// after they were written are in it only where there are too many to look at.
	WordsTotal int
}

// maxSifted bounds how many words are read for the sake of those that were banned after they were
// written.
const maxSifted = MaxWords * 100

// Sift is for stores, which read the first words of a poll: read of them, or all if there are
// fewer. It leaves out the banned ones, and what is too much, and has texts as they were written.
// When it says false there is room for more: read ten times as many, with everything else anew, and
// begin with MaxWords.
func (r *Results) Sift(read int) (done bool) {
	done = len(r.Words) < read || read >= maxSifted
	if banned := r.Bans(); banned != nil {
		r.WordsTotal -= len(r.Words)
		r.Words = slices.DeleteFunc(r.Words,
			func(w question.WordCount) bool { return banned(w.Word) })
		r.WordsTotal += len(r.Words)
	}
	if len(r.Words) >= MaxWords {
		r.Words, done = r.Words[:MaxWords], true
	}
	for i := range r.Words {
		r.Words[i].Text = question.Written(r.Words[i].Text)
	}
	return done
}

// Mean gives the average of a rating; ok is false for other kinds and while nobody has voted.
func (r *Results) Mean() (mean float64, ok bool) {
	if r.Kind != question.Rating || r.Voters == 0 {
		return 0, false
	}
	var sum int64
	for i, n := range r.Counts {
		sum += int64(i+1) * n
	}
	return float64(sum) / float64(r.Voters), true
}

// Median gives the middle of a rating's votes, between two stars when the two in the middle differ;
// ok is as for Mean.
func (r *Results) Median() (median float64, ok bool) {
	if r.Kind != question.Rating || r.Voters == 0 {
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
	Answer  question.Answer
	VoteID  uuid.UUID
}

// CastAt gives the time at which a replica took the vote, by its own clock, in milliseconds: it
// informs, and nothing is ordered by it. It is zero where the vote's id does not hold it.
func (v VoterAnswer) CastAt() time.Time { return question.CastAt(v.VoteID) }
