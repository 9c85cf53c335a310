package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// refusal is a request that must be refused, and how.
type refusal struct {
	name string
	body string
	want string // Answer.Code; without a field: any, or none
}

func (c refusal) check(t *testing.T, a *Answer) {
	t.Helper()
	got := a.Code()
	if strings.Count(c.want, " ") < 2 {
		got = a.Kind()
	}
	require.Equal(t, c.want, got, "%v", a)
}

const (
	aVoter  = "4c7b1f3e-2d70-4b4e-9c53-1f1f0f6a9d11"
	noUUID  = "not-a-uuid"
	jsonEnc = "application/json"
)

var (
	nilUUID = uuid.Nil.String()
	nobody  = "01931c6e-7a1c-7d30-8d5f-0c6a43c8f7aa" // a UUID that names nothing
)

func TestVoteWithAWrongBodyIsRefusedAndSaysWhere(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := show(s.Client, choice("Who wins?"), choice("And then?"))
		pollID := r.Polls[0].PollID
		good := ballotJSON(pollID, aVoter, `,"key":"A"`)
		for _, c := range append(malformed(good), []refusal{
			{"no poll_id", `{"client_id":"` + aVoter + `","key":"A"}`, "400 invalid poll_id"},
			{"no client_id", `{"poll_id":"` + pollID + `","key":"A"}`, "400 invalid client_id"},
			{"no key", ballotJSON(pollID, aVoter, ""), "400 invalid key"},
			{"an empty key", ballotJSON(pollID, aVoter, `,"key":""`), "400 invalid key"},
			{"key and keys", ballotJSON(pollID, aVoter, `,"key":"A","keys":["A"]`),
				"400 invalid keys"},
			{"a key that is a number", ballotJSON(pollID, aVoter, `,"key":1`), "400 invalid key"},
			{"keys that are no list", ballotJSON(pollID, aVoter, `,"keys":"A"`),
				"400 invalid keys"},
			{"an unknown option", ballotJSON(pollID, aVoter, `,"key":"Z"`), "400 invalid key"},
			{"an option in another case", ballotJSON(pollID, aVoter, `,"key":"a"`),
				"400 invalid key"},
			{"a key with a NUL", ballotJSON(pollID, aVoter, `,"key":"A\u0000"`), "400 invalid key"},
			{"two keys where one is right", ballotJSON(pollID, aVoter, `,"keys":["A","B"]`),
				"400 invalid keys"},
			{"a client_id that is no UUID", ballotJSON(pollID, noUUID, `,"key":"A"`),
				"400 invalid client_id"},
			{"the nil client_id", ballotJSON(pollID, nilUUID, `,"key":"A"`),
				"400 invalid client_id"},
			{"a client_id that is a number", `{"poll_id":"` + pollID + `","client_id":7,"key":"A"}`,
				"400 invalid client_id"},
			{"a negative seq", ballotJSON(pollID, aVoter, `,"key":"A","seq":-1`),
				"400 invalid seq"},
			{"a seq beyond 2^53-1", ballotJSON(pollID, aVoter, `,"key":"A","seq":9007199254740992`),
				"400 invalid seq"},
			{"a seq beyond 64 bits",
				ballotJSON(pollID, aVoter, `,"key":"A","seq":99999999999999999999999`),
				"400 invalid seq"},
			{"a broken seq", ballotJSON(pollID, aVoter, `,"key":"A","seq":1.5`), "400 invalid seq"},
			{"a seq in quotes", ballotJSON(pollID, aVoter, `,"key":"A","seq":"1"`),
				"400 invalid seq"},
			{"the nil poll_id", ballotJSON(nilUUID, aVoter, `,"key":"A"`), "400 invalid poll_id"},
			{"a poll_id that is no UUID", ballotJSON(noUUID, aVoter, `,"key":"A"`),
				"404 not_found"},
			{"a poll_id that names nothing", ballotJSON(nobody, aVoter, `,"key":"A"`),
				"409 not_displayed"},
			{"the poll after the displayed one",
				ballotJSON(r.Polls[1].PollID, aVoter, `,"key":"A"`), "409 not_displayed"},
		}...) {
			t.Run(c.name, func(t *testing.T) {
				c.check(t, r.wrong(t, "/polls/current/votes", c.body, jsonEnc))
			})
		}
		require.Zero(t, r.Recount(pollID).Total, "a refused vote counts")
	})
}

