package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// known are the offences that were there before the rule: per mark, how many texts may have it.
// A mark names the text and not its file, so what moves to another file stays known.
type known map[string]int

// mark names an offence by its text. In code the packages before names are no part of it, so a line
// keeps its mark where its names move to another package. Pages have marks of their own.
func (o offence) mark() string {
	where, text := "page", o.text
	if strings.HasSuffix(o.file, ".go") {
		where, text = "go", qualifier.ReplaceAllString(o.text, "$1")
	}
	sum := sha256.Sum256([]byte(where + "\x00" + o.kind + "\x00" + text))
	return where + " " + o.kind + " " + hex.EncodeToString(sum[:6])
}

// qualifier is a package before an exported name.
var qualifier = regexp.MustCompile(`\b[a-z][a-z0-9]*\.([A-Z])`)

// parseKnown reads a list of marks, one a line. Nothing else may stand in it.
func parseKnown(text string) (known, error) {
	k := known{}
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		switch {
		case line == "":
		case !markForm.MatchString(line):
			return nil, fmt.Errorf("%s:%d: %q is no mark", knownFile, i+1, line)
		default:
			k[line]++
		}
	}
	return k, nil
}

// split tells new offences from known ones, and gives the marks that nothing has any more.
func (k known) split(all []offence) (fresh []offence, left known) {
	left = known{}
	for mark, n := range k {
		left[mark] = n
	}
	for _, o := range all {
		if mark := o.mark(); left[mark] > 0 {
			left[mark]--
		} else {
			fresh = append(fresh, o)
		}
	}
	for mark, n := range left {
		if n == 0 {
			delete(left, mark)
		}
	}
	return fresh, left
}

// without gives what is known but for what is left.
func (k known) without(left known) known {
	rest := known{}
	for mark, n := range k {
		if n -= left[mark]; n > 0 {
			rest[mark] = n
		}
	}
	return rest
}

// of gives the marks of offences.
func of(all []offence) known {
	k := known{}
	for _, o := range all {
		k[o.mark()]++
	}
	return k
}

func (k known) count() (n int) {
	for _, times := range k {
		n += times
	}
	return n
}

// String is the list as it is kept: sorted, a line for each text.
func (k known) String() string {
	var lines []string
	for mark, times := range k {
		lines = append(lines, slices.Repeat([]string{mark + "\n"}, times)...)
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}
