package intake

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/commit/committest"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/life/lifetest"
	"github.com/plenary-live/plenary/pkg/poll"
)

// heardOnce passes on what a vote's hearer is told.
type heardOnce chan error

func (h heardOnce) Heard(_ poll.Vote, _ poll.Verdict, err error) { h <- err }

// admitting displays a poll to voters of one kind, whatever was asked for.
type admitting struct {
	*knownDisplay
	voters access.Voters
}

func (d admitting) Known(id uuid.UUID) (poll.Display, time.Time, bool) {
	shown, now, ok := d.knownDisplay.Known(id)
	shown.Voters = d.voters
	return shown, now, ok
}

func (d admitting) Display(ctx context.Context, id uuid.UUID, since time.Time) (poll.Display,
	time.Time, error) {
	shown, now, err := d.knownDisplay.Display(ctx, id, since)
	shown.Voters = d.voters
	return shown, now, err
}

func TestAVoteWithAPassIsItsVoters(t *testing.T) {
	passes := access.NewPasses(access.NewPassKey())
	now := time.Now()
	given := passes.Draw(talk, uuid.Nil, now)
	account := passes.OfAccount(talk, other, now)
	for name, c := range map[string]struct {
		voters access.Voters
		ballot Ballot
		want   fault.Code
		voter  uuid.UUID
	}{
		"a pass, where one is needed": {access.ByPass, Ballot{Pass: []byte(given.Text)},
			fault.Code{}, given.Voter},
		"a pass, where none is": {access.Anyone, Ballot{Pass: []byte(given.Text)},
			fault.Code{}, given.Voter},
		"an id, where none is": {access.Anyone, Ballot{VoterID: other}, fault.Code{}, other},
		"an id, where one is needed": {access.ByPass, Ballot{VoterID: other}, access.NoPass,
			uuid.Nil},
		"a voter's id for their pass": {access.ByPass, Ballot{VoterID: given.Voter},
			access.NoPass, uuid.Nil},
		"another room's pass": {access.ByPass,
			Ballot{Pass: []byte(passes.Draw(other, uuid.Nil, now).Text)}, access.BadPass, uuid.Nil},
		"an old one": {access.ByPass,
			Ballot{Pass: []byte(passes.Draw(talk, uuid.Nil, now.Add(-access.PassLife)).Text)},
			access.OldPass, uuid.Nil},
		"an empty one": {access.ByPass, Ballot{Pass: []byte{}},
			access.BadPass, uuid.Nil},
		"an account's, where one is needed": {access.ByAccount, Ballot{Pass: []byte(account.Text)},
			fault.Code{}, account.Voter},
		"an account's, where a pass will do": {access.ByPass, Ballot{Pass: []byte(account.Text)},
			fault.Code{}, account.Voter},
		"anybody's pass for an account's": {access.ByAccount, Ballot{Pass: []byte(given.Text)},
			access.NoPass, uuid.Nil},
		"an id for an account's": {access.ByAccount, Ballot{VoterID: account.Voter},
			access.NoPass, uuid.Nil},
		"an account's old one": {access.ByAccount, Ballot{Pass: []byte(passes.OfAccount(talk, other,
			now.Add(-access.AccountPassLife)).Text)}, access.OldPass, uuid.Nil},
		"a forged one, where none is": {access.Anyone, Ballot{Pass: []byte(forged(given.Text))},
			access.BadPass, uuid.Nil},
	} {
		t.Run(name, func(t *testing.T) {
			log := committest.Open(4)
			display := newKnownDisplay()
			display.fresh = pollID
			in := New(admitting{display, c.voters}, passes, log, 4, 100, time.Now)
			require.NoError(t, in.Start())
			ballot := c.ballot
			ballot.PollID, ballot.Keys = pollID, []string{"A"}
			heard := heardOnce(make(chan error, 1))
			taken := in.Take(t.Context(), talk, ballot, false, heard)
			require.Equal(t, c.want == (fault.Code{}), taken, "what is refused is Cast's")
			if !taken {
				_, err := in.Cast(t.Context(), talk, ballot, Wait{For: time.Second})
				require.Equal(t, c.want, fault.CodeOf(err))
			} else {
				p := <-log.Entries
				require.Equal(t, c.voter, votesIn(p)[0].VoterID)
				p.Confirm(nil)
				reply(p, poll.Counted)
				require.NoError(t, <-heard)
			}
			lifetest.Stop(t, in)
			log.Close()
		})
	}
}

// forged is a pass that nobody has given: its first character is another one.
func forged(pass string) string {
	if pass[0] == 'A' {
		return "B" + pass[1:]
	}
	return "A" + pass[1:]
}