// malformed are bodies that are no JSON object, made of a good one.
func malformed(good string) []refusal {
	return []refusal{
		{"an empty body", "", "400 invalid"},
		{"a body of blanks", "  \n", "400 invalid"},
		{"a truncated body", good[:len(good)-4], "400 invalid"},
		{"a body in single quotes", strings.ReplaceAll(good, `"`, `'`), "400 invalid"},
		{"two bodies", good + good, "400 invalid"},
		{"a body and a rest", good + " x", "400 invalid"},
		{"a list", "[" + good + "]", "400 invalid"},
		{"null", "null", "400 invalid"},
		{"a number", "42", "400 invalid"},
		{"a string", `"vote"`, "400 invalid"},
		{"no text at all", "\x00\x01\xff\xfe", "400 invalid"},
		{"brackets a thousand deep", strings.Repeat("[", 1000), "400 invalid"},
	}
}

func TestMultipleVoteTakesEachOptionOnceAndNotMoreThanItMay(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := show(s.Client, multiple("Which?", 2))
		pollID := r.Polls[0].PollID
		for _, c := range []refusal{
			{"the same key twice", `,"keys":["R","R"]`, "400 invalid keys"},
			{"one key too many", `,"keys":["R","G","B"]`, "400 invalid keys"},
			{"keys that are null", `,"keys":null`, "400 invalid key"},
			{"no keys and no texts", `,"keys":[],"texts":[]`, "400 invalid texts"},
			{"an unknown key among good ones", `,"keys":["R","Z"]`, "400 invalid keys"},
			{"a key that is null", `,"keys":["R",null]`, "400 invalid keys"},
			{"a key with a line break", `,"keys":["R\nG"]`, "400 invalid keys"},
		} {
			t.Run(c.name, func(t *testing.T) {
				a := r.wrong(t, "/polls/current/votes", ballotJSON(pollID, aVoter, c.body), jsonEnc)
				require.Equal(t, c.want, a.Code(), "%v", a)
			})
		}
		require.Zero(t, r.Recount(pollID).Total)
		r.Count(Ballot{PollID: pollID, ClientID: aVoter, Key: "G"}) // a list of one, said shortly
		require.Equal(t, []CountedVote{{ClientID: aVoter, Keys: []string{"G"}}}, r.Votes(pollID))
	})
}

func TestContentTypeAndSizeOfAVoteAreChecked(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := show(s.Client, choice("Who wins?"))
		pollID := r.Polls[0].PollID
		good := ballotJSON(pollID, aVoter, `,"key":"A"`)
		padded := func(size int) string { return good + strings.Repeat(" ", size-len(good)) }
		for _, c := range []struct{ name, contentType, body, want string }{
			{"text", "text/plain", good, "415 unsupported_media_type"},
			{"a form", "application/x-www-form-urlencoded", "key=A", "415 unsupported_media_type"},
			{"no content type", "", good, "415 unsupported_media_type"},
			{"garbage for a content type", ";;;", good, "415 unsupported_media_type"},
			{"another JSON", "application/jsonp", good, "415 unsupported_media_type"},
			{"one byte more than 4 KiB", jsonEnc, padded(4097), "413 payload_too_large"},
			{"2 MiB", jsonEnc, padded(2 << 20), "413 payload_too_large"},
			{"4 KiB", jsonEnc, padded(4096), "204"},
			{"a charset", "application/json; charset=utf-8", good, "204"},
			{"capitals", "Application/JSON", good, "204"},
		} {
			t.Run(c.name, func(t *testing.T) {
				a := r.wrong(t, "/polls/current/votes", c.body, c.contentType)
				require.Equal(t, c.want, a.Code(), "%v", a)
			})
		}
		require.EqualValues(t, 1, r.Recount(pollID).Total)
	})
}

