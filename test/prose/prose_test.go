package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// some gives n words, without a full stop.
func some(n int) string { return strings.TrimSpace(strings.Repeat("or ", n)) }

// lengths gives how many words each sentence of a text has.
func lengths(text string) (all []int) {
	parts, _ := blocks(text)
	for _, part := range parts {
		for _, sentence := range sentences(part.text) {
			n := 0
			for _, piece := range sentence {
				if counts(piece) {
					n++
				}
			}
			all = append(all, n)
		}
	}
	return all
}

func TestSentencesOfTrickyTextAreCountedAsAReaderCounts(t *testing.T) {
	for text, want := range map[string][]int{
		"":                                  nil,
		"One two. Three!":                   {2, 1},
		"One (two). Three? Four.":           {2, 1, 1},
		"*One two.* `Three` \"four.\" Five": {2, 2, 1},
		"Fruit, e.g. apples, i.e. food, cf. page 3, vs. stones.":                 {10},
		"Fruit (e.g. apples). More.":                                             {3, 1},
		"Apples, pears, etc. are fruit.":                                         {5},
		"Apples, pears, etc. They are fruit.":                                    {3, 3},
		"Go 1.26, v2.15.0 and 127.0.0.1:8080 work. Yes.":                         {6, 1},
		"It waits 0.5 s. Then it goes.":                                          {4, 3},
		"poll.go has it. count.go has not.":                                      {3, 3},
		"One, two … three ... four.":                                             {4},
		"One – two — three / four → five & six = 7.":                             {7},
		"Run `make test GOTESTFLAGS='-run Vote.* -v'` now.":                      {3},
		"Run ``a ` b. C`` now. Then stop.":                                       {3, 2},
		"See [the three words](docs/a.b.md \"x\") there.":                        {5},
		"See [the words][ref] there.\n\n[ref]: https://a.b/c":                    {4},
		"![a picture](x.png) of it":                                              {4},
		"At https://example.org/a.b?c=d. Then more.":                             {2, 2},
		"# A heading\nA text below.":                                             {2, 3},
		"#hashtag is a word":                                                     {4},
		"Title\n\nSecond paragraph.":                                             {1, 2},
		"One two\nthree. Four\nfive.":                                            {3, 2},
		"- first item\n- second\n  goes on\n\n  a paragraph of it\n\nBehind it.": {2, 3, 4, 2},
		"1. one\n2. two words\n10) three":                                        {1, 2, 1},
		"There were\n15. Then more.":                                             {3, 2},
		"| a | table that is long |\n|---|---|\n| b | c |":                       nil,
		"Before\n| a | b |\nbehind":                                              {1, 1},
		"```sh\nnot a sentence. At all\n```\nBehind it.":                         {2},
		"~~~\n```\n~~~\nBehind it.":                                              {2},
		"- item\n\n  ```\n  code here\n  ```\n\n  goes on":                       {1, 2},
		"Before:\n\n    code that is indented\n\tand a tab\n\nBehind it.":        {1, 2},
		"> quoted words\n> go on.":                                               {4},
		"<!-- table: made by a command -->\nOne.":                                {1},
		"İstanbul ist schön. 你好。":                                                {3, 1},
		"\xff\xfe. \x00 \xed\xa0\x80":                                            nil,
	} {
		got := lengths(text)
		if want == nil {
			for _, n := range got {
				require.Zero(t, n, "%q", text)
			}
			continue
		}
		require.Equal(t, want, got, "%q", text)
	}
}

func TestASentenceHas25WordsAndNotOneMore(t *testing.T) {
	require.Empty(t, checkMarkdown("README.md", some(25)+".\n"+some(25)+".\n"))
	found := checkMarkdown("README.md", "Short.\n\nOne. "+some(26)[:60]+"\n"+some(26)[60:]+".\n")
	require.Len(t, found, 1)
	require.Equal(t, 3, found[0].line)
	require.Contains(t, found[0].String(), "README.md:3: 26 words")
}

