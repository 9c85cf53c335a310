package question

import (
	"strings"

	"golang.org/x/text/unicode/norm"
)

// Folded gives a line the form in which parts of words are compared: compatible characters alike
// (NFKC), in lower case, with single spaces.
func Folded(line string) string {
	return spaced(norm.NFKC.String(strings.ToLower(norm.NFKC.String(line))))
}

// CleanFolded is CleanLine for a part of a word, which it folds. It also bounds the folded form:
// some characters stand for several.
func CleanFolded(field, text string, most int) (string, error) {
	line, err := CleanLine(field, text, most)
	if err != nil {
		return "", err
	}
	return CleanLine(field, Folded(line), most)
}
