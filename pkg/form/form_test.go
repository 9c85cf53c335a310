package form

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/question"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func id(n byte) uuid.UUID { return uuid.UUID{15: n} }

// ask makes a question of a kind, with options of these keys.
func ask(n byte, kind question.Kind, keys ...string) Question {
	q := Question{
		ID: id(n), Question: question.Question{Text: "Q" + strconv.Itoa(int(n)), Kind: kind},
	}
	for _, key := range keys {
		q.Options = append(q.Options, question.Option{Key: key, Value: strings.ToUpper(key)})
	}
	return q
}

func shownIf(q Question, c Condition) Question {
	q.ShowIf = &c
	return q
}

func must(q Question) Question {
	q.Mandatory = true
	return q
}

// checked gives a form that is checked.
func checked(t testing.TB, questions ...Question) Form {
	t.Helper()
	f := Form{Definition: Definition{Questions: questions}}
	f.Title = "A form"
	require.NoError(t, f.Check(nil))
	return f
}

// fields gives the fields that an error of the kind Invalid names.
func fields(t testing.TB, err error) (names []string) {
	t.Helper()
	require.Equal(t, fault.Invalid, fault.CodeOf(err), "%v", err)
	e := err.(*fault.Error) //nolint:errorlint // it is one
	if e.Wrongs == nil {
		return []string{e.Field}
	}
	for _, w := range e.Wrongs {
		names = append(names, w.Field)
	}
	return names
}

func TestAFormSaysAllThatIsWrongWithIt(t *testing.T) {
	at := time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	f := Form{Settings: Settings{
		Title: " ", Intro: "\x00", Email: "nobody", ClosesAt: at, MaxResponses: -1, Voters: "cats",
	}}
	require.Equal(t, []string{
		"title", "intro", "email", "closes_at", "max_responses", "voters",
	}, fields(t, f.Check(nil)))
	f = Form{Settings: Settings{Title: "A"}, Definition: Definition{
		Questions: []Question{
			ask(1, question.Choice), ask(1, question.Number, "a"), ask(2, "mood"),
			{ID: id(3), Question: question.Question{Text: "\xff", Kind: question.Date}},
			shownIf(ask(4, question.OpenText), Condition{Question: id(9), Equals: "a"}),
			shownIf(ask(5, question.OpenText), Condition{Question: id(5), Equals: "a"}),
			shownIf(ask(6, question.OpenText), Condition{Question: id(4)}),
			shownIf(ask(7, question.OpenText),
				Condition{Question: id(4), Equals: "a", Contains: "b"}),
			must(ask(8, Section)),
			shownIf(ask(10, question.Number), Condition{Question: id(8), Equals: "a"}),
			shownIf(ask(11, question.Number), Condition{Question: id(3), Equals: "soon"}),
			shownIf(ask(12, question.Number), Condition{Question: id(10), Contains: "1"}),
		},
		Rules: []Rule{
			{Left: id(4), Is: "<", Right: id(10)}, {Left: id(10), Is: "=", Right: id(3)},
			{Left: id(10), Is: "=", Right: id(99)},
			{ID: id(1), Left: id(10), Is: "~", Right: id(11)},
			{ID: id(1), Left: id(10), Is: "!=", Right: id(11), Message: "\x1b"},
		},
	}}
	require.Equal(t, []string{
		"questions[0].options", "questions[1].question_id", "questions[1].options",
		"questions[2].kind", "questions[3].text", "questions[4].show_if.question_id",
		"questions[5].show_if.question_id", "questions[6].show_if", "questions[7].show_if",
		"questions[8].mandatory", "questions[9].show_if.question_id",
		"questions[10].show_if.equals", "questions[11].show_if.contains",
		"rules[0].left", "rules[1].right", "rules[2].right", "rules[3].is", "rules[4].rule_id",
		"rules[4].message",
	}, fields(t, f.Check(nil)))
}

func TestAFormIsBounded(t *testing.T) {
	many := make([]Question, MaxQuestions+1)
	for i := range many {
		many[i] = Question{Question: question.Question{Text: "?", Kind: question.Number}}
	}
	f := Form{Settings: Settings{Title: "A"}, Definition: Definition{Questions: many[1:]}}
	require.NoError(t, f.Check(nil))
	require.Equal(t, MaxQuestions, len(f.places()), "each has an id of its own")
	f.Questions = many
	require.Equal(t, []string{"questions"}, fields(t, f.Check(nil)))
	long := strings.Repeat("é", question.MaxValueLength)
	f.Questions = make([]Question, 0, 132)
	for range 131 { // 131 * 2000 bytes are below 256 KiB, 132 * 2000 above
		f.Questions = append(f.Questions,
			Question{Question: question.Question{Text: long, Kind: question.Date}})
	}
	require.NoError(t, f.Check(nil))
	f.Questions = append(f.Questions,
		Question{Question: question.Question{Text: long, Kind: question.Date}})
	require.Equal(t, []string{"questions"}, fields(t, f.Check(nil)))
	f.Questions, f.Rules = nil, make([]Rule, MaxRules+1)
	require.Equal(t, []string{"rules"}, fields(t, f.Check(nil)))
}

