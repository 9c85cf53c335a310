package talks

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/talk"
)

func testFile(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	return text
}

// plainItem is an item without what a comparison cannot compare.
func plainItem(i talk.Item) talk.Item {
	i.StartsAt, i.EndsAt, i.Name = i.StartsAt.UTC(), i.EndsAt.UTC(), nil
	return i
}

func items(t *testing.T, text []byte, zone *time.Location) (plain []talk.Item) {
	t.Helper()
	all, _, err := readFile(text, zone)
	require.NoError(t, err)
	for _, i := range all {
		plain = append(plain, plainItem(i))
	}
	return plain
}

func utc(month, day, hour, minute int) time.Time {
	return time.Date(2027, time.Month(month), day, hour, minute, 0, 0, time.UTC)
}

func TestAFileOfSessionizeHasItsTalksAndNoLunch(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	require.Equal(t, []talk.Item{
		{Source: "sessionize:412001", Title: "Why queues", Speaker: "Ada Example, Björn Beispiel",
			StartsAt: utc(5, 4, 7, 30), EndsAt: utc(5, 4, 8, 15)},
		{Source: "sessionize:412002", Title: "Für alle: Zähler, die stimmen",
			Speaker: "Björn Beispiel", StartsAt: utc(5, 4, 11, 0)},
		{Source: "sessionize:412003", Title: "A talk without a slot"},
	}, items(t, testFile(t, "sessionize.json"), berlin))
	require.Equal(t, utc(5, 4, 9, 30), items(t, testFile(t, "sessionize.json"), nil)[0].StartsAt,
		"a time without an offset is UTC where nobody says a zone")
}

func TestAScheduleOfPretalxHasItsTalksOfAllDaysAndRooms(t *testing.T) {
	want := []talk.Item{
		{Source: "pretalx:5a0c7d34-9a55-5c0b-9f0b-1b8a4a1f2c11", Title: "Opening",
			Speaker: "Chioma Example, Dao Example", StartsAt: utc(6, 1, 8, 0),
			EndsAt: utc(6, 1, 8, 45)},
		{Source: "pretalx:5a0c7d34-9a55-5c0b-9f0b-1b8a4a1f2c12", Title: "A workshop",
			StartsAt: utc(6, 1, 9, 0), EndsAt: utc(6, 1, 10, 30)},
	}
	file := testFile(t, "pretalx.json")
	require.Equal(t, want, items(t, file, nil))
	tokyo, err := time.LoadLocation("Asia/Tokyo")
	require.NoError(t, err)
	require.Equal(t, want, items(t, file, tokyo), "an offset stands")
	local := strings.ReplaceAll(string(file), "+02:00", "")
	require.Equal(t, want, items(t, []byte(local), nil), "without one the file's zone does")
	for _, old := range []string{`"guid": "5a0c7d34-9a55-5c0b-9f0b-1b8a4a1f2c11",`,
		`"code": "AB3CDE",`} {
		require.Contains(t, local, old)
		local = strings.Replace(local, old, "", 1)
	}
	require.Equal(t, "pretalx:demo:21", items(t, []byte(local), nil)[0].Source)
}

func TestAllThatIsWrongWithAFileIsNamed(t *testing.T) {
	session := func(more string) string {
		return `{"sessions":[{"id":"1","title":"A"},{"id":2,"title":"B"` + more + `}],` +
			`"speakers":[{"id":"s","fullName":"S"}]}`
	}
	event := func(more string) string {
		return `{"schedule":{"conference":{"days":[{"rooms":{}},{"rooms":{"A \"1\"":[` +
			`{"guid":"g","title":"A"},{"guid":"h","title":"B"` + more + `}]}}]}}}`
	}
	const zone = "schedule.conference.time_zone_name"
	const room = `schedule.conference.days[1].rooms["A \"1\""][1]`
	for _, c := range []struct{ body, want string }{
		{session(""), ""},
		{event(""), ""},
		{`{}`, "body"},
		{`[]`, "body"},
		{`{`, "body"},
		{`{"talks":[]}`, "body"},
		{`{"sessions":null}`, "body"},
		{`{"sessions":{}}`, "sessions"},
		{`{"sessions":[]}`, "sessions"},
		{`{"sessions":[],"schedule":{}}`, "sessions"},
		{`{"schedule":[]}`, "schedule"},
		{`{"schedule":{}}`, "schedule"},
		{`{"schedule":{"conference":{"days":{}}}}`, "schedule.conference.days"},
		{`{"schedule":{"conference":{"time_zone_name":"Mars/X"}}}`, zone},
		{`{"schedule":{"conference":{"time_zone_name":"Local"}}}`, zone},
		{`{"schedule":{"conference":{"time_zone_name":"../etc"}}}`, zone},
		{`{"schedule":{"conference":{"time_zone_name":7}}}`, zone},
		{`{"schedule":{"conference":{"days":[{"rooms":["A"]}]}}}`,
			"schedule.conference.days[0].rooms"},
		{`{"sessions":[{"id":"1","title":"A","isServiceSession":true}]}`, "sessions"},
		{`{"sessions":[7,null,[],"x",{"id":true,"title":"A"},{"title":"A"}]}`,
			"sessions[0] sessions[1] sessions[2] sessions[3] sessions[4].id sessions[5].id"},
		{`{"sessions":[{"id":"","title":"A"}]}`, "sessions[0].id"},
		{session(`,"startsAt":"yesterday","endsAt":7,"speakers":["x"]`),
			"sessions[1].endsAt sessions[1].startsAt sessions[1].speakers[0]"},
		{session(`,"startsAt":""`), "sessions[1].startsAt"},
		{session(`,"startsAt":"0001-01-01T00:00:00"`), "sessions[1].startsAt"},
		{session(`,"startsAt":"2027-13-01T00:00:00"`), "sessions[1].startsAt"},
		{session(`,"speakers":"s"`), "sessions[1].speakers"},
		{session(`,"speakers":["s",7]`), "sessions[1].speakers[1]"},
		{session(`,"isServiceSession":"no"`), "sessions[1].isServiceSession"},
		{`{"sessions":[{"id":"1","title":"A"}],` +
			`"speakers":[{"fullName":"S"},{"id":1,"fullName":7}]}`,
			"speakers[0].id speakers[1].fullName"},
		{`{"sessions":[{"id":"` + strings.Repeat("1", 101) + `","title":"A"}]}`, "sessions[0].id"},
		{`{"sessions":[{"id":"a\u0000b","title":"A"}]}`, "sessions[0].id"},
		{event(`,"date":"soon","duration":"long"`), room + ".date " + room + ".duration"},
		{event(`,"duration":"00:75"`), room + ".duration"},
		{event(`,"duration":45`), room + ".duration"},
		{event(`,"guid":""`), room + ".guid"},
		{event(`,"persons":[{"name":7}]`), room + ".persons[0].name"},
	} {
		_, _, err := readFile([]byte(c.body), nil)
		require.Equal(t, c.want, strings.Join(fields(err), " "), c.body)
	}
}

