package question

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/plenary-live/plenary/pkg/fault"
)

func TestAValueHasOneFormHoweverItIsWritten(t *testing.T) {
	for kind, values := range map[Kind]map[string]Answer{
		Number: {
			"0": "0", "-0": "0", "007": "7", "+7": "7", " 12 ": "12", "1.50": "1.5",
			"-3.500":   "-3.5",
			"0.000001": "0.000001", "-0.5": "-0.5", "1000000000000": "1000000000000",
			"-1000000000000.000000": "-1000000000000", "5.0000000": "5",
		},
		Date: {"2024-02-29": "2024-02-29", " 0001-01-01": "0001-01-01", "9999-12-31": "9999-12-31"},
		Email: {
			" Anna@Example.ORG": "anna@example.org", "u\u0308nal@example.org": "ünal@example.org",
		},
		Phone: {
			"+41 79 123 45 67": "+41791234567", "0041 (0)79/123-45.67": "+41791234567",
			"+1 (555) 010-0000": "+15550100000", "+1234567": "+1234567",
			"+123456789012345": "+123456789012345", "+41\u00a079\u00a01234567": "+41791234567",
		},
	} {
		for text, want := range values {
			got, err := kind.Clean("at", text)
			require.NoError(t, err, "%s %q", kind, text)
			require.Equal(t, want, got, "%s %q", kind, text)
			again, err := kind.Clean("at", string(got))
			require.NoError(t, err)
			require.Equal(t, got, again, "what is clean stays as it is")
		}
	}
}

func TestWhatIsNoValueIsRefusedUnderItsField(t *testing.T) {
	for kind, texts := range map[Kind][]string{
		Number: {
			"", " ", "1e3", "1,5", "0x10", "NaN", "Inf", "--1", "+-1", "1.", ".5", "1.2.3", "-",
			"1000000000000.000001", "1000000000001", "0.0000001", "١٢", "1 2", "½",
			strings.Repeat("9", 1<<16), "1\x00", "\xff",
		},
		Date: {
			"", "2023-02-29", "2024-13-01", "2024-1-1", "24-01-01", "2024-01-01T00:00:00Z",
			"01.02.2024", "0000-01-01", "10000-01-01", "today", "\xff", strings.Repeat("1", 1<<16),
		},
		Email: {
			"", "anna", "Anna <a@b.example>", "a@b.example\r\nBcc: c@d.example", "\xff@b.example",
		},
		Phone: {
			"", "079 123 45 67", "+", "+0791234567", "+123456", "+1234567890123456",
			"+41 79 CALL ME",
			"tel:+41791234567", "+41+79123456", "٠٠٤١٧٩١٢٣٤٥٦٧", "\xff",
			strings.Repeat("+1", 1<<15),
		},
		Choice: {"a"}, OpenText: {"a"},
	} {
		for _, text := range texts {
			_, err := kind.Clean("at[3]", text)
			require.Equal(t, fault.Invalid, fault.CodeOf(err), "%s %.40q", kind, text)
			require.Equal(t, "at[3]", err.(*fault.Error).Field) //nolint:errorlint // it is one
		}
	}
}

func TestANumberIsWhatItsAnswerSays(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		want := rapid.Int64Range(-MaxNumber*Micros, MaxNumber*Micros).Draw(r, "micros")
		got, ok := NumberAnswer(want).Number()
		require.True(r, ok)
		require.Equal(r, want, got)
		clean, err := Number.Clean("at", string(NumberAnswer(want)))
		require.NoError(r, err)
		require.Equal(r, NumberAnswer(want), clean)
	})
	_, ok := Answer("much").Number()
	require.False(t, ok)
}

func TestNoPollAsksForAValue(t *testing.T) {
	for _, kind := range []Kind{Number, Date, Email, Phone} {
		_, err := Question{Text: "How much?", Kind: kind}.Check("polls[0]", nil)
		require.True(t, fault.Is(err, fault.Invalid))
		require.True(t, kind.Typed())
	}
	require.False(t, OpenText.Typed())
}

func TestTheWordsOfAnAnswerComeWithTheirSpellings(t *testing.T) {
	require.Equal(t, []Spelling{{"berlin", "BERLIN!"}, {"rome", "Rome"}},
		WordCloud.Spellings("BERLIN!\nRome\nberlin"))
	require.Empty(t, WordCloud.Spellings(""))
	require.Equal(t, "two words", Folded("  TWO\u00a0Words "))
}
