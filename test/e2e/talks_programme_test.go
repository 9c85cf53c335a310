package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/test/stack"
)

// fileOf reads a file of the testdata of talks.
func fileOf(t *testing.T, name string) string {
	t.Helper()
	root, err := moduleRoot()
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(root, "api/internal/talks/testdata", name))
	require.NoError(t, err)
	return string(text)
}

func TestAFileIsImportedAndImportedAgainWithNothingTwice(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		for _, name := range []string{"sessionize.json", "pretalx.json"} {
			file := fileOf(t, name)
			a := s.ImportFile(file, "?time_zone=Europe/Berlin", "")
			require.Equal(t, http.StatusCreated, a.Status, "%v", a)
			require.Equal(t, "no-store", a.Header.Get("Cache-Control"))
			var first Programme
			require.NoError(t, a.Decode(&first))
			require.Equal(t, "Europe/Berlin", first.Zone)
			for i := range first.Items {
				talk := first.Talk(s.Client, i, "")
				for _, token := range []string{*first.Token, *first.Items[i].Token} {
					var read struct {
						Role string `json:"role"`
					}
					a := s.Do(Request{Method: "GET", Path: talk.Path(""), Token: token})
					_ = a.Decode(&read) // the role alone is looked at
					require.Contains(t, string(a.Body), `"role":"owner"`)
				}
			}
			last := s.replicas[len(s.replicas)-1]
			a = last.ImportFile(file, "?time_zone=Europe/Berlin", *first.Token)
			require.Equal(t, http.StatusOK, a.Status, "%v", a)
			var again Programme
			require.NoError(t, a.Decode(&again))
			for i := range first.Items {
				first.Items[i].Outcome = "unchanged"
			}
			require.Equal(t, first, again)
		}
	})
}

func TestAnImportUpdatesItsOwnersTalksAndNobodyElses(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		token := drawnToken()
		first := s.Imported(aFile, "", token)
		require.Equal(t, []string{"sessionize:1 created", "sessionize:2 created"}, first.Outcomes())
		require.Equal(t, token, *first.Token)
		one := first.Talk(s.Client, 0, token)
		one.Rated("", 4)
		edit := Request{Method: "PATCH", Path: one.Path(""), Token: token,
			JSON: object{"settings": object{"min_ratings": 1}}}
		require.Equal(t, http.StatusOK, s.Do(edit).Status)

		other := s.Imported(aFile, "", "")
		require.Equal(t, []string{"sessionize:1 created", "sessionize:2 created"}, other.Outcomes())
		require.NotEqual(t, first.Items[0].ID, other.Items[0].ID)

		moved := strings.ReplaceAll(aFile, "2020-01-01T1", "2020-01-02T1")
		again := s.Imported(moved, "?time_zone=Asia/Tokyo", token)
		require.Equal(t, []string{"sessionize:1 updated", "sessionize:2 unchanged"},
			again.Outcomes())
		var now struct {
			ID       string         `json:"talk_id"`
			Code     string         `json:"code"`
			Title    string         `json:"title"`
			Speaker  string         `json:"speaker"`
			StartsAt time.Time      `json:"starts_at"`
			EndsAt   time.Time      `json:"ends_at"`
			Settings map[string]any `json:"settings"`
			Role     string         `json:"role"`
		}
		s.read(Request{Method: "GET", Path: one.Path("")}, &now)
		require.Equal(t, time.Date(2020, 1, 2, 1, 0, 0, 0, time.UTC), now.StartsAt)
		require.Equal(t, "Ada Example", now.Speaker)
		require.EqualValues(t, 1, now.Settings["min_ratings"], "what the owner has set stays")
		require.Equal(t, Histogram(0, 0, 0, 1, 0), one.Ratings("").Histogram)
		s.read(Request{Method: "GET", Path: other.Talk(s.Client, 0, "").Path("")}, &now)
		require.Equal(t, time.Date(2020, 1, 1, 10, 0, 0, 0, time.UTC), now.StartsAt)
	})
}