// fields gives what an error names.
func fields(err error) (all []string) {
	var wrongs fault.Wrongs
	_ = wrongs.Note(err)
	for _, w := range wrongs {
		all = append(all, w.Field)
	}
	return all
}

func TestAFileHasAtMostSoManyTalks(t *testing.T) {
	file := func(n, lunches int) []byte {
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf(`{"id":%d,"title":"A"}`, i))
		}
		for range lunches {
			all = append(all, `{"id":"x","isServiceSession":true}`)
		}
		return []byte(`{"sessions":[` + strings.Join(all, ",") + `]}`)
	}
	all, _, err := readFile(file(talk.MaxImport, 500), nil)
	require.NoError(t, err)
	require.Len(t, all, talk.MaxImport)
	_, _, err = readFile(file(talk.MaxImport+1, 0), nil)
	require.Equal(t, []string{"sessions"}, fields(err))
	bad := []byte(strings.ReplaceAll(string(file(500, 0)), `"A"`, `7`))
	_, _, err = readFile(bad, nil)
	require.Len(t, fields(err), fault.MaxWrongs)
}

func TestAFileHasAtMostSoManyMembersWhateverTheyAre(t *testing.T) {
	speakers := func(n int) []byte {
		return []byte(`{"speakers":[` + strings.Repeat(`{"id":1},`, n-1) + `{"id":1}],` +
			`"sessions":[{"id":1,"title":"A"}]}`)
	}
	all, _, err := readFile(speakers(maxMembers-1), nil)
	require.NoError(t, err)
	require.Len(t, all, 1)
	breaks := strings.Repeat(`{"id":1,"isServiceSession":true},`, maxMembers)
	for at, file := range map[string][]byte{
		"sessions[0]":                           speakers(maxMembers),
		fmt.Sprintf("speakers[%d]", maxMembers): speakers(maxMembers + 5),
		fmt.Sprintf("sessions[%d]", maxMembers): []byte(`{"sessions":[` + breaks +
			`{"id":1,"title":"A"}]}`),
	} {
		_, _, err = readFile(file, nil)
		require.Equal(t, []string{at}, fields(err))
	}
}

func TestOfManySpeakersThereAreAsManyAsThereIsRoomFor(t *testing.T) {
	require.Equal(t, "", joined(nil))
	require.Equal(t, "A, B", joined([]string{"A", "B"}))
	name := strings.Repeat("é", 99)
	short := joined([]string{name, name, name, name})
	require.Equal(t, name+", "+name+", …", short)
	require.LessOrEqual(t, utf8.RuneCountInString(short), talk.MaxSpeaker)
	long := strings.Repeat("é", 400)
	require.Equal(t, long+", …", joined([]string{long, "B"}), "one that has no room is refused")
}

func FuzzReadFile(f *testing.F) {
	f.Add(testFile(f, "sessionize.json"))
	f.Add(testFile(f, "pretalx.json"))
	f.Add([]byte(`{"sessions":[{"id":1e99,"speakers":[{}]}],"speakers":[null]}`))
	f.Add([]byte(`{"schedule":{"conference":{"days":[null,{"rooms":{"":[{"id":-1}]}}]}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if !json.Valid(text) {
			return
		}
		all, _, err := readFile(text, nil)
		if err != nil {
			require.True(t, fault.Is(err, fault.Invalid), "%v", err)
			return
		}
		for _, item := range all {
			require.NotEmpty(t, item.Source)
			require.LessOrEqual(t, utf8.RuneCountInString(item.Source), talk.MaxSource)
			require.NotEmpty(t, item.Name("title"))
		}
	})
}
