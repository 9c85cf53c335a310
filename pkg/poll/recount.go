package poll

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/question"
	"github.com/plenary-live/plenary/pkg/work"
)

// RecountStore is what a recount needs of a store.
type RecountStore interface {
	// PollIDs lists polls whose ids are above after, at most limit, in the order of their ids.
	PollIDs(ctx context.Context, after uuid.UUID, limit int) ([]uuid.UUID, error)

	// Recount compares the tallies of one poll with its votes, under the lock by which both move,
	// and gives what differs. Words that are to be counted anew by the present fold are left to
	// Store.Refold. With repair it writes what the votes say, with one revision more. NotFound.
	Recount(ctx context.Context, pollID uuid.UUID, repair bool) ([]Differing, error)
}

// Differing is a tally of a poll that is not what its votes say.
type Differing struct {
	What        string
	Tally, Rows []int64
}

// recountPage is how many polls are listed at once.
const recountPage = 1000

// Recounter is the work.Recounter of polls.
type Recounter struct{ store RecountStore }

// NewRecounter makes a Recounter.
func NewRecounter(store RecountStore) *Recounter { return &Recounter{store} }

// Recount is the promise of work.Recounter. A poll is locked while its votes are counted.
func (r *Recounter) Recount(
	ctx context.Context, repair bool, found func(work.Difference),
) (compared int, err error) {
	after := uuid.Nil
	for {
		ids, err := r.store.PollIDs(ctx, after, recountPage)
		if err != nil {
			return compared, err
		}
		for _, id := range ids {
			differing, err := r.store.Recount(ctx, id, repair)
			if fault.Is(err, fault.NotFound) { // it was deleted meanwhile
				continue
			}
			if err != nil {
				return compared, err
			}
			for _, d := range differing {
				found(work.Difference{
					Thing: id, What: d.What, Tally: d.Tally, Rows: d.Rows, Mended: repair,
				})
			}
			compared++
		}
		if len(ids) < recountPage {
			return compared, nil
		}
		after = ids[len(ids)-1]
	}
}

// Recount counts the votes of a poll anew, within one transaction of a store. The order of calls
// is: Vote for every vote, Word and Spelling for every one that is there, and then the others.
type Recount struct {
	kind   question.Kind
	state  State
	fold   question.Fold
	skips  bool // the words
	tally  question.Tally
	voters int64
	told   map[said]int64
}

// said is a word, or how somebody wrote it.
type said struct{ word, spelling string } // spelling is empty for the word

// NewRecount begins with a poll, whose state is locked.
func NewRecount(kind question.Kind, options []string, s State, f Folding) *Recount {
	r := &Recount{
		kind: kind, state: s, fold: f.Fold, skips: f.Due(kind, s.Status),
		tally: question.NewTally(kind, options, make([]int64, len(options))),
		told:  map[said]int64{},
	}
	if kind.FreeText() {
		r.tally.Folded(f.Fold)
	}
	return r
}

// Vote brings a vote that stands.
func (r *Recount) Vote(id uuid.UUID, a question.Answer) {
	if a.TakenBack() {
		return
	}
	r.voters++
	if !r.skips {
		r.tally.Add(a, id, 1)
	}
}

// Word brings a word that is there, with its count.
func (r *Recount) Word(word string, count int64) {
	if r.kind.FreeText() && !r.skips {
		r.told[said{word: word}] = count
	}
}

// Spelling brings a spelling that is there, with its count. The first fold knows none.
func (r *Recount) Spelling(word, spelling string, count int64) {
	if r.fold != question.FirstFold && !r.skips {
		r.told[said{word, spelling}] = count
	}
}

// WordsDiffer says whether the words are to be counted anew.
func (r *Recount) WordsDiffer() bool {
	words, spellings := r.words()
	return len(words)+len(spellings) > 0
}

// words gives what differs: the counts of words, and those of how they are written.
func (r *Recount) words() (words, spellings []difference) {
	if !r.kind.FreeText() {
		return nil, nil
	}
	rows := map[said]int64{}
	for _, w := range r.tally.Words() {
		rows[said{word: w.Word}] = w.By
		for _, s := range w.Spellings {
			rows[said{w.Word, s.Spelling}] = s.By
		}
	}
	all := maps.Clone(r.told)
	maps.Copy(all, rows)
	for what := range all {
		d := difference{what, r.told[what], rows[what]}
		switch {
		case d.told == d.rows:
		case what.spelling == "":
			words = append(words, d)
		default:
			spellings = append(spellings, d)
		}
	}
	return words, spellings
}

// difference is a count that is not what the votes say.
type difference struct {
	said
	told, rows int64
}

// differing puts counts together, in the order of what they are of.
func differing(what string, all []difference) Differing {
	slices.SortFunc(all, func(a, b difference) int {
		return cmp.Or(cmp.Compare(a.word, b.word), cmp.Compare(a.spelling, b.spelling))
	})
	d := Differing{What: what}
	for _, one := range all {
		d.Tally, d.Rows = append(d.Tally, one.told), append(d.Rows, one.rows)
	}
	return d
}

// State gives the state as the votes say it, and whether it is another one. It has the revision
// that it is to be written with.
func (r *Recount) State() (s State, other bool) {
	s = r.state
	if s.Voters != r.voters {
		s.Voters, other = r.voters, true
	}
	if !r.kind.FreeText() && !sameCounts(s.Counts, r.tally.Counts()) {
		s.Counts, other = r.tally.Counts(), true
	}
	if other {
		s.Revision++
	}
	return s, other
}

// sameCounts compares counts. Those that are not there are 0.
func sameCounts(a, b []int64) bool {
	for i := range max(len(a), len(b)) {
		if i < len(a) && i < len(b) && a[i] != b[i] ||
			i >= len(a) && b[i] != 0 || i >= len(b) && a[i] != 0 {
			return false
		}
	}
	return true
}

// Differing gives what differs.
func (r *Recount) Differing() (all []Differing) {
	if r.state.Voters != r.voters {
		all = append(all, Differing{"voters", []int64{r.state.Voters}, []int64{r.voters}})
	}
	if counts := r.tally.Counts(); !r.kind.FreeText() && !sameCounts(r.state.Counts, counts) {
		all = append(all, Differing{"votes of each option", r.state.Counts, counts})
	}
	words, spellings := r.words()
	if len(words) > 0 {
		all = append(all, differing("words", words))
	}
	if len(spellings) > 0 {
		all = append(all, differing("spellings of words", spellings))
	}
	return all
}