func TestWhatIsCheckedStaysAsItIs(t *testing.T) {
	f := checked(t, must(ask(1, question.Choice, "a", "b")), ask(2, question.Multiple, "a", "b"),
		ask(3, question.Rating), ask(4, question.Number), ask(5, Section),
		shownIf(ask(6, question.WordCloud), Condition{Question: id(4), Equals: "0012.50"}))
	f.Rules = []Rule{{ID: id(1), Left: id(4), Is: AtLeast, Right: id(4)}}
	require.Equal(t, "12.5", f.Questions[5].ShowIf.Equals)
	require.Equal(t, access.Anyone, f.Voters)
	old := f
	require.NoError(t, f.Check(&old))
	require.Equal(t, old, f)
	again, err := DecodeDefinition(f.Definition.Encode())
	require.NoError(t, err)
	require.Equal(t, f.Definition, again)
	for _, wrong := range []string{"", "[]", "{", `{"questions":[{"id":"x"}]}`} {
		_, err := DecodeDefinition(wrong)
		require.Error(t, err, wrong)
	}
}

func TestAQuestionThatHasAnswersIsClosedInsteadOfRemoved(t *testing.T) {
	f := checked(t, ask(1, question.Choice, "a", "b"), ask(2, question.Number),
		shownIf(ask(3, question.Rating), Condition{Question: id(1), Equals: "a"}))
	answered := map[uuid.UUID]int64{id(1): 1, id(3): 2}
	edit := func(change func(*Definition)) (Definition, error) {
		d := f.Definition
		change(&d)
		err := d.keep(&f.Definition, answered)
		return d, err
	}
	d, err := edit(func(d *Definition) { d.Questions = nil })
	require.NoError(t, err)
	require.Len(t, d.Questions, 2, "the one without answers is gone")
	require.Equal(t, id(1), d.Questions[0].ID)
	require.True(t, d.Questions[0].Closed)
	require.True(t, d.Questions[1].Closed)
	require.Nil(t, d.Questions[1].ShowIf)
	for name, change := range map[string]func(*Question) error{
		"another kind": func(q *Question) error { q.Kind = question.Multiple; return nil },
		"an option less": func(q *Question) error {
			q.Options = q.Options[:1]
			return nil
		},
	} {
		_, err := edit(func(d *Definition) { require.NoError(t, d.Change(id(1), change)) })
		require.True(t, fault.Is(err, Answered), name)
	}
	_, err = edit(func(d *Definition) {
		require.NoError(t, d.Change(id(1), func(q *Question) error {
			q.Text = "Reworded"
			q.Options = append([]question.Option{{Key: "c", Value: "New"}}, q.Options...)
			q.Options[1].Value = "Reworded"
			return nil
		}))
		require.NoError(t, d.Order([]uuid.UUID{id(3), id(2), id(1)}))
	})
	require.NoError(t, err)
	require.Equal(t, "Q1", f.Questions[0].Text, "nobody changes what others know")
	require.Equal(t, "A", f.Questions[0].Options[0].Value)
}

func TestTheOwnerMovesQuestions(t *testing.T) {
	d := checked(t, ask(1, question.Number), ask(2, question.Number)).Definition
	order := func() (ids []uuid.UUID) {
		for _, q := range d.Questions {
			ids = append(ids, q.ID)
		}
		return ids
	}
	d.Add(ask(3, question.Date), 0)
	d.Add(ask(4, question.Date), -1)
	require.Equal(t, []uuid.UUID{id(3), id(1), id(2), id(4)}, order())
	require.NoError(t, d.Remove(id(1)))
	require.True(t, fault.Is(d.Remove(id(1)), fault.NotFound))
	require.True(t, fault.Is(d.Change(id(1), nil), fault.NotFound))
	for _, wrong := range [][]uuid.UUID{
		nil, {id(3), id(2)}, {id(3), id(2), id(2)}, {id(3), id(2), id(4), id(4)}, {id(9)},
	} {
		require.True(t, fault.Is(d.Order(wrong), fault.Invalid))
	}
	require.NoError(t, d.Order([]uuid.UUID{id(4), id(2), id(3)}))
	require.Equal(t, []uuid.UUID{id(4), id(2), id(3)}, order())
}
