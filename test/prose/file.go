package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strings"
	"unicode/utf8"
)

// MaxColumns is how long a line may be. A tab goes on to the next of every four columns.
const (
	MaxColumns = 100
	tab        = 4
)

// offence is a sentence or a line that is too long.
type offence struct {
	file string
	line int
	kind string // of text: "sentence" or "line"
	text string // with single spaces, so wrapping and indenting anew does not change it
	says string
}

func (o offence) String() string { return fmt.Sprintf("%s:%d: %s", o.file, o.line, o.says) }

// checkMarkdown lists what is too long in a page.
func checkMarkdown(file, text string) []offence {
	all := checkProse(file, 1, text)
	lines := strings.Split(text, "\n")
	parts, _ := blocks(text)
	for _, part := range parts {
		for i := range strings.Split(part.text, "\n") {
			n := part.line + i
			all = append(all, checkLine(file, n, target.ReplaceAllString(lines[n-1], "]()"))...)
		}
	}
	return all
}

// target is where a link leads, which cannot be broken.
var target = regexp.MustCompile(`\]\([^)\s]*\)`)

// checkGo lists what is too long in Go code and its comments, or why the file is no Go.
// Generated files have nothing to be listed.
func checkGo(file, text string) ([]offence, error) {
	files := token.NewFileSet()
	const mode = parser.ParseComments | parser.SkipObjectResolution
	tree, err := parser.ParseFile(files, file, text, mode)
	if err != nil {
		return nil, err
	}
	if ast.IsGenerated(tree) {
		return nil, nil
	}
	var all []offence
	for _, group := range tree.Comments {
		begins := files.Position(group.Pos()).Line
		all = append(all, checkProse(file, begins, commentText(group))...)
	}
	for i, line := range strings.Split(text, "\n") {
		all = append(all, checkLine(file, i+1, line)...)
	}
	return all, nil
}

// commentText gives the text of a comment, a line for each of its lines. Directives are empty.
func commentText(group *ast.CommentGroup) string {
	var b strings.Builder
	for _, c := range group.List {
		switch text := c.Text; {
		case strings.HasPrefix(text, "/*"):
			b.WriteString(strings.TrimSuffix(text[2:], "*/"))
		case directive.MatchString(text):
		default:
			b.WriteString(strings.TrimPrefix(text[2:], " "))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

var directive = regexp.MustCompile(`^//(line |extern |export |[a-z0-9]+:[a-z0-9])`)

// checkProse lists the sentences of a text that are too long. The text begins in the given line.
func checkProse(file string, begins int, text string) (all []offence) {
	parts, unclosed := blocks(text)
	if unclosed > 0 {
		says := "a code block does not end"
		all = append(all, offence{file, begins + unclosed - 1, "sentence", file, says})
	}
	for _, part := range parts {
		for _, sentence := range sentences(part.text) {
			if n := tooLong(sentence); n > 0 {
				text := strings.ReplaceAll(strings.Join(sentence, " "), joiner, " ")
				says := strings.ReplaceAll(strings.Join(sentence[:8], " "), joiner, " ")
				says = fmt.Sprintf("%d words in a sentence: %s …", n, says)
				all = append(all, offence{file, begins + part.line - 1, "sentence", text, says})
			}
		}
	}
	return all
}

// checkLine lists a line that is too long without the addresses in it.
func checkLine(file string, number int, line string) []offence {
	line = strings.TrimRight(line, "\r")
	if n := columns(address.ReplaceAllString(line, "")); n > MaxColumns {
		text := strings.Join(strings.Fields(line), " ")
		return []offence{{file, number, "line", text, fmt.Sprintf("%d columns", n)}}
	}
	return nil
}

func columns(line string) (n int) {
	for line != "" {
		r, size := utf8.DecodeRuneInString(line)
		if line = line[size:]; r == '\t' {
			n += tab - n%tab
		} else {
			n++
		}
	}
	return n
}
