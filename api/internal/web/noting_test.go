package web

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
)

type noted struct {
	Title  string   `json:"title"`
	Value  *float64 `json:"value"`
	Tags   []string `json:"tags"`
	Within struct {
		Number int     `json:"number"`
		Text   *string `json:"text"`
	} `json:"within"`
}

func TestEveryMemberOfAWrongTypeIsNamedAndTheOthersAreRead(t *testing.T) {
	for body, want := range map[string][]string{
		`{"title":"A","value":5}`:                 nil,
		`{"title":7,"value":"5"}`:                 {"title", "value"},
		`{"value":"5","title":[1,[2],{"a":"]"}]}`: {"value", "title"},
		`{"value":1e999,"tags":[1,"a",{}],"within":{"text":5}}`: {
			"value", "tags[0]", "tags[2]", "within.text",
		},
		`{"within":{"number":0.5,"text":[]},"title":false}`: {
			"within.number", "within.text", "title",
		},
		`{"within":[{"number":"a"}],"tags":{"a":[1,2]}}`:      {"within", "tags"},
		"{ \"value\" :\n\t\"\\\"x\\\\\" , \"title\"\t: { } }": {"value", "title"},
		`{"value":"a","value":"b","title":[]}`:                {"value", "title"},
	} {
		var v noted
		var wrongs fault.Wrongs
		require.NoError(t, UnmarshalNoting([]byte(body), &v, &wrongs), body)
		var got []string
		for _, w := range wrongs {
			got = append(got, w.Field)
		}
		require.Equal(t, want, got, body)
	}
	var v noted
	var wrongs fault.Wrongs
	text := []byte(`{"title":7,"tags":["a"],"within":{"number":"x","text":"kept"},"value":4}`)
	require.NoError(t, UnmarshalNoting(text, &v, &wrongs))
	require.Equal(t, fault.Wrongs{{Field: "title", Detail: "must not be a JSON number"},
		{Field: "within.number", Detail: "must not be a JSON string"}}, wrongs)
	require.Equal(t, []string{"a"}, v.Tags)
	require.Equal(t, "kept", *v.Within.Text)
	require.Equal(t, 4.0, *v.Value)
}

func TestWhatIsNothingLikeABodyIsOneError(t *testing.T) {
	for _, body := range []string{``, `{`, `[]`, `7`, `"x"`, `{"title":}`, `{}{}`, "\x00",
		`[{"title":1}]`} {
		var v noted
		var wrongs fault.Wrongs
		err := UnmarshalNoting([]byte(body), &v, &wrongs)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), "%q", body)
		require.Empty(t, wrongs, body)
	}
}

func TestABodyThatIsWrongAgainAndAgainIsReadSoOftenAndNoMore(t *testing.T) {
	again := `{` + strings.Repeat(`"value":"a",`, 1000) + `"title":1}`
	large := `{"title":7,"tags":["` + strings.Repeat("a", SmallBody) + `"],"value":""}`
	for body, want := range map[string]string{again: "value", large: "title"} {
		var v noted
		var wrongs fault.Wrongs
		begun := time.Now()
		err := UnmarshalNoting([]byte(body), &v, &wrongs)
		require.Less(t, time.Since(begun), 10*time.Second)
		var wrong *fault.Error
		require.ErrorAs(t, err, &wrong)
		require.Equal(t, want, wrong.Field)
		require.LessOrEqual(t, len(wrongs), 1)
	}
}

func FuzzUnmarshalNoting(f *testing.F) {
	for _, s := range []string{`{"title":1,"value":[{"a":"}"}],"within":{"text":{}}}`,
		`{"tags":[1,{},[]]}`,
		`{"within":"\ud800","title":1e999}`, `[`, ``, `{"TITLE":{"a":1}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var v noted
		var wrongs fault.Wrongs
		err := UnmarshalNoting(body, &v, &wrongs)
		require.True(t, err == nil || fault.Is(err, fault.Invalid))
		require.LessOrEqual(t, len(wrongs), passes)
	})
}

func TestAProblemNamesAllFieldsWhereSeveralAreWrongAndElseTheOne(t *testing.T) {
	one := RefusalOf(fault.Field("title", "is missing"), "id")
	require.JSONEq(t, `{"type":"about:blank","title":"Bad Request","status":400,"code":"invalid",
		"detail":"is missing","field":"title","request_id":"id"}`, string(one.Body))
	var wrongs fault.Wrongs
	wrongs.Add("title", "is missing")
	wrongs.Add("value", "must be 1 to 5")
	both := RefusalOf(wrongs.Err(), "id")
	require.Equal(t, 400, both.Status)
	require.JSONEq(t, `{"type":"about:blank","title":"Bad Request","status":400,"code":"invalid",
		"detail":"is missing","field":"title","request_id":"id","errors":[
		{"field":"title","detail":"is missing"},{"field":"value","detail":"must be 1 to 5"}]}`,
		string(both.Body))
}
