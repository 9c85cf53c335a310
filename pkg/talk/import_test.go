package talk_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/commit"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/queue"
	"github.com/plenary-live/plenary/pkg/talk"
)

// item is a talk of a file that calls our fields by their own names, at a place.
func item(source, title string) talk.Item {
	return talk.Item{Source: source, Title: title, Name: func(field string) string {
		return source + "." + field
	}}
}

func drawn() talk.Importer {
	token, _ := access.NewToken()
	return talk.Importer{Token: token}
}

// outcomes gives what became of the items, and their tokens' lengths: 0 where none was told.
func outcomes(all []talk.Imported) (text []string) {
	for i := range all {
		text = append(text, fmt.Sprint(all[i].Source, " ", all[i].Outcome, " ", len(all[i].Token)))
	}
	return text
}

func TestAFileThatComesAgainUpdatesWhatIsAnotherAndMakesNothingTwice(t *testing.T) {
	h := open(t)
	by := drawn()
	first, err := h.Import(t.Context(), by, []talk.Item{item("a", "A"), item("b", "B")})
	require.NoError(t, err)
	require.Equal(t, []string{"a created 43", "b created 43"}, outcomes(first))
	for i := range first {
		require.Equal(t, queue.Partition(first[i].ID, partitions), first[i].Partition)
		kept, err := h.Store.Talk(t.Context(), first[i].ID)
		require.NoError(t, err)
		require.Equal(t, first[i].Talk, kept)
	}
	closes := time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC)
	_, err = h.Edit(t.Context(), first[1].ID, nil, func(x *talk.Talk) error {
		x.ClosesAt, x.MinRatings = closes, 3
		return nil
	})
	require.NoError(t, err)
	h.work()
	_, err = h.Rate(t.Context(), talk.Ballot{TalkID: first[1].ID, Value: 5}, usual)
	require.NoError(t, err)

	later := item("b", "B, really")
	later.StartsAt = time.Now().Add(time.Hour)
	again, err := h.Import(t.Context(), by, []talk.Item{item("a", "A"), later, item("c", "C")})
	require.NoError(t, err)
	require.Equal(t, []string{"a unchanged 43", "b updated 43", "c created 43"}, outcomes(again))
	for i := range first {
		require.Equal(t, first[i].ID, again[i].ID)
		require.Equal(t, first[i].Code, again[i].Code)
		require.Equal(t, first[i].Token, again[i].Token, "its token can be told again")
	}
	kept, err := h.Store.Talk(t.Context(), first[1].ID)
	require.NoError(t, err)
	require.Equal(t, "B, really", kept.Title)
	require.Equal(t, closes, kept.ClosesAt, "what the owner has set stays")
	require.Equal(t, 3, kept.MinRatings)
	require.EqualValues(t, 1, kept.Count())
	_, err = h.Rate(t.Context(), talk.Ballot{TalkID: first[1].ID, Value: 5}, usual)
	require.Equal(t, talk.NotOpen, fault.CodeOf(err), "this replica knows the update at once")
	a, err := h.Store.Talk(t.Context(), first[0].ID)
	require.NoError(t, err)
	require.Zero(t, a.Edits, "what is the same is no edit")
}

func TestTheTokensOfAnImportAreItsTalksOwnersAndNobodyElsesFollowFromThem(t *testing.T) {
	h := open(t)
	by, other := drawn(), drawn()
	mine, err := h.Import(t.Context(), by, []talk.Item{item("a", "A"), item("b", "B")})
	require.NoError(t, err)
	others, err := h.Import(t.Context(), other, []talk.Item{item("a", "A")})
	require.NoError(t, err)
	require.Equal(t, talk.Created, others[0].Outcome, "who imports the same file has its own talks")
	require.NotEqual(t, mine[0].ID, others[0].ID)
	hash := func(token string) [32]byte { return (&talk.Importer{Token: token}).Hash() }
	require.True(t, mine[0].Owns(hash(by.Token)), "the import's token owns all")
	require.True(t, mine[1].Owns(hash(by.Token)))
	require.True(t, mine[0].Owns(hash(mine[0].Token)))
	require.False(t, mine[1].Owns(hash(mine[0].Token)), "a talk's token is for that talk")
	require.False(t, mine[0].Owns(hash(other.Token)))
	require.False(t, mine[0].Owns(hash(others[0].Token)))
	require.False(t, mine[0].Owns(hash("")))
	require.False(t, new(h.made(t, talk.Talk{})).Owns([32]byte{}))
}

func TestAnAccountsImportIsItsOwnUntilItGivesATalkAway(t *testing.T) {
	h := open(t)
	mine, other := talk.Importer{Account: uuid.New()}, talk.Importer{Account: uuid.New()}
	file := []talk.Item{item("a", "A"), item("b", "B")}
	first, err := h.Import(t.Context(), mine, file)
	require.NoError(t, err)
	require.Equal(t, []string{"a created 43", "b created 43"}, outcomes(first))
	require.True(t, first[0].Owns(access.OfAccount(mine.Account)))
	require.False(t, first[0].Owns(mine.Hash()), "what it is found by is no right to it")
	again, err := h.Import(t.Context(), mine, file)
	require.NoError(t, err)
	require.Equal(t, []string{"a unchanged 0", "b unchanged 0"}, outcomes(again),
		"a token is told once")

	anybody := func(*talk.Talk) error { return nil }
	require.NoError(t, h.Claim(t.Context(), first[0].ID, other.Account, anybody))
	again, err = h.Import(t.Context(), mine, file)
	require.NoError(t, err)
	require.Equal(t, []string{"a created 43", "b unchanged 0"}, outcomes(again),
		"what was given away is not its own any more")
	theirs, err := h.Import(t.Context(), other, []talk.Item{item("a", "A2")})
	require.NoError(t, err)
	require.Equal(t, first[0].ID, theirs[0].ID)
	require.Equal(t, talk.Updated, theirs[0].Outcome)
}

