package feed

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
)

func numbered(n int, of func(i int) string) (all []string) {
	for i := range n {
		all = append(all, of(i))
	}
	return all
}

func TestWhatAnAuthorWroteIsCheckedAndNamed(t *testing.T) {
	now := time.Now()
	option := func(i int) string { return fmt.Sprintf("option %d", i) }
	for name, c := range map[string]struct {
		change func(*Poll)
		field  string
	}{
		"nothing":            {func(*Poll) {}, ""},
		"no title":           {func(p *Poll) { p.Title = " " }, "title"},
		"a title of nothing": {func(p *Poll) { p.Title = "\u200b" }, "title"},
		"no UTF-8":           {func(p *Poll) { p.Title = "\xff" }, "title"},
		"a NUL":              {func(p *Poll) { p.Title = "a\x00" }, "title"},
		"the longest title":  {func(p *Poll) { p.Title = strings.Repeat("é", MaxTitle) }, ""},
		"a longer title": {func(p *Poll) { p.Title = strings.Repeat("é", MaxTitle+1) },
			"title"},
		"one option":   {func(p *Poll) { p.Options = p.Options[:1] }, "options"},
		"no options":   {func(p *Poll) { p.Options = nil }, "options"},
		"most options": {func(p *Poll) { p.Options = numbered(MaxOptions, option) }, ""},
		"more options": {func(p *Poll) { p.Options = numbered(MaxOptions+1, option) },
			"options"},
		"an empty option":    {func(p *Poll) { p.Options[1] = "\n" }, "options[1]"},
		"the longest option": {func(p *Poll) { p.Options[0] = strings.Repeat("é", MaxOption) }, ""},
		"a longer option": {func(p *Poll) { p.Options[0] = strings.Repeat("é", MaxOption+1) },
			"options[0]"},
		"an option twice": {func(p *Poll) { p.Options = []string{"a", "b", " a "} }, "options[2]"},
		"no tags":         {func(p *Poll) { p.Tags = nil }, "tags"},
		"most tags":       {func(p *Poll) { p.Tags = numbered(MaxTags, option) }, ""},
		"more tags":       {func(p *Poll) { p.Tags = numbered(MaxTags+1, option) }, "tags"},
		"an empty tag":    {func(p *Poll) { p.Tags = []string{"a", " "} }, "tags[1]"},
		"the longest tag": {func(p *Poll) { p.Tags[0] = strings.Repeat("é", MaxTag) }, ""},
		"a longer tag":    {func(p *Poll) { p.Tags[0] = strings.Repeat("é", MaxTag+1) }, "tags[0]"},
		"a tag that folds longer": {func(p *Poll) { p.Tags[0] = strings.Repeat("ﷺ", MaxTag) },
			"tags[0]"},
		"an end in the past": {func(p *Poll) { p.ClosesAt = now }, "closes_at"},
		"an end soon":        {func(p *Poll) { p.ClosesAt = now.Add(time.Millisecond) }, ""},
		"an end after all time": {func(p *Poll) { p.ClosesAt = latest.Add(time.Second) },
			"closes_at"},
		"other results": {func(p *Poll) { p.Results = "never" }, "results"},
		"late results":  {func(p *Poll) { p.Results = AfterClose }, ""},
	} {
		p := Poll{
			Title: "Tabs or spaces?", Options: []string{"Tabs", "Spaces"}, Tags: []string{"code"},
		}
		c.change(&p)
		err := p.Check(now)
		if c.field == "" {
			require.NoError(t, err, name)
			continue
		}
		var wrong *fault.Error
		require.ErrorAs(t, err, &wrong, name)
		require.Equal(t, fault.Invalid, wrong.Code, name)
		require.Equal(t, c.field, wrong.Field, name)
	}
}

func TestAllThatAnAuthorWroteWronglyIsNamedAtOnce(t *testing.T) {
	p := Poll{
		Options: []string{"a", "a", ""}, Tags: []string{"", "b"}, Results: "x",
		ClosesAt: time.Unix(0, 0),
	}
	var wrong *fault.Error
	require.ErrorAs(t, p.Check(time.Now()), &wrong)
	var fields []string
	for _, w := range wrong.Wrongs {
		fields = append(fields, w.Field)
	}
	require.Equal(t, []string{
		"title", "options[1]", "options[2]", "tags[0]", "closes_at", "results",
	}, fields)
}

func TestAPollIsPutIntoItsUsualForm(t *testing.T) {
	p := Poll{
		Title: "  Tabs \n or  spaces? ", Options: []string{" Tabs", "e\u0301"},
		Tags:     []string{" Größe ", "GRÖßE", "Ｔｈｉｒｄ", "ǅ"},
		ClosesAt: time.Date(2030, 5, 4, 12, 0, 0, 1_999_999, time.FixedZone("", 3600)),
	}
	require.NoError(t, p.Check(time.Unix(0, 0)))
	require.Equal(t, Poll{
		Title: "Tabs or spaces?", Options: []string{"Tabs", "é"},
		Tags: []string{"größe", "third", "dž"}, Results: AfterVote,
		ClosesAt: time.Date(2030, 5, 4, 11, 0, 0, 1_000_000, time.UTC),
	}, p)
	require.Equal(t, "tabs or spaces?\ntabs\né", p.Words())
}

