package main

import (
	"regexp"
	"strings"
)

// block is a paragraph, a heading or an item of a list, and the line where it begins, from 1.
type block struct {
	line int
	text string
}

var (
	fence      = regexp.MustCompile("^\\s*(`{3,}|~{3,})")
	heading    = regexp.MustCompile(`^#{1,6}\s`)
	bullet     = regexp.MustCompile(`^\s*[-*+]\s+`)
	first      = regexp.MustCompile(`^\s*1[.)]\s+`)
	numbered   = regexp.MustCompile(`^\s*\d+[.)]\s+`)
	quote      = regexp.MustCompile(`^ {0,3}> ?`)
	definition = regexp.MustCompile(`^ {0,3}\[[^\]]+\]: *\S+$`)
)

// blocks splits Markdown, or the text of a comment, into what has sentences. Code blocks, rows of
// tables and definitions of links have none. A code block that never ends is unclosed: its line.
func blocks(text string) (all []block, unclosed int) {
	var (
		code   string // the fence that ends the code block, while there is one
		within bool   // the line before belongs to the last block
		list   bool   // the last block is an item, to which indented lines belong
	)
	for i, line := range strings.Split(text, "\n") {
		line = quote.ReplaceAllString(strings.TrimRight(line, " \t\r"), "")
		plain := strings.TrimSpace(line)
		if code != "" {
			if strings.HasPrefix(plain, code) && strings.Trim(plain, code[:1]) == "" {
				code, unclosed = "", 0
			}
			continue
		}
		mark := bullet.FindString(line)
		switch {
		case mark == "" && within && !list:
			mark = first.FindString(line)
		case mark == "":
			mark = numbered.FindString(line)
		}
		indented := strings.HasPrefix(line, "    ") || strings.HasPrefix(line, "\t")
		switch {
		case plain == "", strings.HasPrefix(plain, "|"), definition.MatchString(line):
			within = false
		case fence.MatchString(line):
			code, unclosed, within = fence.FindStringSubmatch(line)[1], i+1, false
		case heading.MatchString(line):
			all, within, list = append(all, block{i + 1, strings.Trim(line, "# ")}), false, false
		case indented && !within && !list:
			// a code block
		case mark != "":
			all, within, list = append(all, block{i + 1, line[len(mark):]}), true, true
		case within:
			all[len(all)-1].text += "\n" + line
		default:
			list = list && line != plain
			all, within = append(all, block{i + 1, plain}), true
		}
	}
	return all, unclosed
}
