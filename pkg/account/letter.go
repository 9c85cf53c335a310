package account

import (
	"embed"
	"strings"
	"text/template"

	"golang.org/x/text/language"
)

// The letters, by language. The first line is the subject.
//
//go:embed letters
var letterFiles embed.FS

var letterTexts = template.Must(template.ParseFS(letterFiles, "letters/*.txt"))

// letterLanguages are those that letters are written in. The first one is for everybody else.
var letterLanguages = []language.Tag{language.English, language.German, language.Arabic}

var letterMatcher = language.NewMatcher(letterLanguages)

// maxLanguages is how many bytes of Accept-Language are looked at.
const maxLanguages = 200

// resetLetter writes the letter that a link for another password comes with.
func resetLetter(languages, link string) (subject, text string) {
	if len(languages) > maxLanguages {
		languages = ""
	}
	_, which := language.MatchStrings(letterMatcher, languages)
	var b strings.Builder
	name := letterLanguages[which].String() + ".txt"
	if err := letterTexts.ExecuteTemplate(&b, name, link); err != nil { // it writes to memory
		panic(err)
	}
	subject, text, _ = strings.Cut(b.String(), "\n")
	return subject, strings.TrimLeft(text, "\n")
}
