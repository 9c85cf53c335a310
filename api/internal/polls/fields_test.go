package polls

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
)

func TestAWrongTypeIsNamedByItsWholePlace(t *testing.T) {
	app := fiber.New()
	type edit struct {
		Question *string       `json:"question"`
		Options  *[]wireOption `json:"options"`
		Banned   *[]string     `json:"banned_words"`
	}
	type order struct {
		PollIDs []string `json:"poll_ids"`
	}
	for _, c := range []struct {
		into       any
		body, want string
	}{
		{new(newPresentation), `{"polls":[{"question":"Q"},{"question":1}]}`, "polls[1].question"},
		{new(newPresentation), `{"polls":[{"question":"Q","options":[{"key":"A"},{"key":"B",` +
			`"value":[]}]}]}`, "polls[0].options[1].value"},
		{new(newPresentation), `{"polls":[{},{},{"options":[{},{},{},{"value":{"value":1}}]}]}`,
			"polls[2].options[3].value"},
		{new(newPresentation), `{"polls":[{"banned_words":["a","]",null,7]}]}`,
			"polls[0].banned_words[3]"},
		{new(newPresentation), `{"other":[[{"polls":[1]}],"x"],"polls":[{"max_choices":1},` +
			`{"max_choices":1.5}]}`, "polls[1].max_choices"},
		{new(newPresentation), `{"polls":[{"max_choices":1},{"max_choices":1e999}]}`,
			"polls[1].max_choices"},
		{new(newPresentation), `{"polls":[{"kind":"single"},{"kind":true}]}`, "polls[1].kind"},
		{new(newPresentation), `{"polls":[{},[]]}`, "polls[1]"},
		{new(newPresentation), `{"polls":[{},"x"]}`, "polls[1]"},
		{new(newPresentation), `{"polls":{}}`, "polls"},
		{new(newPresentation), `{"polls":"[1]"}`, "polls"},
		{new(newPresentation), `{"POLLS":[{"Question":0}]}`, "polls[0].question"},
		{new(newPresentation), `{"polls":[{}],"polls":[{},{"question":{}}]}`, "polls[1].question"},
		{new(newPresentation), "{ \"title\" : \"\\\"[{\" ,\n\"polls\"\t:[ { } ,\r{ \"question\" " +
			":\n null } , { \"question\" : false } ] }", "polls[2].question"},
		{new(newPresentation), `{"title":[1]}`, "title"},
		{new(newPresentation), `{"current_poll_index":"0"}`, "current_poll_index"},
		{new(newPresentation), `[{"polls":[]}]`, "body"},
		{new(newPresentation), `7`, "body"},
		{new(newPoll), `{"options":[{"key":"A","value":"a"},{"key":1}]}`, "options[1].key"},
		{new(edit), `{"options":[{},{},{},{"value":0}]}`, "options[3].value"},
		{new(edit), `{"banned_words":["a",{}]}`, "banned_words[1]"},
		{new(order), `{"poll_ids":["a","b",3]}`, "poll_ids[2]"},
		{new(newVote), `{"keys":["A",["B"]]}`, "keys[1]"},
		{new(newVote), `{"texts":[{"a":[]}]}`, "texts[0]"},
		{new(newVote), `{"seq":9223372036854775808}`, "seq"},
	} {
		err := decoded(t, app, []byte(c.body), c.into)
		wrong, is := errors.AsType[*fault.Error](err)
		require.True(t, is, c.body)
		require.Equal(t, c.want, wrong.Field, c.body)
	}
	last := `{"polls":[` + strings.Repeat(`{"question":"Q","options":[{"key":"A","value":"a"}]},`,
		10_000) + `{"question":1}]}`
	wrong, _ := errors.AsType[*fault.Error](decoded(t, app, []byte(last), new(newPresentation)))
	require.Equal(t, "polls[10000].question", wrong.Field)
}

// FuzzFieldNames: whatever is wrong, its name is of our making.
func FuzzFieldNames(f *testing.F) {
	f.Add([]byte(`{"polls":[{"question":"Q"},{"question":1}]}`))
	f.Add([]byte(`{"title":1,"x":[[[{}]]]}`))
	f.Add([]byte(`[`))
	app := fiber.New()
	name := regexp.MustCompile(
		`^(body|title|current_poll_index|polls(\[\d+\](\.(question|kind|` +
			`max_choices|results_visibility|` +
			`banned_words(\[\d+\])?|options(\[\d+\](\.(key|value))?)?))?)?)$`)
	f.Fuzz(func(t *testing.T, body []byte) {
		if wrong, is := errors.AsType[*fault.Error](decoded(t, app, body,
			new(newPresentation))); is {
			require.Regexp(t, name, wrong.Field, "%q", body)
		}
	})
}
