package form

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/question"
)

func keys(n byte, keys ...string) Given { return Given{QuestionID: id(n), Keys: keys} }

func texts(n byte, texts ...string) Given { return Given{QuestionID: id(n), Texts: texts} }

func name(n byte) string { return "answers[" + id(n).String() + "]" }

func TestAResponseSaysAllThatIsWrongWithIt(t *testing.T) {
	f := checked(t, must(ask(1, question.Choice, "a", "b")), ask(2, question.Multiple, "a", "b"),
		ask(3, question.Number), ask(4, question.Date), ask(5, question.Email),
		ask(6, question.Phone), ask(7, question.OpenText), ask(8, question.WordCloud),
		ask(9, question.Rating), must(ask(10, question.OpenText)), ask(11, Section))
	_, err := f.Answer([]Given{
		keys(1, "c"), keys(2, "a", "a"), texts(3, "much"), texts(4, "2023-02-29"), texts(5, "me"),
		texts(6, "112"), texts(7, strings.Repeat("é", 501)), texts(8, "a", "b", "c", "d"),
		keys(9, "6"), texts(10, " \n"), keys(11, "a"), texts(12, "a"), texts(7, "a"),
	}, nil)
	require.Equal(t, []string{
		"answers[10].question_id", "answers[11].question_id", "answers[12].question_id",
		name(1), name(2), name(3), name(4), name(5), name(6), name(7), name(8), name(9), name(10),
	}, fields(t, err))
	require.NotContains(t, err.Error(), "poll")
	for n, g := range map[byte]Given{
		1: texts(1, "a"), 3: keys(3, "1"), 4: texts(4, "2024-01-01", "2024-01-02"), 7: keys(7, "a"),
		2: texts(2, "a"), 9: {QuestionID: id(9), Keys: []string{"1"}, Texts: []string{"1"}},
	} {
		_, err := f.Answer([]Given{g}, nil)
		require.Contains(t, fields(t, err), name(n), "%v", g)
	}
	for _, nothing := range [][]Given{nil, {}, {keys(1)}, {keys(1, "")}} {
		_, err = f.Answer(nothing, nil)
		require.Equal(t, []string{name(1), name(10)}, fields(t, err))
	}
	optional := checked(t, ask(1, question.OpenText))
	_, err = optional.Answer([]Given{texts(1, " ")}, nil)
	require.Equal(t, []string{"answers"}, fields(t, err))
}

func TestAnswersHaveOneForm(t *testing.T) {
	f := checked(t, ask(1, question.Multiple, "a", "b"), ask(2, question.Number),
		ask(3, question.OpenText), ask(4, question.WordCloud), ask(5, question.Phone))
	a, err := f.Answer([]Given{
		keys(1, "b", "", "a"), texts(2, " 007.50 "), texts(3, "a\r\nb "), texts(4, "b", " ", "a"),
		texts(5, "+41 79 123 45 67"),
	}, nil)
	require.NoError(t, err)
	require.Equal(t, Answers{
		id(1): "a\nb", id(2): "7.5", id(3): "a\u2028b", id(4): "a\nb", id(5): "+41791234567",
	}, a)
	again, err := f.Answer(f.GivenOf(a), nil)
	require.NoError(t, err)
	require.Equal(t, a, again, "what is an answer stays one")
	kept, err := DecodeAnswers(a.Encode())
	require.NoError(t, err)
	require.Equal(t, a, kept)
	require.True(t, a.storable())
}

func TestAResponseIsBounded(t *testing.T) {
	var questions []Question
	var given []Given
	for i := range byte(140) {
		questions = append(questions, ask(i+1, question.OpenText))
		given = append(given, texts(i+1, strings.Repeat("a", 500)))
	}
	f := checked(t, questions...)
	_, err := f.Answer(given[:131], nil) // 65,500 bytes
	require.NoError(t, err)
	_, err = f.Answer(given[:132], nil)
	require.Equal(t, []string{"answers"}, fields(t, err))
}

