package question

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Fold is a version of the rule by which texts of a word cloud are one word. What was counted by
// one version is moved by the same one, until all votes of the poll are counted anew (Refolding).
type Fold int16

// The versions. None ever changes what it gives. A change is a new version, and a migration marks
// the polls to be counted by it, as 0006_texts does.
const (
	FirstFold Fold = 1 // knows case, compatible characters and ends of sentences
	// also pictures with and without their selectors, the Turkish i, and all that is not drawn
	PresentFold Fold = 2
)

// of gives the form in which texts are compared. It has:
//   - no case
//   - compatible characters alike (NFKC)
//   - single spaces
//   - no characters that only direct how others are shown, but for the joiners, which words and
//     pictures are made with
func (f Fold) of(s string) string {
	switch {
	case ascii(s):
		return spaced(strings.ToLower(s))
	case f == FirstFold:
		return firstFold(s)
	}
	if folded := presentFold(s); folded != "" {
		return folded
	}
	return firstFold(s) // of nothing to see, which older doors let through
}

// Folded gives the form in which texts are compared, by the present fold.
func Folded(text string) string { return PresentFold.of(text) }

// word is of, without what ends a sentence. It is never empty, unless the text is.
func (f Fold) word(entry string) string {
	word := f.of(entry)
	bare := strings.TrimRightFunc(word,
		func(r rune) bool { return ending(r) || f > FirstFold && joiner(r) })
	switch {
	case bare != "":
		return bare
	case word != "": // "!!!", say
		return word
	}
	return entry
}

// ending tells what may end a sentence. Other punctuation may belong to the word, as in "C#".
func ending(r rune) bool { return r == ' ' || unicode.Is(unicode.Terminal_Punctuation, r) }

// maxFolds bounds the rounds of a fold. Each of folding and normalizing may make something for the
// other to do, once or twice.
const maxFolds = 8

func firstFold(s string) string {
	s = without(s, func(r rune) bool { return unicode.Is(unicode.Cf, r) && !joiner(r) })
	return settled(s, func(s string) string {
		return spaced(norm.NFKC.String(cases.Fold().
			String(s)))
	})
}

// presentFold begins with NFKC, so that equivalent texts are one from the start.
func presentFold(s string) string {
	return settled(norm.NFKC.String(s),
		func(s string) string { return plain(norm.NFKC.String(cases.Fold().String(s))) })
}

// settled repeats a fold until it finds nothing to do.
func settled(s string, fold func(string) string) string {
	for range maxFolds {
		folded := fold(s)
		if folded == s {
			break
		}
		s = folded
	}
	return s
}

// plain drops what is not drawn, the dots by which the letters i differ, and joiners that join
// nothing.
func plain(s string) string {
	var kept strings.Builder
	kept.Grow(len(s))
	before := rune(-1)
	for _, r := range s {
		switch {
		case r == 'ı':
			r = 'i'
		case r == '\u0307' && before == 'i':
			continue
		case ignorable(r) && !joiner(r) && (!tag(r) || before != flag && !tag(before)):
			continue
		}
		kept.WriteRune(r)
		before = r
	}
	words := strings.Fields(kept.String())
	for i := range words {
		words[i] = strings.TrimFunc(words[i], joiner)
	}
	words = slices.DeleteFunc(words, func(word string) bool { return word == "" })
	return strings.Join(words, " ")
}

func joiner(r rune) bool { return r == '\u200c' || r == '\u200d' }

// flag and the tags behind it make the flags of England, Scotland and others.
const flag = '\U0001f3f4'

func tag(r rune) bool { return r >= '\U000e0020' && r <= '\U000e007f' }

// Spelling is a word that an answer counts as, and how it was written.
type Spelling struct{ Word, Text string }

// Spellings gives the words that an answer to a question of free text counts as, each once, as
// Words does, with how each was written.
func (k Kind) Spellings(a Answer) []Spelling {
	all := k.spelled(PresentFold, a)
	spellings := make([]Spelling, len(all))
	for i, s := range all {
		spellings[i] = Spelling{s.word, s.spelling}
	}
	return spellings
}

// spelled is a word that an answer counts as, and how its voter wrote it.
type spelled struct{ word, spelling string }

// spelled gives the words that an answer to a poll of free text counts as, in order, each once.
// With each word comes the first of the texts that are that word.
func (k Kind) spelled(f Fold, a Answer) []spelled {
	if a == "" { // the vote was taken back
		return nil
	}
	entries := a.entries(k)
	all := make([]spelled, len(entries))
	for i, entry := range entries {
		all[i] = spelled{k.word(f, entry), entry}
	}
	slices.SortStableFunc(all, func(a, b spelled) int { return strings.Compare(a.word, b.word) })
	return slices.CompactFunc(all, func(a, b spelled) bool { return a.word == b.word })
}

func (k Kind) word(f Fold, entry string) string {
	if k != WordCloud {
		return entry
	}
	return f.word(entry)
}

// wordsOf takes a text apart into its words, folded. A joiner does not make two of one.
func wordsOf(text string) []string {
	text = without(PresentFold.of(text), joiner)
	return strings.FieldsFunc(text,
		func(r rune) bool {
			return !unicode.IsLetter(r) && !unicode.IsNumber(r) &&
				!unicode.IsMark(r)
		})
}

// stored and written put the lines of an open text into the one line that an answer has for it,
// and back. Line and paragraph separators stand for line feed and tab. No clean text holds them,
// and processes that know nothing of lines count them like any other character.
var (
	stored  = strings.NewReplacer("\n", "\u2028", "\t", "\u2029")
	written = strings.NewReplacer("\u2028", "\n", "\u2029", "\t")
)

// Written gives a text as it was written. The text stands as it is stored in an answer to an open
// text, or as the word of one.
func Written(text string) string { return written.Replace(text) }

// entries gives the texts of an answer as they are stored.
func (a Answer) entries(k Kind) []string {
	if k == OpenText {
		return []string{stored.Replace(string(a))}
	}
	return strings.Split(string(a), "\n")
}

// lax says what an answer that comes from the log must show at the least. Doors of before let
// through what shows nothing.
func lax(s string) bool {
	return strings.IndexFunc(s,
		func(r rune) bool { return !unicode.IsSpace(r) && !unicode.Is(unicode.Cf, r) }) >= 0 &&
		strings.IndexFunc(s, unicode.IsControl) < 0 && utf8.ValidString(s)
}
