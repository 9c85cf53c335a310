package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/backend"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/queue"
)

// fakeLog has dead letters.
type fakeLog struct {
	queue.Stream
	letters []queue.DeadLetter
	fates   map[string]queue.Fate // what was decided
	stays   map[string]error      // those that stay, and why
	replies chan queue.Reply
}

func (l *fakeLog) Replies() <-chan queue.Reply { return l.replies }

func (l *fakeLog) VisitDeadLetters(_ context.Context, decide func(queue.DeadLetter) queue.Fate,
	done func(queue.DeadLetter, error)) error {
	l.fates = map[string]queue.Fate{}
	for _, d := range l.letters {
		if l.fates[d.ID] = decide(d); l.fates[d.ID] != queue.Keep {
			done(d, l.stays[d.ID])
		}
	}
	return nil
}

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// three are a batch of two votes, a seal, and junk that nobody wrote on.
func three(t *testing.T) *fakeLog {
	pollID := uuid.UUID{15: 7}
	encode := func(b poll.Batch) []byte {
		e, err := poll.EncodeBatch(nil, &b)
		require.NoError(t, err)
		raw, err := queue.Encode(nil, e)
		require.NoError(t, err)
		return raw
	}
	return &fakeLog{
		replies: make(chan queue.Reply, 1),
		letters: []queue.DeadLetter{
			{ID: "one", Reason: "bad\x1b[31mluck\nand more", Time: noon.Add(time.Hour),
				FirstTime: noon, Origin: "votes.2", Partition: 2, MessageID: "m", Raw: encode(
					poll.Batch{ID: uuid.UUID{15: 1},
						Votes: []poll.Vote{{PollID: pollID, Version: 3, Answer: "A"},
							{PollID: pollID, Version: 3, Answer: "B"}}})},
			{ID: "two", Reason: "why", Time: noon, FirstTime: noon, Origin: "votes.2",
				Partition: 2, Raw: encode(
					poll.Batch{ID: uuid.UUID{15: 2},
						Seal: &poll.Seal{PollID: pollID, Version: 3}})},
			{ID: "three", Partition: -1, Raw: []byte(strings.Repeat("?", shownBytes+10))},
		},
	}
}

func ask(t *testing.T, l *fakeLog, args ...string) (string, error) {
	t.Helper()
	o, err := parseOrder(args)
	require.NoError(t, err)
	var out strings.Builder
	err = o.carryOut(t.Context(), l, &out)
	return out.String(), err
}

func TestTheListIsATableOrJSON(t *testing.T) {
	l := three(t)
	out, err := ask(t, l, "list")
	require.NoError(t, err)
	lines := strings.Split(out, "\n")
	require.Len(t, lines, 5)
	for i, want := range []string{
		"ID FIRST SET ASIDE FROM BYTES CONTENTS REASON",
		"three unknown 522 unreadable",
		"one 2026-01-02T12:00:00Z votes.2 112 votes: 2 bad\uFFFD[31mluck\uFFFDand more",
		"two 2026-01-02T12:00:00Z votes.2 38 a seal why",
	} {
		require.Equal(t, want, strings.Join(strings.Fields(lines[i]), " "))
	}
	out, err = ask(t, l, "--json", "list")
	require.NoError(t, err)
	var views []view
	require.NoError(t, json.Unmarshal([]byte(out), &views))
	require.Len(t, views, 3)
	require.Equal(t, []pollView{{PollID: uuid.UUID{15: 7}, Version: 3, Votes: 2}}, views[1].Polls)
	require.Empty(t, views[1].Raw)
	require.Contains(t, views[0].Error, "malformed")
	for _, fate := range l.fates {
		require.Equal(t, queue.Keep, fate)
	}
}

func TestAnEmptyListSaysSo(t *testing.T) {
	for arg, want := range map[string]string{"list": "There are no dead letters.\n",
		"drop --all": "There are no dead letters.\n", "list --json": "[]\n"} {
		out, err := ask(t, &fakeLog{}, strings.Fields(arg)...)
		require.NoError(t, err)
		require.Equal(t, want, out)
	}
}