func TestWhatATokenImportedAndAnAccountClaimedBothGoOnImporting(t *testing.T) {
	h := open(t)
	token, account := drawn(), talk.Importer{Account: uuid.New()}
	first, err := h.Import(t.Context(), token, []talk.Item{item("a", "A")})
	require.NoError(t, err)
	no := fault.Errorf(fault.Forbidden, "no")
	err = h.Claim(t.Context(), first[0].ID, account.Account, func(*talk.Talk) error { return no })
	require.Equal(t, no, err)
	err = h.Claim(t.Context(), first[0].ID, account.Account, func(*talk.Talk) error { return nil })
	require.NoError(t, err)
	for i, by := range []talk.Importer{token, account} {
		again, err := h.Import(t.Context(), by, []talk.Item{item("a", fmt.Sprint("A", i))})
		require.NoError(t, err)
		require.Equal(t, first[0].ID, again[0].ID)
		require.Equal(t, talk.Updated, again[0].Outcome)
	}
}

func TestAFileOfWhichOneTalkIsWrongImportsNothingAndNamesAllThatIs(t *testing.T) {
	h := open(t)
	by := drawn()
	wrong := item("b", " ")
	wrong.StartsAt, wrong.EndsAt = time.Now(), time.Now().Add(-time.Hour)
	long := item("c", strings.Repeat("é", talk.MaxTitle+1))
	_, err := h.Import(t.Context(), by,
		[]talk.Item{item("a", "A"), wrong, long, item("a", "A again")})
	var e *fault.Error
	require.ErrorAs(t, err, &e)
	var fields []string
	for _, w := range e.Wrongs {
		fields = append(fields, w.Field)
	}
	require.Equal(t, []string{"b.title", "b.ends_at", "c.title", "a.source"}, fields)
	owned, err := h.Store.Owned(t.Context(), by, uuid.Nil, 10)
	require.NoError(t, err)
	require.Empty(t, owned)

	first, err := h.Import(t.Context(), by, []talk.Item{item("a", "A"), item("b", "B")})
	require.NoError(t, err)
	_, err = h.Edit(t.Context(), first[1].ID, nil, func(x *talk.Talk) error {
		x.ClosesAt = time.Now().Add(time.Hour)
		return nil
	})
	require.NoError(t, err)
	late := item("b", "B")
	late.StartsAt = time.Now().Add(2 * time.Hour)
	_, err = h.Import(t.Context(), by, []talk.Item{item("a", "Another"), late})
	require.ErrorAs(t, err, &e)
	require.Equal(t, "b.settings.closes_at", e.Field, "its ratings would close before they open")
	kept, err := h.Store.Talk(t.Context(), first[0].ID)
	require.NoError(t, err)
	require.Equal(t, "A", kept.Title)
}

func TestAFileThatComesManyTimesAtOnceMakesItsTalksOnce(t *testing.T) {
	h := open(t)
	by := drawn()
	var file []talk.Item
	for i := range 20 {
		file = append(file, item(fmt.Sprint(i), "A"))
	}
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			if _, err := h.Import(t.Context(), by, file); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	owned, err := h.Store.Owned(t.Context(), by, uuid.Nil, 100)
	require.NoError(t, err)
	require.Len(t, owned, len(file))
}

func TestARatingOfAnAccountIsToldApartAsItsTalkAsks(t *testing.T) {
	h := open(t)
	h.work()
	one := h.made(t, talk.Talk{Settings: talk.Settings{Voters: access.ByAccount}})
	_, err := h.Pass(t.Context(), one.ID, uuid.Nil)
	require.Equal(t, access.NoSession, fault.CodeOf(err))
	who := uuid.New()
	pass := h.AccountPass(one.ID, who)
	weak := h.Passes.Draw(one.ID, uuid.Nil, time.Now())
	rate := func(b talk.Ballot) error {
		b.TalkID = one.ID
		_, err := h.Rate(t.Context(), b, commit.Wait{For: commit.Deadline})
		return err
	}
	require.Equal(t, access.NoPass, fault.CodeOf(rate(talk.Ballot{Value: 1, Client: who})))
	require.Equal(t, access.NoPass,
		fault.CodeOf(rate(talk.Ballot{Value: 1, Pass: []byte(weak.Text)})))
	require.NoError(t, rate(talk.Ballot{Value: 1, Pass: []byte(pass.Text)}))
	require.NoError(t, rate(talk.Ballot{Value: 4, Pass: []byte(h.AccountPass(one.ID, who).Text)}))
	now, err := h.Store.Talk(t.Context(), one.ID)
	require.NoError(t, err)
	require.Equal(t, talk.Tally{3: 1}, now.Tally, "it is one person, wherever it logs in")
	require.Equal(t, access.LoggedIn, now.Identity())
}
