package poll

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// What voters may write to a poll of free text.
const (
	MaxEntries     = 10  // texts of one voter in a word cloud
	DefaultEntries = 3   // the same, where the presenter does not say
	MaxWordLength  = 50  // characters of a text in a word cloud
	MaxTextLength  = 500 // characters of an open text
)

// FreeText says whether voters write their answer themselves instead of choosing an option.
func (k Kind) FreeText() bool { return k == WordCloud || k == OpenText }

func (k Kind) maxEntries() int {
	if k == WordCloud {
		return MaxEntries
	}
	return 1
}

func (k Kind) maxLength() int {
	if k == WordCloud {
		return MaxWordLength
	}
	return MaxTextLength
}

// TextAnswer checks the texts that a voter wrote against the poll and makes an answer of them. Errors are of the kind
// Invalid and name the field: "text" where the poll takes one, "texts" where it takes several.
func (p *Poll) TextAnswer(texts []string) (Answer, error) {
	field := "text"
	if p.MaxChoices > 1 && p.Kind.FreeText() {
		field = "texts"
	}
	switch {
	case !p.Kind.FreeText():
		return "", Field(field, "this poll takes a key, not text")
	case len(texts) == 0:
		return "", Field(field, "must hold a text")
	case len(texts) > p.MaxChoices:
		return "", Field("texts", "this poll takes at most %d", p.MaxChoices)
	}
	entries, said := make([]string, len(texts)), make(map[string]bool, len(texts))
	banned := newBans(p.Banned)
	for i, text := range texts {
		entry, err := p.Kind.clean(field, text)
		if err != nil {
			return "", err
		}
		word := p.Kind.word(entry)
		switch {
		case said[word]:
			return "", Field(field, "%q is there twice", entry)
		case banned.in(entry):
			return "", Field(field, "holds a word that is not wanted here")
		}
		entries[i], said[word] = entry, true
	}
	slices.Sort(entries)
	return Answer(strings.Join(entries, "\n")), nil
}

// clean gives a text the form in which it is stored: composed (NFC), with single spaces between its words and none around
// them.
func (k Kind) clean(field, text string) (string, error) {
	// Readers of JSON put the replacement character where there was no character.
	if !utf8.ValidString(text) || strings.ContainsRune(text, utf8.RuneError) {
		return "", Field(field, "must be valid UTF-8")
	}
	text = spaced(norm.NFC.String(text))
	switch {
	case !visible(text):
		return "", Field(field, "must not be empty")
	case utf8.RuneCountInString(text) > k.maxLength():
		return "", Field(field, "must have at most %d characters", k.maxLength())
	case !printable(text):
		return "", Field(field, "must not hold control characters")
	}
	return text, nil
}

// takes says whether an answer that comes from the log is one that a store can keep and count. It asks no more than that: what
// is clean is decided at the door, by the Unicode of its day.
func (k Kind) takes(a Answer) bool {
	entries := a.Texts()
	return len(entries) <= k.maxEntries() && !slices.ContainsFunc(entries, func(text string) bool {
		return !utf8.ValidString(text) || !visible(text) || !printable(text) || utf8.RuneCountInString(text) > k.maxLength()
	})
}

// Words gives what an answer to a poll of free text counts as, in order: in a word cloud its texts folded, so that "Berlin",
// "berlin " and "BERLIN!" are one word; else its text as it is. A person counts once for each.
func (k Kind) Words(a Answer) []string {
	words := a.Texts()
	for i := range words {
		words[i] = k.word(words[i])
	}
	slices.Sort(words)
	return slices.Compact(words)
}

func (k Kind) word(entry string) string {
	if k != WordCloud {
		return entry
	}
	word := fold(entry)
	if bare := strings.TrimRightFunc(word, ending); bare != "" {
		return bare
	}
	return word // "!!!", say
}

// ending tells what may end a sentence. Other punctuation may belong to the word, as in "C#".
func ending(r rune) bool { return r == ' ' || unicode.Is(unicode.Terminal_Punctuation, r) }

// maxFolds bounds the rounds of fold. Each of folding and normalizing may make something for the other to do, once or twice.
const maxFolds = 8

// fold gives the form in which texts are compared: without case, compatible characters alike (NFKC), single spaces, and
// without characters that only direct how others are shown, but for the joiners, which words and pictures are made with.
func fold(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) && !joiner(r) {
			return -1
		}
		return r
	}, s)
	for range maxFolds {
		folded := spaced(norm.NFKC.String(cases.Fold().String(s)))
		if folded == s {
			break
		}
		s = folded
	}
	return s
}

func joiner(r rune) bool { return r == '\u200c' || r == '\u200d' }

func spaced(s string) string { return strings.Join(strings.Fields(s), " ") }

// visible says whether there is anything to see in a text.
func visible(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return !unicode.IsSpace(r) && !unicode.Is(unicode.Cf, r) }) >= 0
}

// bans finds banned words in texts, whole words or several in a row.
type bans struct {
	rows  [][]string // words that stand in a row
	signs []string   // what holds no word, a picture say: wherever it stands
}

func newBans(banned []string) (b bans) {
	for _, s := range banned {
		if words := wordsOf(s); len(words) > 0 {
			b.rows = append(b.rows, words)
		} else if s = fold(s); s != "" {
			b.signs = append(b.signs, s)
		}
	}
	return b
}

func (b bans) in(text string) bool {
	if len(b.rows) > 0 {
		words := wordsOf(text)
		for _, row := range b.rows {
			for at := 0; at+len(row) <= len(words); at++ {
				if slices.Equal(words[at:at+len(row)], row) {
					return true
				}
			}
		}
	}
	if len(b.signs) == 0 {
		return false
	}
	text = fold(text)
	return slices.ContainsFunc(b.signs, func(sign string) bool { return strings.Contains(text, sign) })
}

// wordsOf takes a text apart into its words, folded. A joiner does not make two of one.
func wordsOf(text string) []string {
	text = strings.NewReplacer("\u200c", "", "\u200d", "").Replace(fold(text))
	return strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r) })
}
