package question

import (
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/plenary-live/plenary/pkg/fault"
)

// What voters may write to a poll of free text.
const (
	MaxEntries     = 10 // texts of one voter in a word cloud
	DefaultEntries = 3  // the same, where the presenter does not say
	// characters of a text in a word cloud, as it is written and as it is folded
	MaxWordLength = 50
	MaxTextLength = 500 // characters of an open text
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

// TextAnswer checks the texts that a voter wrote against the poll and makes an answer of them.
// Errors are of the kind Invalid and name the field: "text" where the poll takes one, "texts" where
// it takes several.
func (q *Question) TextAnswer(texts []string) (Answer, error) { return q.Write("poll", texts) }

// Write is TextAnswer, whose errors call what takes the answer so.
func (q *Question) Write(taker string, texts []string) (Answer, error) {
	field := "text"
	if q.MaxChoices > 1 && q.Kind.FreeText() {
		field = "texts"
	}
	switch {
	case len(texts) == 0:
		return "", nil // as of no keys
	case !q.Kind.FreeText():
		return "", fault.Field(field, "this %s takes a key, not text", taker)
	case len(texts) > q.MaxChoices:
		return "", fault.Field("texts", "this %s takes at most %d", taker, q.MaxChoices)
	}
	entries, said := make([]string, len(texts)), make(map[string]bool, len(texts))
	banned := bansOf(q.Banned)
	for i, text := range texts {
		entry, err := clean(field, text, q.Kind.maxLength(), layout(q.Kind == OpenText))
		if err != nil {
			return "", err
		}
		word := q.Kind.word(PresentFold, entry)
		switch {
		case utf8.RuneCountInString(word) > q.Kind.maxLength():
			return "", fault.Field(field,
				"must have at most %d characters, and some of these stand for several",
				q.Kind.maxLength())
		case said[word]:
			return "", fault.Field(field, "%q is there twice", entry)
		case banned.in(entry):
			return "", fault.Field(field, "holds a word that is not wanted here")
		}
		entries[i], said[word] = entry, true
	}
	if q.Kind == OpenText {
		return Answer(stored.Replace(entries[0])), nil
	}
	slices.Sort(entries)
	return Answer(strings.Join(entries, "\n")), nil
}

// takes says whether an answer that comes from the log is one that a store can keep and count. It
// asks no more than that: what is clean is decided at the door, by the Unicode of its day.
func (k Kind) takes(a Answer) bool {
	entries := strings.Split(string(a), "\n")
	return len(entries) <= k.maxEntries() && !slices.ContainsFunc(entries, func(text string) bool {
		return !lax(text) || utf8.RuneCountInString(text) > k.maxLength()
	})
}

// Words gives what an answer to a poll of free text counts as, in order. In a word cloud that is
// its texts folded, so that "Berlin", "berlin " and "BERLIN!" are one word. Else it is its text as
// it is stored (Written). A person counts once for each.
func (k Kind) Words(a Answer) []string { return k.WordsBy(PresentFold, a) }

// WordsBy is Words by a version of the fold.
func (k Kind) WordsBy(f Fold, a Answer) (words []string) {
	for _, s := range k.spelled(f, a) {
		words = append(words, s.word)
	}
	return words
}

// Bans gives what finds the banned words in a text; it is nil where none are banned.
func (q *Question) Bans() func(text string) bool {
	if len(q.Banned) == 0 {
		return nil
	}
	return bansOf(q.Banned).in
}

// bans finds banned words in texts, whole words or several in a row.
type bans struct {
	banned []string              // what it was made of
	rows   map[string][][]string // words that stand in a row, by the first of them
	signs  []string              // what holds no word, a picture say: wherever it stands
}

func newBans(banned []string) bans {
	b := bans{banned: slices.Clone(banned), rows: map[string][][]string{}}
	for _, s := range banned {
		if words := wordsOf(s); len(words) > 0 {
			b.rows[words[0]] = append(b.rows[words[0]], words)
		} else if s = PresentFold.of(s); s != "" {
			b.signs = append(b.signs, s)
		}
	}
	return b
}

func (b bans) in(text string) bool {
	if len(b.rows) > 0 {
		words := wordsOf(text)
		for i := range words {
			for _, row := range b.rows[words[i]] {
				if i+len(row) <= len(words) && slices.Equal(words[i:i+len(row)], row) {
					return true
				}
			}
		}
	}
	if len(b.signs) == 0 {
		return false
	}
	text = PresentFold.of(text)
	return slices.ContainsFunc(b.signs,
		func(sign string) bool { return strings.Contains(text, sign) })
}

// lists keeps the bans of the lists in use, of which a replica sees few. To fold two hundred words
// for every vote would cost a hundred times what the vote does.
var lists = struct {
	sync.Mutex
	seed maphash.Seed
	made map[uint64]bans
}{seed: maphash.MakeSeed(), made: map[uint64]bans{}}

const maxLists = 100

func bansOf(banned []string) bans {
	if len(banned) == 0 {
		return bans{}
	}
	var hash maphash.Hash
	hash.SetSeed(lists.seed)
	for _, s := range banned {
		_, _ = hash.WriteString(s) // never fails
		_ = hash.WriteByte(0)
	}
	lists.Lock()
	defer lists.Unlock()
	b, ok := lists.made[hash.Sum64()]
	if !ok || !slices.Equal(b.banned, banned) {
		if len(lists.made) >= maxLists {
			clear(lists.made)
		}
		b = newBans(banned)
		lists.made[hash.Sum64()] = b
	}
	return b
}