func TestALineHas100ColumnsAndNotOneMore(t *testing.T) {
	for line, want := range map[string]int{
		strings.Repeat("x", 100):        0,
		strings.Repeat("x", 101):        1,
		strings.Repeat("ü", 100):        0,
		strings.Repeat("x", 100) + "\r": 0,
		"- " + strings.Repeat("x", 98) + "\n  " + strings.Repeat("y", 99): 1,
		"| " + strings.Repeat("x", 200) + " |":                            0,
		"```\n" + strings.Repeat("x", 200) + "\n```":                      0,
		"[text](" + strings.Repeat("x", 100) + ".md) behind":              0,
		"See https://a.b/" + strings.Repeat("x", 100) + " there":          0,
	} {
		require.Len(t, checkMarkdown("docs/a.md", line), want, line)
	}
	for code, want := range map[string]int{
		"\t\t" + "x := `" + strings.Repeat("x", 85) + "`": 0, // two tabs are eight columns
		"\t\t" + "x := `" + strings.Repeat("x", 86) + "`": 1,
		"x := 1 //\t" + strings.Repeat("x", 88):           0, // the tab ends a column of four
		"x := 1 //\t" + strings.Repeat("x", 89):           1,
	} {
		found, err := checkGo("a.go", "package a\n\nfunc f() {\n"+code+"\n}\n")
		require.NoError(t, err)
		require.Len(t, found, want, code)
	}
}

func TestCommentsOfCodeAreProseAndStringsAreNot(t *testing.T) {
	long := some(13) + "\n// " + some(13)
	for code, want := range map[string][]int{
		"// Package a " + long + ".\npackage a\n":                                            {1},
		"package a\n\n/*\n" + some(13) + "\n" + some(13) + "\n*/\n":                          {4},
		"package a\n\nfunc f() {\n\t// " + long + "\n}\n":                                    {4},
		"package a\n\ntype t struct {\n\tx int // " + some(26) + "\n}\n":                     {4},
		"package a\n\nvar x = `\n// " + long + "\n`\n":                                       nil,
		"package a\n\n//\tcode\n// " + long + "\nvar x int\n":                                {4},
		"package a\n\n//\tcode " + some(13) + "\n//\t" + some(13) + "\n":                     nil,
		"package a\n\n// List:\n//   - " + some(20) + "\n//   - " + some(20) + "\n":          nil,
		"package a\n\n//go:embed " + some(13) + "\n//nolint:x " + some(13) + "\nvar x int\n": nil,
		"// Code generated by x; DO NOT EDIT.\n\npackage a\n\n// " + long + "\n":             nil,
		"// Not code generated by x.\n\npackage a\n\n// " + long + "\n":                      {5},
	} {
		found, err := checkGo("a.go", code)
		require.NoError(t, err)
		var lines []int
		for _, o := range found {
			require.Equal(t, "sentence", o.kind, "%s", o)
			lines = append(lines, o.line)
		}
		require.Equal(t, want, lines, code)
	}
}

func TestWhatIsNoGoIsAnError(t *testing.T) {
	for _, code := range []string{"", "package", "\x00\xff", "package a\n/* open", "# Page"} {
		_, err := checkGo("a.go", code)
		require.Error(t, err, "%q", code)
	}
}

func TestACodeBlockThatNeverEndsHidesNothing(t *testing.T) {
	found := checkMarkdown("README.md", "One.\n\n```\n"+some(30))
	require.Len(t, found, 1)
	require.Equal(t, "README.md:3: a code block does not end", found[0].String())
}

// tree writes files below a folder of the test.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	write(t, root, files)
	return root
}

func write(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
}

