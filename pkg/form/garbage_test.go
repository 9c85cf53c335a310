package form

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/question"
)

// garbage draws texts that clients send who mean no good, and some that are right.
func garbage(r *rapid.T, label string) string {
	return rapid.OneOf(
		rapid.String(), rapid.Just("\x00"), rapid.Just("\xff\xfe"), rapid.Just("\u202e"),
		rapid.Just("a\u2028b"), rapid.Just("=1+1"), rapid.Just("<script>"), rapid.Just("a"),
		rapid.Just("b"), rapid.Just("12"), rapid.Just("2024-02-29"), rapid.Just("a@b.example"),
		rapid.Just("+41791234567"), rapid.Just("5"), rapid.Just(" "),
	).Draw(r, label)
}

func TestWhateverIsGivenIsAnAnswerThatStaysOneOrIsRefused(t *testing.T) {
	f := checked(t, ask(1, question.Choice, "a", "b"), ask(2, question.Multiple, "a", "b", "5"),
		ask(3, question.Number), ask(4, question.Date), ask(5, question.Email),
		shownIf(ask(6, question.Phone), Condition{Question: id(1), Equals: "a"}),
		ask(7, question.OpenText), ask(8, question.WordCloud), ask(9, question.Rating),
		ask(10, Section))
	f.Rules = []Rule{{ID: id(1), Left: id(3), Is: Less, Right: id(3)}}
	rapid.Check(t, func(r *rapid.T) {
		var given []Given
		for range rapid.IntRange(0, 12).Draw(r, "answers") {
			g := Given{QuestionID: id(rapid.ByteRange(0, 11).Draw(r, "question"))}
			for range rapid.IntRange(0, 3).Draw(r, "keys") {
				g.Keys = append(g.Keys, garbage(r, "key"))
			}
			for range rapid.IntRange(0, 3).Draw(r, "texts") {
				g.Texts = append(g.Texts, garbage(r, "text"))
			}
			given = append(given, g)
		}
		a, err := f.Answer(given, nil)
		if err != nil {
			require.True(r, fault.Is(err, fault.Invalid))
			return
		}
		require.True(r, a.storable())
		again, err := f.Answer(f.GivenOf(a), nil)
		require.NoError(r, err)
		require.Equal(r, a, again)
		kept, err := DecodeAnswers(a.Encode())
		require.NoError(r, err)
		require.Equal(r, a, kept)
		counts := Counts{}
		counts.add(f.kinds(), a, 1)
		require.NotEmpty(r, counts)
		counts.add(f.kinds(), a, -1)
		require.Empty(r, counts)
		f.Flags(a)
	})
}

func TestADefinitionOfGarbageIsCheckedOrRefused(t *testing.T) {
	ids := rapid.Map(rapid.ByteRange(0, 4), func(n byte) uuid.UUID { return id(n) })
	rapid.Check(t, func(r *rapid.T) {
		f := Form{Settings: Settings{Title: "A"}}
		for range rapid.IntRange(0, 6).Draw(r, "questions") {
			q := Question{ID: ids.Draw(r, "id"), Help: garbage(r, "help")}
			q.Text = garbage(r, "text")
			q.Kind = rapid.SampledFrom(append(kinds, "")).Draw(r, "kind")
			for range rapid.IntRange(0, 3).Draw(r, "options") {
				q.Options = append(q.Options,
					question.Option{Key: garbage(r, "key"), Value: garbage(r, "value")})
			}
			q.MaxChoices = rapid.IntRange(-1, 4).Draw(r, "max")
			if rapid.Bool().Draw(r, "condition") {
				q.ShowIf = &Condition{Question: ids.Draw(r, "on"), Equals: garbage(r, "equals")}
			}
			q.Mandatory, q.Closed = rapid.Bool().Draw(r, "must"), rapid.Bool().Draw(r, "closed")
			f.Questions = append(f.Questions, q)
		}
		if err := f.Check(nil); err != nil {
			require.True(r, fault.Is(err, fault.Invalid))
			return
		}
		again, err := DecodeDefinition(f.Definition.Encode())
		require.NoError(r, err)
		require.Equal(r, f.Definition, again)
		old := f
		require.NoError(r, f.Check(&old))
		require.Equal(r, old, f)
	})
}
