package question

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/plenary-live/plenary/pkg/fault"
)

// maxMarks is how many marks one character may carry. The richest scripts stack some seven; more of
// them cover what others wrote.
const maxMarks = 8

// layout says how a text may stand.
type layout bool

const (
	oneLine layout = false // all white space is single spaces
	inLines layout = true  // line breaks, indentation and tabs stay
)

// clean gives a text that people see the form in which it is kept. It is composed (NFC), without
// direction overrides and with at most maxMarks marks on a character. Its lines end with what can
// be seen, at most one blank line stands between two, and none around them. Errors are of the kind
// Invalid and name the field. What is clean stays as it is.
func clean(field, text string, most int, l layout) (string, error) {
	// Readers of JSON put the replacement character where there was half of one.
	if !utf8.ValidString(text) || strings.ContainsRune(text, utf8.RuneError) {
		return "", fault.Field(field, "must be valid UTF-8")
	}
	if strings.TrimSpace(text) == "" {
		return "", fault.Field(field, "must not be empty")
	}
	if l == inLines {
		text = breaks.Replace(text)
	} else {
		text = spaced(text)
	}
	if i := strings.IndexFunc(text, control); i >= 0 {
		r, _ := utf8.DecodeRuneInString(text[i:])
		return "", fault.Field(field, "must not hold control characters, such as %U", r)
	}
	if !ascii(text) {
		text = norm.NFC.String(unstacked(without(text, overrides)))
	}
	if l == inLines {
		text = lined(text)
	} else {
		text = spaced(text)
	}
	switch {
	case !visible(text):
		return "", fault.Field(field, "must hold something that can be seen")
	case utf8.RuneCountInString(text) > most:
		return "", fault.Field(field, "must have at most %d characters", most)
	}
	return text, nil
}

// CleanLine gives a text of one line the form in which it is kept, as those of questions. Errors
// are of the kind Invalid and name the field.
func CleanLine(field, text string, most int) (string, error) {
	return clean(field, text, most, oneLine)
}

// CleanText is CleanLine for a text that keeps its lines and its indentation.
func CleanText(field, text string, most int) (string, error) {
	return clean(field, text, most, inLines)
}

// breaks makes line feeds of all that breaks lines. Presentation programs paste the vertical tab.
var breaks = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\v", "\n", "\f", "\n", "\u0085", "\n",
	"\u2028", "\n", "\u2029", "\n")

// lined drops what trails on lines, and blank lines but one between two others.
func lined(text string) string {
	lines := strings.Split(text, "\n")
	kept := lines[:0]
	for _, line := range lines {
		line = strings.TrimRightFunc(line, unicode.IsSpace)
		switch {
		case visible(line):
			kept = append(kept, line)
		case len(kept) > 0 && kept[len(kept)-1] != "":
			kept = append(kept, "")
		}
	}
	if n := len(kept); n > 0 && kept[n-1] == "" {
		kept = kept[:n-1]
	}
	if len(kept) == 1 { // there is nothing to indent it from
		kept[0] = strings.TrimLeftFunc(kept[0], unicode.IsSpace)
	}
	return strings.Join(kept, "\n")
}

// spaced puts single spaces between the words of a text, and none around them.
func spaced(s string) string { return strings.Join(strings.Fields(s), " ") }

// unstacked drops the marks that a character carries beyond maxMarks, however they are composed.
func unstacked(text string) string {
	if strings.IndexFunc(text, stacks) < 0 {
		return text
	}
	var kept strings.Builder
	kept.Grow(len(text))
	marks := 0
	for i, r := range text {
		s := text[i : i+utf8.RuneLen(r)]
		parts := norm.NFD.PropertiesString(s).Decomposition()
		if parts == nil {
			parts = []byte(s)
		}
		for len(parts) > 0 {
			r, size := utf8.DecodeRune(parts)
			if marks++; !stacks(r) {
				marks = 0
			}
			if marks <= maxMarks {
				kept.Write(parts[:size])
			}
			parts = parts[size:]
		}
	}
	return kept.String()
}

// stacks tells the marks that stand above, below or on another character.
func stacks(r rune) bool {
	return unicode.In(r, unicode.Mn, unicode.Me) || r > unicode.MaxASCII && ccc(r) != 0
}

func ccc(r rune) uint8 {
	var b [utf8.UTFMax]byte
	return norm.NFD.Properties(b[:utf8.EncodeRune(b[:], r)]).CCC()
}

// control tells what no text holds: characters that command a device, and codes that stand for
// none.
func control(r rune) bool {
	return r != '\n' && r != '\t' && unicode.IsControl(r) ||
		unicode.Is(unicode.Noncharacter_Code_Point, r)
}

// overrides tells the characters that turn the direction of others, also of what stands behind the
// text. Marks of direction, which Arabic and Hebrew keyboards have, reach no further than the text.
func overrides(r rune) bool {
	return r >= '\u202a' && r <= '\u202e' ||
		r >= '\u2066' && r <= '\u2069'
}

// ignorable tells the characters that are not drawn, and only say how others are.
func ignorable(r rune) bool {
	return unicode.In(r, unicode.Cf, unicode.Variation_Selector,
		unicode.Other_Default_Ignorable_Code_Point)
}

// blank holds what is drawn as nothing though it is no space:
//   - the empty Braille cell
//   - the place of an object that is not there
//   - a note without a head
//   - two blank hieroglyphs
var blank = []rune{'\u2800', '\ufffc', '\U0001d159', '\U00013441', '\U00013442'}

// seen tells a character that shows by itself. A mark shows only on another one.
func seen(r rune) bool {
	if r < utf8.RuneSelf {
		return r > ' ' && r < 0x7f
	}
	return !unicode.IsSpace(r) && !unicode.IsControl(r) && !unicode.IsMark(r) && !ignorable(r) &&
		!slices.Contains(blank, r)
}

// visible says whether there is anything to see in a text.
func visible(s string) bool { return strings.IndexFunc(s, seen) >= 0 }

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func without(s string, unwanted func(rune) bool) string {
	if strings.IndexFunc(s, unwanted) < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		if unwanted(r) {
			return -1
		}
		return r
	}, s)
}