func TestAHiddenQuestionIsNotMandatoryAndItsAnswerIsDropped(t *testing.T) {
	f := checked(t,
		ask(1, question.Choice, "yes", "no"),
		shownIf(must(ask(2, question.OpenText)), Condition{Question: id(1), Equals: "no"}),
		shownIf(must(ask(3, question.Number)), Condition{Question: id(2), Contains: "WHY"}),
		shownIf(ask(4, Section), Condition{Question: id(1), Equals: "yes"}),
		must(ask(5, question.Date)),
		ask(6, Section),
		ask(7, question.Rating))
	for _, c := range []struct {
		name  string
		given []Given
		want  Answers
		wrong []string
	}{
		{"all that is shown is asked", []Given{keys(1, "no")}, nil, []string{name(2)}},
		{"what is hidden is dropped, even if it is wrong", []Given{
			keys(1, "no"), texts(2, "So"), texts(3, "much"), texts(5, "soon"), keys(7, "1"),
		}, Answers{id(1): "no", id(2): "So", id(7): "1"}, nil},
		{"a condition on a text knows no case", []Given{keys(1, "no"), texts(2, "That is why")},
			nil, []string{name(3)}},
		{"a section hides what it holds", []Given{keys(7, "1")}, Answers{id(7): "1"}, nil},
		{"and shows it", []Given{keys(1, "yes")}, nil, []string{name(5)}},
		{"what depends on something hidden is hidden",
			[]Given{keys(1, "yes"), texts(2, "why"), texts(5, "2024-01-01")},
			Answers{id(1): "yes", id(5): "2024-01-01"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := f.Answer(c.given, nil)
			if c.wrong != nil {
				require.Equal(t, c.wrong, fields(t, err))
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestAConditionHoldsByItsKind(t *testing.T) {
	for _, c := range []struct {
		kind   question.Kind
		when   Condition
		answer question.Answer
		holds  bool
	}{
		{question.Choice, Condition{Equals: "a"}, "a", true},
		{question.Choice, Condition{Equals: "a"}, "b", false},
		{question.Choice, Condition{Equals: "a"}, "", false},
		{question.Multiple, Condition{Contains: "a"}, "a\nb", true},
		{question.Multiple, Condition{Contains: "a"}, "b", false},
		{question.Multiple, Condition{Equals: "a"}, "a", true},
		{question.Multiple, Condition{Equals: "a"}, "a\nb", false},
		{question.Number, Condition{Equals: "12.5"}, "12.5", true},
		{question.Number, Condition{Equals: "12.5"}, "12", false},
		{question.OpenText, Condition{Equals: "Yes"}, "yES", true},
		{question.OpenText, Condition{Contains: "b"}, "a\u2028B", true},
		{question.OpenText, Condition{Contains: "c"}, "a\u2028b", false},
		{question.WordCloud, Condition{Equals: "rome"}, "Oslo\nRome", true},
		{question.WordCloud, Condition{Contains: "rom"}, "Oslo", false},
		{question.Email, Condition{Contains: "@B.example"}, "a@b.example", true},
	} {
		on := ask(1, c.kind)
		require.Equal(t, c.holds, c.when.holds(&on, c.answer), "%+v", c)
	}
}

func TestAClosedQuestionKeepsItsAnswersAndTakesNoOthers(t *testing.T) {
	f := checked(t, ask(1, question.Number), must(ask(2, question.Choice, "a", "b")))
	f.Questions[1].Closed = true
	a, err := f.Answer([]Given{texts(1, "1")}, nil)
	require.NoError(t, err)
	require.Equal(t, Answers{id(1): "1"}, a)
	_, err = f.Answer([]Given{texts(1, "1"), keys(2, "a")}, nil)
	require.Equal(t, []string{name(2)}, fields(t, err))
	old := Answers{id(2): "b"}
	for _, given := range [][]Given{{texts(1, "1")}, {texts(1, "1"), keys(2, "b")}} {
		a, err = f.Answer(given, old)
		require.NoError(t, err)
		require.Equal(t, Answers{id(1): "1", id(2): "b"}, a)
	}
	_, err = f.Answer([]Given{texts(1, "1"), keys(2, "a")}, old)
	require.Equal(t, []string{name(2)}, fields(t, err))
}

func TestARuleFlagsWhatBreaksIt(t *testing.T) {
	f := checked(t, ask(1, question.Number), ask(2, question.Number), ask(3, question.Date),
		ask(4, question.Date))
	orders := [][2]question.Answer{{"9", "10"}, {"10", "10"}, {"-1", "-10.5"}}
	for is, holds := range map[Comparison][]bool{
		Less: {true, false, false}, AtMost: {true, true, false}, Equal: {false, true, false},
		Unequal: {true, false, true}, AtLeast: {false, true, true}, MoreThan: {false, false, true},
	} {
		f.Rules = []Rule{{ID: id(9), Left: id(1), Is: is, Right: id(2)}}
		require.NoError(t, f.Check(nil))
		for i, order := range orders {
			flags := f.Flags(Answers{id(1): order[0], id(2): order[1]})
			require.Equal(t, !holds[i], slices.Contains(flags, id(9)), "%v %s", order, is)
		}
		require.Empty(t, f.Flags(Answers{id(1): "1"}), "it says nothing of what is missing")
	}
	f.Rules = []Rule{{ID: id(8), Left: id(3), Is: AtMost, Right: id(4)}}
	require.Empty(t, f.Flags(Answers{id(3): "2024-01-31", id(4): "2024-02-01"}))
	require.Equal(t, []uuid.UUID{id(8)},
		f.Flags(Answers{id(3): "2024-02-01", id(4): "2024-01-31"}))
	require.Len(t, f.RulesOf([]uuid.UUID{id(8), id(7)}), 1, "a rule that is no more is left out")
	kept, err := DecodeFlags(EncodeFlags([]uuid.UUID{id(8)}))
	require.NoError(t, err)
	require.Equal(t, []uuid.UUID{id(8)}, kept)
	kept, err = DecodeFlags(EncodeFlags(nil))
	require.NoError(t, err)
	require.Nil(t, kept)
}