func TestAFileThatReplicasImportAtOnceMakesItsTalksOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		token := drawnToken()
		concurrently(8, func(i int) {
			s.replicas[i%len(s.replicas)].Imported(aFile, "", token)
		})
		require.Equal(t, []string{"sessionize:1 unchanged", "sessionize:2 unchanged"},
			new(s.Imported(aFile, "", token)).Outcomes())
		var all struct {
			At    time.Time        `json:"exported_at"`
			Items []map[string]any `json:"items"`
		}
		s.read(Request{Method: "GET", Path: Base + "/talks/export", Token: token}, &all)
		require.Len(t, all.Items, 2)
	})
}

func TestAnAccountsImportIsItsOwnWithoutAToken(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		p, other := s.Register(), s.Register()
		first := s.Imported(aFile, "", p.Token)
		require.Nil(t, first.Token)
		require.NotNil(t, first.Items[0].Token)
		again := s.Imported(strings.Replace(aFile, `"One"`, `"First"`, 1), "", p.logIn())
		require.Equal(t, []string{"sessionize:1 updated", "sessionize:2 unchanged"},
			again.Outcomes())
		require.Equal(t, first.Items[0].ID, again.Items[0].ID)
		require.Nil(t, again.Items[0].Token, "it was told")
		ids, _ := p.ownTalks("10")
		require.ElementsMatch(t, []string{first.Items[0].ID, first.Items[1].ID}, ids)
		theirs := s.Imported(aFile, "", other.Token)
		require.Equal(t, []string{"sessionize:1 created", "sessionize:2 created"},
			theirs.Outcomes())
	})
}

func TestWhatIsNoProgrammeIsRefusedWholeAndSaysWhere(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		token := drawnToken()
		session := func(more string) string {
			return `{"sessions":[{"id":"1","title":"A"},{"id":"2","title":"B"` + more + `}]}`
		}
		for _, c := range append(malformed(aFile), []refusal{
			{"neither form", `{"talks":[]}`, "400 invalid body"},
			{"no talk", `{"sessions":[]}`, "400 invalid sessions"},
			{"a time that is none", session(`,"startsAt":"soon"`),
				"400 invalid sessions[1].startsAt"},
			{"a number", session(`,"endsAt":7`), "400 invalid sessions[1].endsAt"},
			{"an end before its start",
				session(`,"startsAt":"2027-01-02T00:00:00","endsAt":"2027-01-01T00:00:00"`),
				"400 invalid sessions[1].endsAt"},
			{"a year that nobody lives to see", session(`,"startsAt":"9999-01-01T00:00:00"`),
				"400 invalid sessions[1].startsAt"},
			{"an unknown speaker", session(`,"speakers":["x"]`),
				"400 invalid sessions[1].speakers[0]"},
			{"an id twice", strings.Replace(session(""), `"2"`, `"1"`, 1),
				"400 invalid sessions[1].id"},
			{"a title of nothing", strings.Replace(session(""), `"B"`, `"\u200b"`, 1),
				"400 invalid sessions[1].title"},
			{"half a character", strings.Replace(session(""), `"B"`, `"\ud800"`, 1),
				"400 invalid sessions[1].title"},
			{"a long title", strings.Replace(session(""), `"B"`,
				`"`+strings.Repeat("é", 301)+`"`, 1), "400 invalid sessions[1].title"},
			{"a room that is no list", `{"schedule":{"conference":{"days":[{"rooms":{"A":7}}]}}}`,
				"400 invalid"},
			{"a talk that is none",
				`{"schedule":{"conference":{"days":[{"rooms":{"A":[null]}}]}}}`,
				`400 invalid schedule.conference.days[0].rooms["A"][0]`},
		}...) {
			a := s.ImportFile(c.body, "", token)
			c.check(t, a)
		}
		a := s.ImportFile(`{"sessions":[{"id":"1","title":"","startsAt":"soon"},{"title":7}]}`,
			"", token)
		require.Equal(t, []string{"sessions[0].startsAt", "sessions[1].title", "sessions[1].id"},
			a.wrongFields())
		for query, want := range map[string]string{
			"?time_zone=": "400 invalid time_zone", "?time_zone=Local": "400 invalid time_zone",
			"?time_zone=..%2f..%2fetc%2fpasswd":       "400 invalid time_zone",
			"?time_zone=%00":                          "400 invalid time_zone",
			"?time_zone=" + strings.Repeat("A", 4000): "400 invalid time_zone",
		} {
			require.Equal(t, want, s.ImportFile(aFile, query, token).Code(), query)
		}
		for _, wrong := range []string{"short", strings.Repeat("a", 42), strings.Repeat("a", 129),
			strings.Repeat("a", 42) + "="} {
			require.Equal(t, "403 forbidden", s.ImportFile(aFile, "", wrong).Code(), wrong)
		}
		require.Equal(t, "401 invalid_session", s.ImportFile(aFile, "", "eyJ.eyJ.x").Code())
		require.Equal(t, "415 unsupported_media_type", s.Do(Request{Method: "POST",
			Path: Base + "/talks/import", Body: aFile, Wrong: true}).Code())
		require.Equal(t, "403 forbidden", s.Do(Request{Method: "GET",
			Path: Base + "/talks/export", Token: token}).Code(), "nothing of that was imported")
	})
}