func TestIdThatIsNoUUIDNamesNothingAndTheNilUUIDIsAMistake(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := show(s.Client, choice("Who wins?"))
		vote := ballotJSON(r.Polls[0].PollID, aVoter, `,"key":"A"`)
		calls := []struct{ method, path, body string }{
			{"GET", "/presentations/%s", ""},
			{"GET", "/presentations/%s/polls/current", ""},
			{"PUT", "/presentations/%s/polls/current", ""},
			{"DELETE", "/presentations/%s/polls/current", ""},
			{"POST", "/presentations/%s/polls/current/votes", vote},
			{"GET", "/presentations/%s/polls/" + nobody + "/results", ""},
			{"GET", "/presentations/%s/polls/" + nobody + "/votes", ""},
			{"GET", "/presentations/" + r.PresentationID + "/polls/%s/results", ""},
			{"GET", "/presentations/" + r.PresentationID + "/polls/%s/votes", ""},
		}
		ids := []struct{ id, want string }{
			{noUUID, "404 not_found"},
			{nobody, "404 not_found"},
			{nobody[:35], "404 not_found"},
			{"%7B" + nobody + "%7D", "404 not_found"}, // forms that UUID libraries like to read
			{"urn:uuid:" + nobody, "404 not_found"},
			{strings.ReplaceAll(nobody, "-", ""), "404 not_found"},
			{"%27%20OR%201=1", "404 not_found"},
			{strings.Repeat("9", 500), "404 not_found"},
			{nilUUID, "400 invalid"},
		}
		for _, c := range calls {
			for _, id := range ids {
				a := s.Do(Request{Method: c.method, Path: Base + fmt.Sprintf(c.path, id.id),
					Body: c.body, Token: r.PresenterToken,
					Header: contentType(c.body), Wrong: true})
				require.Equal(t, id.want, a.Kind(), "%s %s with %s: %v", c.method, c.path, id.id, a)
			}
		}
	})
}

func TestBodyIsCheckedBeforeThePresentationAndThePresentationBeforeThePoll(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := show(s.Client, choice("Who wins?"))
		elsewhere := &Room{Client: s.Client, Created: Created{PresentationID: nobody}}
		garbage := &Room{Client: s.Client, Created: Created{PresentationID: noUUID}}
		noKey := ballotJSON(r.Polls[0].PollID, aVoter, "")
		good := ballotJSON(nobody, aVoter, `,"key":"A"`)
		for name, room := range map[string]*Room{"unknown": elsewhere, "garbage": garbage} {
			require.Equal(t, "400 invalid key",
				room.wrong(t, "/polls/current/votes", noKey, jsonEnc).Code(), name)
			require.Equal(t, "404 not_found",
				room.wrong(t, "/polls/current/votes", good, jsonEnc).Code(), name)
		}
	})
}

