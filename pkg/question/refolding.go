package question

import (
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// CountedWord is a word of a poll as a store has it.
type CountedWord struct {
	Word      string
	Count     int64
	First     uuid.UUID
	Hidden    bool
	Spellings []CountedSpelling // in the order of their bytes
}

// CountedSpelling is how somebody wrote a word.
type CountedSpelling struct {
	Spelling string
	Count    int64
	First    uuid.UUID
}

// Refolding counts the words of a poll anew from its votes, by the present fold. It does so within
// one transaction of a store, which has locked the poll's state. The order of calls is: Had and
// HadSpelling for all that is there; Vote for every vote; Words. A word keeps its age. It is
// hidden if what its texts counted as before is hidden.
type Refolding struct {
	kind       Kind
	fold       Fold
	had, words map[string]*refolded
	folded     map[string]folded // of each text, as folding costs more than all the rest
}

// folded is what a text counts as now, and what it counted as before.
type folded struct{ now, before string }

type refolded struct {
	count     int64
	first     uuid.UUID
	hidden    bool
	spellings map[string]CountedSpelling
}

// NewRefolding begins with a poll whose words were counted by a fold.
func NewRefolding(kind Kind, f Fold) *Refolding {
	return &Refolding{kind: kind, fold: f, had: map[string]*refolded{},
		words: map[string]*refolded{}, folded: map[string]folded{}}
}

// Had brings a word that is there. Its spellings do not matter.
func (r *Refolding) Had(w CountedWord) {
	r.had[w.Word] = &refolded{count: w.Count, first: w.First, hidden: w.Hidden}
}

// HadSpelling brings a spelling that is there.
func (r *Refolding) HadSpelling(word string, s CountedSpelling) {
	named(r.had, word).spell(s)
}

// Vote brings a vote that stands.
func (r *Refolding) Vote(id uuid.UUID, a Answer) {
	if a.TakenBack() {
		return
	}
	entries := a.entries(r.kind)
	for i, entry := range entries {
		f := r.both(entry)
		w := named(r.words, f.now)
		if had := r.had[f.before]; had != nil {
			w.inherit(had)
		}
		if slices.ContainsFunc(entries[:i],
			func(other string) bool { return r.both(other).now == f.now }) {
			continue // a person counts once for each word
		}
		w.count++
		w.first = older(w.first, id)
		if r.kind == WordCloud {
			spelling := w.spellings[entry]
			w.spell(CountedSpelling{entry, spelling.Count + 1, older(spelling.First, id)})
		}
	}
}

// both folds a text by both versions.
func (r *Refolding) both(entry string) folded {
	f, known := r.folded[entry]
	if !known {
		f = folded{r.kind.word(PresentFold, entry), r.kind.word(r.fold, entry)}
		r.folded[entry] = f
	}
	return f
}

// Words gives the words as they are now, in the order of their bytes, and whether anything of them
// is new.
func (r *Refolding) Words() (words []CountedWord, changed bool) {
	for word, had := range r.had {
		if had.hidden {
			named(r.words, r.kind.word(PresentFold, word)).inherit(had)
		}
		if now := r.words[word]; now != nil {
			for s, spelling := range now.spellings {
				spelling.First = older(spelling.First, had.spellings[s].First)
				now.spellings[s] = spelling
			}
		}
	}
	changed = !maps.EqualFunc(r.had, r.words, func(a, b *refolded) bool {
		return a.count == b.count && a.first == b.first && a.hidden == b.hidden &&
			maps.Equal(a.spellings, b.spellings)
	})
	for word, w := range r.words {
		spellings := slices.SortedFunc(maps.Values(w.spellings),
			func(a, b CountedSpelling) int { return strings.Compare(a.Spelling, b.Spelling) })
		words = append(words, CountedWord{word, w.count, w.first, w.hidden, spellings})
	}
	slices.SortFunc(words, func(a, b CountedWord) int { return strings.Compare(a.Word, b.Word) })
	return words, changed
}

func named(words map[string]*refolded, word string) *refolded {
	w := words[word]
	if w == nil {
		w = &refolded{}
		words[word] = w
	}
	return w
}

func (w *refolded) spell(s CountedSpelling) {
	if w.spellings == nil {
		w.spellings = map[string]CountedSpelling{}
	}
	w.spellings[s.Spelling] = s
}

func (w *refolded) inherit(had *refolded) {
	w.first, w.hidden = older(w.first, had.first), w.hidden || had.hidden
}