func TestATagAndASearchAreFoldedAsWhatIsKept(t *testing.T) {
	for in, want := range map[string]string{
		" ＡＢＣ ": "abc", "ÇA": "ça", "ΣΑΣ": "σασ", "①": "1", "a\tb": "a b", "%_": "%_",
	} {
		tag, err := CleanTag("tag", in)
		require.NoError(t, err)
		require.Equal(t, want, tag)
		search, err := CleanSearch("search", in)
		require.NoError(t, err)
		require.Equal(t, want, search)
	}
	for _, bad := range []string{
		"", " ", "\x00", "a\x07", "\xff", "\u200b", strings.Repeat("a", MaxSearch+1),
		strings.Repeat("ﷺ", 20), // 18 letters each
	} {
		_, err := CleanTag("tag", bad)
		require.True(t, fault.Is(err, fault.Invalid), "%q", bad)
		_, err = CleanSearch("search", bad)
		require.True(t, fault.Is(err, fault.Invalid), "%q", bad)
	}
}

func TestNumbersAreShownToThoseWhomTheAuthorWants(t *testing.T) {
	now := time.Now()
	author, other := id(1), id(2)
	for _, c := range []struct {
		results               Results
		open, voted, whenOver bool
	}{
		{Always, true, true, true}, {AfterVote, false, true, true},
		{AfterClose, false, false, true},
	} {
		for who, want := range map[uuid.UUID]bool{author: true, other: c.open, uuid.Nil: c.open} {
			p := Poll{Author: author, Results: c.results}
			require.Equal(t, want, p.Shows(who, false, now), "%s, open", c.results)
			require.Equal(t, want || c.voted, p.Shows(who, true, now), "%s, voted", c.results)
			p.ClosesAt = now
			require.Equal(t, c.whenOver, p.Shows(who, false, now), "%s, over", c.results)
			p = Poll{Author: author, Results: c.results, Closed: true}
			require.Equal(t, c.whenOver, p.Shows(who, false, now), "%s, closed", c.results)
		}
	}
}

func TestAPollIsOverFromItsTimeOn(t *testing.T) {
	now := time.Now()
	require.False(t, (&Poll{}).Over(now))
	require.True(t, (&Poll{Closed: true}).Over(now))
	require.False(t, (&Poll{ClosesAt: now.Add(1)}).Over(now))
	require.True(t, (&Poll{ClosesAt: now}).Over(now))
}

func TestAQuotaIsThatOfTheDayAndAClockThatIsBehindChangesNothing(t *testing.T) {
	rules := Rules{DailyVotes: 100}
	noon := time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC)
	today, midnight := dayOf(noon.UnixMilli()), noon.Add(12*time.Hour)
	for name, c := range map[string]struct {
		member Member
		now    time.Time
		left   int
		resets time.Time
	}{
		"nobody yet":    {Member{}, noon, 100, midnight},
		"yesterday":     {Member{Day: today - 1, Used: 100}, noon, 100, midnight},
		"some":          {Member{Day: today, Used: 1}, noon, 99, midnight},
		"all":           {Member{Day: today, Used: 100}, noon, 0, midnight},
		"more than all": {Member{Day: today, Used: 101}, noon, 0, midnight},
		"just before":   {Member{Day: today, Used: 9}, midnight.Add(-1), 91, midnight},
		"just after":    {Member{Day: today, Used: 9}, midnight, 100, midnight.Add(day)},
		"behind":        {Member{Day: today + 1, Used: 9}, noon, 91, midnight.Add(day)},
	} {
		require.Equal(t, Quota{Limit: 100, Remaining: c.left, ResetsAt: c.resets},
			rules.Quota(c.member, c.now), name)
	}
	require.Zero(t, Rules{}.Quota(Member{Day: today, Used: 9}, noon).Limit)
}

func TestAMonthIsARangeOfIds(t *testing.T) {
	at := time.Date(2031, 12, 31, 23, 59, 59, 999_000_000, time.FixedZone("", -3600))
	month := MonthOf(at) // it is January in UTC
	require.Equal(t, time.Date(2032, 1, 1, 0, 0, 0, 0, time.UTC), timeOf(month.First()))
	require.Equal(t, time.Date(2032, 2, 1, 0, 0, 0, 0, time.UTC), timeOf(month.Next().First()))
	require.Equal(t, month, MonthOf(timeOf(month.First())))
	p := Poll{ID: month.First()}
	require.Equal(t, time.Date(2032, 1, 1, 0, 0, 0, 0, time.UTC), p.Created())
}