func TestPresentationWithAWrongBodyIsRefusedAndSaysWhere(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		const ok = `{"question":"Q","options":[{"key":"A","value":"a"}]}`
		one := func(poll string) string { return `{"polls":[` + poll + `]}` }
		withOptions := func(options string) string {
			return one(`{"question":"Q","options":[` +
				options + `]}`)
		}
		root := &Room{Client: s.Client}
		for _, c := range append(malformed(one(ok)), []refusal{
			{"no polls", `{"title":"T"}`, "400 invalid polls"},
			{"an empty list of polls", `{"polls":[]}`, "400 invalid polls"},
			{"501 polls", one(strings.Repeat(ok+",", 500) + ok), "400 invalid polls"},
			{"polls that are no list", `{"polls":{}}`, "400 invalid polls"},
			{"a title that is a number", `{"title":1,"polls":[` + ok + `]}`, "400 invalid title"},
			{"a title of 1,001 characters",
				`{"title":"` + strings.Repeat("é", 1001) + `","polls":[` + ok + `]}`,
				"400 invalid title"},
			{"a question that is a number", one(ok + `,{"question":1}`),
				"400 invalid polls[1].question"},
			{"a value that is a list",
				withOptions(`{"key":"A","value":"a"},{"key":"B","value":[]}`),
				"400 invalid polls[0].options[1].value"},
			{"no question", one(`{"options":[{"key":"A","value":"a"}]}`),
				"400 invalid polls[0].question"},
			{"an empty question", one(ok + `,{"question":" ","options":[{"key":"A","value":"a"}]}`),
				"400 invalid polls[1].question"},
			{"an unknown kind", one(
				`{"question":"Q","kind":"quiz","options":[{"key":"A","value":"a"}]}`),
				"400 invalid polls[0].kind"},
			{"no options", one(`{"question":"Q"}`), "400 invalid polls[0].options"},
			{"a rating with options",
				one(`{"question":"Q","kind":"rating","options":[{"key":"A","value":"a"}]}`),
				"400 invalid polls[0].options"},
			{"the same key twice", withOptions(`{"key":"A","value":"a"},{"key":"A","value":"b"}`),
				"400 invalid polls[0].options[1].key"},
			{"no key", withOptions(`{"value":"a"}`), "400 invalid polls[0].options[0].key"},
			{"no value", withOptions(`{"key":"A"}`), "400 invalid polls[0].options[0].value"},
			{"a key of 65 characters",
				withOptions(`{"key":"` + strings.Repeat("k", 65) + `","value":"a"}`),
				"400 invalid polls[0].options[0].key"},
			{"a key with a line break", withOptions(`{"key":"A\nB","value":"a"}`),
				"400 invalid polls[0].options[0].key"},
			{"max_choices for one choice",
				one(`{"question":"Q","max_choices":2,"options":[{"key":"A","value":"a"},` +
					`{"key":"B","value":"b"}]}`), "400 invalid polls[0].max_choices"},
			{"more choices than options",
				one(`{"question":"Q","kind":"multiple","max_choices":2,"options":[{"key":"A",` +
					`"value":"a"}]}`), "400 invalid polls[0].max_choices"},
			{"an index beyond the polls", `{"current_poll_index":1,"polls":[` + ok + `]}`,
				"400 invalid current_poll_index"},
			{"a negative index", `{"current_poll_index":-1,"polls":[` + ok + `]}`,
				"400 invalid current_poll_index"},
		}...) {
			t.Run(c.name, func(t *testing.T) {
				c.check(t, root.wrongAt(t, Base+"/presentations", c.body, jsonEnc))
			})
		}
		for contentType, want := range map[string]string{"text/plain": "415 unsupported_media_type",
			"": "415 unsupported_media_type"} {
			require.Equal(t, want, root.wrongAt(t, Base+"/presentations", one(ok),
				contentType).Code())
		}
		big := one(ok) + strings.Repeat(" ", 1<<20)
		require.Equal(t, "413 payload_too_large",
			root.wrongAt(t, Base+"/presentations", big, jsonEnc).Code())
	})
}

// wrong posts something that the contract does not allow, or that only the server can tell is
// wrong.
func (r *Room) wrong(t *testing.T, rest, body, contentType string) *Answer {
	t.Helper()
	return r.wrongAt(t, r.Path(rest), body, contentType)
}

func (r *Room) wrongAt(t *testing.T, path, body, typ string) *Answer {
	t.Helper()
	req := Request{Method: http.MethodPost, Path: path, Body: body, Wrong: true}
	if typ != "" {
		req.Header = map[string]string{"Content-Type": typ}
	}
	return r.Do(req)
}

func contentType(body string) map[string]string {
	if body == "" {
		return nil
	}
	return map[string]string{"Content-Type": jsonEnc}
}
