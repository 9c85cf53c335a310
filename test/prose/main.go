// Command prose lists sentences of more than 25 words and lines of more than 100 columns. It reads
// README.md, the pages of docs, and Go code with its comments. "make lint" runs it from the root.
//
// A heading, an item of a list and a paragraph are sentences of their own. A code span and an
// address are one word. Not looked at are:
//   - tables and code blocks, in pages and in comments
//   - addresses and targets of links, in the length of a line
//   - strings in code, but for the length of their lines
//   - generated Go files, and folders named testdata
//
// Texts that were too long before the rule are in known.txt, as a hash of each. A known text may
// move to another file, and is new as soon as it changes. The list only shrinks: a text that is
// gone must go from the list, and no flag adds to a list that is there.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

const knownFile = "test/prose/known.txt"

var markForm = regexp.MustCompile(`^(go|page) (sentence|line) [0-9a-f]{12}$`)

func main() {
	root := flag.String("C", ".", "the root of the repository")
	var how mode
	flag.BoolVar(&how.all, "all", false, "list what is known, too")
	flag.BoolVar(&how.shrink, "shrink", false, "take what is gone off "+knownFile)
	flag.BoolVar(&how.begin, "begin", false, "write "+knownFile+" where there is none")
	flag.Parse()
	if err := run(os.Stdout, *root, how); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// mode is what is done beside looking for new offences.
type mode struct{ all, shrink, begin bool }

func run(out io.Writer, root string, how mode) error {
	all, err := checkTree(root)
	if err != nil {
		return err
	}
	list := filepath.Join(root, knownFile)
	if how.begin {
		file, err := os.OpenFile(list, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		_, err = file.WriteString(of(all).String())
		return errors.Join(err, file.Close())
	}
	text, err := os.ReadFile(list)
	if err != nil {
		return err
	}
	k, err := parseKnown(string(text))
	if err != nil {
		return err
	}
	fresh, left := k.split(all)
	if how.shrink {
		k, left = k.without(left), nil
		if err := os.WriteFile(list, []byte(k.String()), 0o644); err != nil {
			return err
		}
	}
	if how.all {
		fresh = all
	}
	for _, o := range fresh {
		fmt.Fprintln(out, o)
	}
	switch {
	case len(fresh) > 0:
		return fmt.Errorf("%d sentences of more than %d words or lines of more than %d columns",
			len(fresh), MaxWords, MaxColumns)
	case len(left) > 0:
		const advice = "%d texts of %s are gone: go run ./test/prose -shrink"
		return fmt.Errorf(advice, left.count(), knownFile)
	}
	return nil
}

// checkTree lists what is too long below root, by file and line. No page or no code is an error:
// then root is not the root.
func checkTree(root string) (all []offence, err error) {
	pages, code := 0, 0
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		file, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		file = filepath.ToSlash(file)
		if entry.IsDir() {
			if hidden := strings.HasPrefix(entry.Name(), ".") && file != "."; hidden ||
				slices.Contains([]string{"testdata", "node_modules"}, entry.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		page := isPage(file)
		if !page && !strings.HasSuffix(file, ".go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if page {
			pages++
			all = append(all, checkMarkdown(file, string(text))...)
			return nil
		}
		code++
		found, err := checkGo(file, string(text))
		all = append(all, found...)
		return err
	})
	if err == nil && (pages == 0 || code == 0) {
		err = fmt.Errorf("%s has %d pages and %d files of Go", root, pages, code)
	}
	slices.SortStableFunc(all, func(a, b offence) int {
		if c := strings.Compare(a.file, b.file); c != 0 {
			return c
		}
		return a.line - b.line
	})
	return all, err
}

// isPage is whether a file is one of the documentation.
func isPage(file string) bool {
	return file == "README.md" || strings.HasPrefix(file, "docs/") && strings.HasSuffix(file, ".md")
}
