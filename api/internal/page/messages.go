package page

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"golang.org/x/text/language"
)

// message is a text, or one for each plural form ("one", "other"; a language may have more) of its
// number n.
type message any

// languages are those that the pages speak: one file messages/TAG.json each.
type languages struct {
	all     []spoken // English first: it is spoken to whom none is right
	matcher language.Matcher
}

// spoken is a language with its messages.
type spoken struct {
	tag      language.Tag
	messages map[string]message
}

func readLanguages(files fs.FS) (*languages, error) {
	all, err := read(files, "messages")
	if err != nil {
		return nil, err
	}
	l := &languages{}
	var tags []language.Tag
	for _, name := range slices.SortedFunc(maps.Keys(all), englishFirst) {
		s := spoken{}
		if s.tag, err = language.Parse(strings.TrimSuffix(name, ".json")); err != nil {
			return nil, fmt.Errorf("messages/%s: %w", name, err)
		}
		if err := json.Unmarshal(all[name], &s.messages); err != nil {
			return nil, fmt.Errorf("messages/%s: %w", name, err)
		}
		l.all, tags = append(l.all, s), append(tags, s.tag)
	}
	l.matcher = language.NewMatcher(tags)
	return l, nil
}

// rightToLeft says whether the language is written from right to left: then the whole layout is
// mirrored.
func (s spoken) rightToLeft() bool {
	script, _ := s.tag.Script()
	return slices.Contains([]string{"Arab", "Hebr", "Thaa", "Syrc", "Nkoo", "Adlm"},
		script.String())
}

func englishFirst(a, b string) int {
	switch "en.json" {
	case a:
		return -1
	case b:
		return 1
	}
	return strings.Compare(a, b)
}

// match gives the language to speak to somebody who accepts these. A header that is longer than any
// browser's is not read.
func (l *languages) match(accept string) string {
	if len(accept) > 1000 {
		accept = ""
	}
	wanted, _, _ := language.ParseAcceptLanguage(accept) // what cannot be read wants nothing
	_, i, confidence := l.matcher.Match(wanted...)
	// of those with the same script, say: who reads Persian does not read Arabic
	if confidence == language.No {
		i = 0
	}
	return l.all[i].tag.String()
}

// text gives a message for a template.
func (s spoken) text(key string) (string, error) {
	text, ok := s.messages[key].(string)
	if !ok {
		return "", fmt.Errorf("messages/%s.json has no text %q", s.tag, key)
	}
	return text, nil
}