func TestAFileMayBeLargeButNotTooLarge(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		file := func(talks, describes int) string {
			var all []string
			for i := range talks {
				all = append(all, fmt.Sprintf(`{"id":%d,"title":"Talk %d","description":"%s"}`,
					i, i, strings.Repeat("a", describes)))
			}
			return `{"sessions":[` + strings.Join(all, ",") + `]}`
		}
		for _, client := range append(s.replicas, s.Client)[:1+len(s.replicas)] {
			large := client.Imported(file(200, 18_000), "", "")
			require.Len(t, large.Items, 200, "3.5 MiB")
			require.Equal(t, "413 payload_too_large",
				client.ImportFile(file(250, 18_000), "", "").Code())
		}
		require.Len(t, s.Imported(file(1000, 0), "", "").Items, 1000)
		require.Equal(t, "400 invalid sessions", s.ImportFile(file(1001, 0), "", "").Code())
	})
}

func TestImportsOfAnAddressAreLimitedAndAWrongFileCostsNone(t *testing.T) {
	s, _ := own(t, stack.Config{Parts: stack.API, APIs: 1,
		APIEnv: []string{"PLENARY_CREATE_LIMIT=60"}})
	send := func(body, address string) *Answer {
		h := from(address)
		h["Content-Type"] = jsonEnc
		return s.Do(Request{Method: "POST", Path: Base + "/talks/import", Body: body, Header: h,
			Wrong: true})
	}
	for range 8 {
		require.Equal(t, "400 invalid sessions", send(`{"sessions":[]}`, "192.0.2.1").Code())
	}
	for range 6 {
		require.Equal(t, 201, send(aFile, "192.0.2.1").Status)
	}
	require.Equal(t, "429 too_many_requests", send(aFile, "192.0.2.1").Code())
	require.Equal(t, 201, send(aFile, "192.0.2.2").Status)
}

func TestImportingTakesTheKeyOfAServerThatHasOne(t *testing.T) {
	const key = "a-key.of~ours+1/="
	s, _ := own(t, stack.Config{Parts: stack.API, APIs: 1,
		APIEnv: []string{"PLENARY_CREATE_KEY=" + key}})
	send := func(token, createKey string) *Answer {
		h := map[string]string{"Content-Type": jsonEnc}
		if createKey != "" {
			h["X-Create-Key"] = createKey
		}
		return s.Do(Request{Method: "POST", Path: Base + "/talks/import", Body: aFile, Header: h,
			Token: token, Wrong: true})
	}
	require.Equal(t, "401 create_key_missing", send("", "").Code())
	token := drawnToken()
	require.Equal(t, "403 create_key_wrong", send(token, "").Code())
	require.Equal(t, "403 create_key_wrong", send(token, key+"x").Code())
	var first, again Programme
	require.NoError(t, send(token, key).Decode(&first))
	require.Equal(t, token, *first.Token)
	a := send(token, key)
	require.Equal(t, 200, a.Status)
	require.NoError(t, a.Decode(&again))
	require.Equal(t, first.Items[0].ID, again.Items[0].ID)
	var drawn Programme
	require.NoError(t, send(key, "").Decode(&drawn))
	require.NotEqual(t, key, *drawn.Token, "the key is nobody's token")
}
