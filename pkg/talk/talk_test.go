package talk

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
)

func noon(year int) time.Time {
	return time.Date(year, 5, 4, 12, 0, 0, 1, time.FixedZone("", 3600))
}

func TestWhatAnOwnerWroteIsCheckedAndNamed(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Talk)
		field  string
	}{
		"nothing":             {func(*Talk) {}, ""},
		"no title":            {func(x *Talk) { x.Title = " " }, "title"},
		"a title of nothing":  {func(x *Talk) { x.Title = "\u200b" }, "title"},
		"a control character": {func(x *Talk) { x.Title = "a\x01" }, "title"},
		"no UTF-8":            {func(x *Talk) { x.Title = "\xff" }, "title"},
		"the longest title":   {func(x *Talk) { x.Title = strings.Repeat("é", MaxTitle) }, ""},
		"a longer title": {func(x *Talk) { x.Title = strings.Repeat("é", MaxTitle+1) },
			"title"},
		"a longer speaker": {func(x *Talk) { x.Speaker = strings.Repeat("é", MaxSpeaker+1) },
			"speaker"},
		"an end without start": {func(x *Talk) { x.EndsAt = noon(2030) }, ""},
		"an end before start": {func(x *Talk) { x.StartsAt, x.EndsAt = noon(2031), noon(2030) },
			"ends_at"},
		"a start long ago":      {func(x *Talk) { x.StartsAt = noon(1812) }, "starts_at"},
		"an end after all time": {func(x *Talk) { x.EndsAt = noon(9999) }, "ends_at"},
		"a close before it opens": {func(x *Talk) {
			x.OpensAt, x.ClosesAt = noon(2031),
				noon(2030)
		},
			"settings.closes_at"},
		"a close before it starts": {func(x *Talk) {
			x.StartsAt, x.ClosesAt = noon(2031),
				noon(2031)
		},
			"settings.closes_at"},
		"fewer than no ratings": {func(x *Talk) { x.MinRatings = -1 }, "settings.min_ratings"},
		"too many ratings": {func(x *Talk) { x.MinRatings = MaxMinRatings + 1 },
			"settings.min_ratings"},
		"other comments": {func(x *Talk) { x.Comments = "loud" }, "settings.comments"},
		"other voters":   {func(x *Talk) { x.Voters = "friends" }, "settings.voters"},
		"accounts":       {func(x *Talk) { x.Voters = access.ByAccount }, ""},
	} {
		x := Talk{Title: "  Why \n queues "}
		c.change(&x)
		err := x.Check()
		if c.field == "" {
			require.NoError(t, err, name)
			continue
		}
		var wrong *fault.Error
		require.ErrorAs(t, err, &wrong, name)
		require.Equal(t, fault.Invalid, wrong.Code, name)
		require.Equal(t, c.field, wrong.Field, name)
	}
	x := Talk{Title: "  Why \n queues ", StartsAt: noon(2030)}
	require.NoError(t, x.Check())
	require.Equal(t, "Why queues", x.Title)
	require.Equal(t, Settings{Comments: Shown, Voters: access.Anyone}, x.Settings)
	require.Equal(t, time.Date(2030, 5, 4, 11, 0, 0, 0, time.UTC), x.StartsAt)
}

func TestATalkTakesRatingsFromItsOpeningUntilItsClose(t *testing.T) {
	at := func(hour int) time.Time { return time.Date(2030, 1, 1, hour, 0, 0, 0, time.UTC) }
	for name, c := range map[string]struct {
		talk  Talk
		takes map[int]fault.Code
	}{
		"always": {Talk{}, map[int]fault.Code{0: {}}},
		"from its start": {Talk{StartsAt: at(9)},
			map[int]fault.Code{8: NotOpen, 9: {}, 20: {}}},
		"from before its start": {Talk{StartsAt: at(9), Settings: Settings{OpensAt: at(7)}},
			map[int]fault.Code{6: NotOpen, 7: {}, 20: {}}},
		"until it closes": {Talk{StartsAt: at(9), Settings: Settings{ClosesAt: at(12)}},
			map[int]fault.Code{8: NotOpen, 11: {}, 12: Closed, 13: Closed}},
	} {
		for hour, want := range c.takes {
			require.Equal(t, want, fault.CodeOf(c.talk.Takes(at(hour))), "%s, at %d", name, hour)
		}
	}
	almost := Talk{Settings: Settings{ClosesAt: at(12)}}
	require.NoError(t, almost.Takes(at(12).Add(-1)))
}

func TestACommentIsCleanedAsTextsAre(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "  Great!  ": "Great!", "a\r\nb\n\n\n\nc": "a\nb\n\nc", "e\u0301": "é",
		"x\u202ey": "xy", strings.Repeat("é", MaxComment): strings.Repeat("é", MaxComment),
	} {
		got, err := CleanComment(in)
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.True(t, storable(got))
	}
	for _, bad := range []string{
		" ", "\n", "\u200b", "\x00", "a\x07", "\xff", "\ufffd", strings.Repeat("é", MaxComment+1),
	} {
		_, err := CleanComment(bad)
		require.True(t, fault.Is(err, fault.Invalid), "%q", bad)
	}
}

func TestAllThatAnOwnerWroteWronglyIsNamedAtOnce(t *testing.T) {
	x := Talk{StartsAt: noon(1812), EndsAt: noon(1811), Settings: Settings{
		OpensAt: noon(2031), ClosesAt: noon(2030), MinRatings: -1, Comments: "loud",
		Voters: "friends",
	}}
	var wrong *fault.Error
	require.ErrorAs(t, x.Check(), &wrong)
	var fields []string
	for _, w := range wrong.Wrongs {
		fields = append(fields, w.Field)
	}
	require.Equal(t, []string{
		"title", "starts_at", "ends_at", "settings.closes_at", "settings.min_ratings",
		"settings.comments", "settings.voters",
	}, fields)
}

func TestPeopleAreToldApartAsTheWeakestOfThem(t *testing.T) {
	require.Equal(
		t,
		access.ByClient,
		(&Talk{Settings: Settings{Voters: access.Anyone}}).Identity(),
	)
	strong := Talk{Settings: Settings{Voters: access.ByPass}}
	require.Equal(t, access.Passed, strong.Identity())
	strong.Weak = true
	require.Equal(t, access.ByClient, strong.Identity())

	accounts := Talk{Settings: Settings{Voters: access.ByAccount}}
	require.Equal(t, access.LoggedIn, accounts.Identity())
	accounts.Nameless = true
	require.Equal(t, access.Passed, accounts.Identity())
	accounts.Weak = true
	require.Equal(t, access.ByClient, accounts.Identity())
}