func TestALetterIsShownWithItsBytes(t *testing.T) {
	l := three(t)
	out, err := ask(t, l, "show", "one", "three")
	require.NoError(t, err)
	for _, want := range []string{
		"first set aside  2026-01-02T12:00:00Z", "message id       m",
		"poll             00000000-0000-0000-0000-000000000007, version 3, votes: 2",
		"00000000  50 4c 4e 01 01", "cannot be decoded  malformed",
		"and 10 bytes more, which --json shows",
	} {
		require.Contains(t, out, want)
	}
	require.NotContains(t, out, "a seal")
	require.NotContains(t, out, "\x1b")
	out, err = ask(t, l, "show", "--json", "three")
	require.NoError(t, err)
	var views []view
	require.NoError(t, json.Unmarshal([]byte(out), &views))
	require.Equal(t, l.letters[2].Raw, views[0].Raw)
}

func TestOnlyTheLettersThatWereNamedAreDropped(t *testing.T) {
	l := three(t)
	out, err := ask(t, l, "drop", "two", "four")
	require.ErrorContains(t, err, `there is no dead letter "four"`)
	require.Equal(t, "two  dropped\n", out)
	require.Equal(t, map[string]queue.Fate{"one": queue.Keep, "two": queue.Drop,
		"three": queue.Keep}, l.fates)
	_, err = ask(t, l, "show", "four")
	require.ErrorContains(t, err, `there is no dead letter "four"`)
}

func TestAReplayTellsTheVerdictsAndWhatStays(t *testing.T) {
	l := three(t)
	l.letters = append(l.letters, queue.DeadLetter{ID: "four"}, queue.DeadLetter{ID: "five"})
	l.stays = map[string]error{"three": queue.ErrMalformed, "four": queue.ErrVersion,
		"five": queue.ErrUnknown}
	l.replies <- queue.Reply{EntryID: uuid.UUID{15: 1},
		Body: poll.EncodeVerdicts([]poll.Verdict{poll.Superseded, poll.Counted})}
	out, err := ask(t, l, "replay", "--all")
	require.ErrorContains(t, err, "3 of 5 dead letters stayed")
	for _, want := range []string{
		"one  is back in partition 2: votes: 2\n", "one  is dealt with: 1 counted, 1 superseded\n",
		"two  is back in partition 2: a seal\n",
		"three  stays: it still cannot be decoded (malformed)\n",
		"four  stays: this version of the program cannot read it",
		"five  stays: whether it is back is not known",
	} {
		require.Contains(t, out, want)
	}
}

func TestAnEntryThatIsNoBatchIsNotReplayed(t *testing.T) {
	raw, err := queue.Encode(nil, queue.Entry{ID: uuid.UUID{15: 1}, Type: 9, Body: []byte("?")})
	require.NoError(t, err)
	l := &fakeLog{letters: []queue.DeadLetter{{ID: "odd", Raw: raw}}}
	out, err := ask(t, l, "replay", "--all")
	require.ErrorContains(t, err, "1 of 1 dead letters stayed")
	require.Equal(t, "odd  stays: it still cannot be decoded (malformed: type 9)\n", out)
	require.Equal(t, map[string]queue.Fate{"odd": queue.Keep}, l.fates)
}

func TestAReplayDoesNotWaitForeverForVerdicts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := three(t)
		l.replies = make(chan queue.Reply)
		begun := time.Now()
		out, err := ask(t, l, "replay", "one", "two")
		require.NoError(t, err)
		require.Contains(t, out,
			"one  has no verdict yet: it was counted before, or no worker has come to it\n")
		require.Equal(t, verdictTimeout, time.Since(begun))
	})
}

func TestWrongArgumentsSayWhatIsWrong(t *testing.T) {
	for args, want := range map[string]string{
		"":                   `it takes list, show, replay or drop, not ""`,
		"lsit":               `it takes list, show, replay or drop, not "lsit"`,
		"list one":           "list takes no ids: did you mean show?",
		"list --all":         "list does not take --all",
		"show":               "show which? Give the ids that list shows",
		"show --all":         "show does not take --all",
		"replay":             "replay which? Give the ids that list shows, or --all",
		"drop":               "drop which? Give the ids that list shows, or --all",
		"drop one --all":     "drop either some or --all",
		"drop one --json":    "drop does not take --json",
		"replay one --force": `there is no option "--force"`,
	} {
		_, err := parseOrder(strings.Fields(args))
		require.ErrorIs(t, err, backend.ErrUsage, args)
		require.ErrorContains(t, err, want, args)
	}
}
