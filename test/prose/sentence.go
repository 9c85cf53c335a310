package main

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// MaxWords is what a sentence may have.
const MaxWords = 25

// neverLast are abbreviations that end no sentence. "etc." ends one where a capital follows.
var neverLast = []string{"e.g.", "i.e.", "cf.", "vs.", "resp.", "approx."}

var (
	codeSpan = regexp.MustCompile("(?s)``.+?``|`[^`]+`")
	image    = regexp.MustCompile(`!\[([^\]]*)\]\([^)]*\)`)
	link     = regexp.MustCompile(`\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])`)
	address  = regexp.MustCompile(`<?https?://[^\s>)]+>?`)
	comment  = regexp.MustCompile(`(?s)<!--.*?-->`)
)

// words splits a paragraph. A code span and an address are one word; of a link the text counts.
// A span keeps its text, so two sentences that differ in code alone are not the same sentence.
func words(paragraph string) []string {
	paragraph = comment.ReplaceAllString(paragraph, " ")
	paragraph = codeSpan.ReplaceAllStringFunc(paragraph, func(span string) string {
		return strings.Join(strings.Fields(strings.ReplaceAll(span, "](", "] (")), joiner)
	})
	paragraph = image.ReplaceAllString(paragraph, "$1")
	paragraph = link.ReplaceAllString(paragraph, "$1")
	return strings.Fields(paragraph)
}

// joiner stands for a space within a code span. For unicode it is no space.
const joiner = "\x1f"

// sentences splits a paragraph. The end of a paragraph ends a sentence.
func sentences(paragraph string) (all [][]string) {
	var sentence []string
	rest := words(paragraph)
	for i, word := range rest {
		sentence = append(sentence, word)
		if i == len(rest)-1 || ends(word, rest[i+1]) {
			all = append(all, sentence)
			sentence = nil
		}
	}
	return all
}

// ends is whether a sentence ends with word, where next follows.
func ends(word, next string) bool {
	word = strings.TrimRight(word, "*_)]\"'”’»")
	last := word[max(0, len(word)-1):]
	switch {
	case last == "!" || last == "?":
		return true
	case last != "." || strings.HasSuffix(word, ".."):
		return false
	case slices.Contains(neverLast, strings.ToLower(strings.TrimLeft(word, "*_([\"'“‘«"))):
		return false
	case strings.EqualFold(word, "etc."):
		return unicode.IsUpper([]rune(strings.TrimLeft(next, "*_([\"'“‘«`"))[0])
	}
	return counts(word)
}

// counts is whether a piece of text is a word, and no dash, slash or arrow between words.
func counts(piece string) bool {
	return strings.ContainsFunc(piece, func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsDigit(r)
	})
}

// tooLong gives the number of words where that is more than a sentence may have, and 0 otherwise.
func tooLong(sentence []string) int {
	n := 0
	for _, piece := range sentence {
		if counts(piece) {
			n++
		}
	}
	if n > MaxWords {
		return n
	}
	return 0
}