func TestWhatIsKnownStaysKnownWhereItMovesAndNothingIsAdded(t *testing.T) {
	long := "// " + some(15) + "\n// " + some(15) + "\n"
	root := tree(t, map[string]string{
		"README.md":              "# Plenary\n",
		"a/a.go":                 "package a\n\n" + long + "var x int\n",
		knownFile:                "",
		".build/b.go":            "no Go",
		"a/testdata/b.go":        "no Go",
		"node_modules/x/b.go":    "no Go",
		"docs/deep/er/page.md":   "One.\n",
		"elsewhere/unchecked.md": some(40),
	})
	list := filepath.Join(root, filepath.FromSlash(knownFile))
	check := func() error { return run(io.Discard, root, mode{}) }

	require.ErrorContains(t, check(), "1 sentences", "nothing is known yet")
	require.ErrorIs(t, run(io.Discard, root, mode{begin: true}), os.ErrExist, "there is a list")
	require.ErrorContains(t, run(io.Discard, root, mode{shrink: true}), "1 sentences", "none added")
	require.NoError(t, os.Remove(list))
	require.ErrorIs(t, check(), os.ErrNotExist)
	require.NoError(t, run(io.Discard, root, mode{begin: true}))
	require.NoError(t, check())
	require.ErrorContains(t, run(io.Discard, root, mode{all: true}), "1 sentences", "with all")

	require.NoError(t, os.Rename(filepath.Join(root, "a"), filepath.Join(root, "moved")))
	write(t, root, map[string]string{"moved/a.go": "package moved\n\nfunc f() {\n" +
		"\t// " + some(14) + "\n\t// " + some(16) + "\n}\n"})
	require.NoError(t, check(), "moved, indented and wrapped anew")

	write(t, root, map[string]string{"b/b.go": "package b\n\n" + long})
	require.ErrorContains(t, check(), "1 sentences", "one may stand once only")
	require.NoError(t, os.RemoveAll(filepath.Join(root, "b")))
	write(t, root, map[string]string{"README.md": some(30) + "\n"})
	require.ErrorContains(t, check(), "1 sentences", "what is known in code is not known in a page")

	write(t, root, map[string]string{"README.md": "# Plenary\n", "moved/a.go": "package moved\n"})
	require.ErrorContains(t, check(), "are gone", "what is gone must go from the list")
	require.NoError(t, run(io.Discard, root, mode{shrink: true}))
	require.NoError(t, check())
	text, err := os.ReadFile(list)
	require.NoError(t, err)
	require.Empty(t, text)
}

func TestALineKeepsItsMarkWhereItsNamesMoveToAnotherPackage(t *testing.T) {
	line := func(file, text string) string {
		return offence{file: file, kind: "line", text: text}.mark()
	}
	require.Equal(t, line("a.go", "poll.NotFound(x)"), line("b.go", "fault.NotFound(x)"))
	require.Equal(t, line("a.go", "[]poll.Seen"), line("a.go", "[]Seen"))
	require.NotEqual(t, line("a.go", "poll.NotFound(x)"), line("a.go", "poll.Found(x)"))
	require.NotEqual(t, line("a.go", "poll.found"), line("a.go", "fault.found"))
	require.NotEqual(t, line("a.md", "poll.Found"), line("a.md", "fault.Found"))
}

func TestAListOrATreeThatIsNoneIsAnError(t *testing.T) {
	for _, text := range []string{
		"x", " ", "\xff", "go sentence 0123456789ab x", "go sentence 0123456789AB",
		"page line 0123456789abc", "page word 0123456789ab",
	} {
		_, err := parseKnown(text)
		require.Error(t, err, "%q", text)
	}
	require.ErrorContains(t, run(io.Discard, t.TempDir(), mode{}), "0 pages and 0 files of Go")
	none := filepath.Join(t.TempDir(), "none")
	require.ErrorIs(t, run(io.Discard, none, mode{}), os.ErrNotExist)
	root := tree(t, map[string]string{"README.md": "One.\n", "a.go": "no Go", knownFile: ""})
	require.ErrorContains(t, run(io.Discard, root, mode{}), "a.go")
}

func FuzzText(f *testing.F) {
	for _, seed := range []string{
		"", "One. Two", "```\n`", "- a\n\n\tb\n1. c", "> | x |\n[a]: b", "/*\xff e.g. etc.",
		"`a](b` [c](d) ![e](f)",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		checkMarkdown("README.md", text)
		_, _ = checkGo("a.go", text)
		_, _ = checkGo("a.go", "package a\n\n/*\n"+text+"\n*/\n")
		parts, _ := blocks(text)
		for _, part := range parts {
			require.Positive(t, part.line)
			var together []string
			for _, sentence := range sentences(part.text) {
				require.NotEmpty(t, sentence)
				together = append(together, sentence...)
			}
			require.Equal(t, words(part.text), append([]string{}, together...), "each word once")
		}
	})
}
