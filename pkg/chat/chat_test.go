package chat

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
)

func TestWordsAreFoldedLineByLineAndBounded(t *testing.T) {
	for body, want := range map[string]string{
		"C++":                     "c++",
		"Größe  ZÄHLT\n\tＦＵＬＬ %_": "größe zählt\nfull %_",
		"":                        "",
	} {
		require.Equal(t, want, (&Message{Body: body}).Words(), "%q", body)
	}
	words := (&Message{Body: strings.Repeat("ﷺ", MaxBody)}).Words() // each stands for 18
	require.Equal(t, maxWords, utf8.RuneCountInString(words))
	require.True(t, utf8.ValidString(words))
}

func TestASearchIsOneLineOfABoundedLengthAlsoWhenItIsFolded(t *testing.T) {
	for text, want := range map[string]string{
		"C++": "c++", " ＦＵＬＬ  width ": "full width", "%": "%",
		strings.Repeat("É", MaxSearch): strings.Repeat("é", MaxSearch),
	} {
		got, err := CleanSearch("q", text)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, text := range []string{
		"", " ", "\u200b", "a\x00", "\xff", strings.Repeat("é", MaxSearch+1),
		strings.Repeat("ﷺ", MaxSearch),
	} {
		_, err := CleanSearch("q", text)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), "%q", text)
	}
}

func TestAChatHasAKindAndAllThatIsWrongIsNamed(t *testing.T) {
	c := Chat{Settings: Settings{Title: " Ask  me "}}
	require.NoError(t, c.Check())
	require.Equal(t, Chat{Kind: Plain, Settings: Settings{Title: "Ask me"}}, c)
	c = Chat{Kind: "room", Settings: Settings{Title: "\x00"}}
	err := c.Check()
	var e *fault.Error
	require.ErrorAs(t, err, &e)
	require.Len(t, e.Wrongs, 2)
}

func TestMarksSayAChangeAndNotItsContrary(t *testing.T) {
	for marks, want := range map[Marks]bool{
		0: false, Show: true, Hide | Pin | Answer: true, Show | Unpin | Reopen: true,
		Show | Hide: false, Pin | Unpin: false, Answer | Reopen: false, 64: false,
		Show | 128: false,
	} {
		require.Equal(t, want, marks.whole(), "%b", marks)
	}
}

func TestEveryVerdictHasAMeaning(t *testing.T) {
	for v := Done; v < Numbered; v++ {
		_, err := judge(Item{}, Result{Verdict: v})
		switch {
		case v == Done:
			require.NoError(t, err)
		case v <= ReactionsOff:
			require.NotEqual(t, fault.Unavailable, fault.CodeOf(err), "verdict %d", v)
			require.NotZero(t, fault.CodeOf(err), "verdict %d", v)
		default: // a newer worker's
			require.Equal(t, fault.Unavailable, fault.CodeOf(err), "verdict %d", v)
		}
	}
	for _, v := range []Verdict{Numbered, Held, Before} {
		r, err := judge(Item{}, Result{v, 7})
		require.NoError(t, err)
		require.Equal(t, Result{v, 7}, r)
	}
	_, err := judge(Item{}, Result{})
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
}
