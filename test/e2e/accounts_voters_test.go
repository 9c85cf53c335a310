package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestVotersLogInWhereThePresentationAsksForThat(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		owner, voter := s.Register(), s.Register()
		r := owner.Own(NewPresentation{Polls: []NewPoll{choice("Now")}, Voters: "account"})
		poll := r.Polls[0].PollID
		require.Equal(t, "account", r.Presentation(false).Voters)
		enter := func(token string) *Answer {
			return r.Do(
				Request{Method: "POST", Path: r.Path("/voters"), Token: token, JSON: object{}},
			)
		}
		require.Equal(t, "401 login_required", enter("").Code())
		require.Equal(t, "401 login_required", enter(r.PresenterToken).Code())
		require.Equal(t, `Bearer realm="account"`, enter("").Header.Get("WWW-Authenticate"))
		require.Equal(
			t,
			"401 pass_required",
			r.Cast(Ballot{PollID: poll, Key: "A", ClientID: NewVoter()}).Code(),
		)
		passes := []string{}
		for _, token := range []string{voter.Token, voter.logIn(), owner.Token} {
			var p Pass
			require.NoError(t, enter(token).Decode(&p))
			require.Less(t, time.Until(p.Expires), 25*time.Hour)
			passes = append(passes, p.Pass)
		}
		for i, key := range []string{"A", "B", "A"} {
			require.Equal(t, 204, r.Cast(Ballot{PollID: poll, Key: key, Pass: passes[i]}).Status)
		}
		results := r.Results(poll)
		require.EqualValues(t, 2, results.Total, "two accounts, and one of them on two phones")
		require.Equal(t, "account", results.Identity)
		a := r.Do(Request{Method: "POST", Path: r.Path("/voters"), JSON: object{"pass": passes[0]}})
		require.Equal(t, "401 invalid_pass", a.Code(), "an account asks again")

		weak := byPass(s.Client, 0, "", choice("Now"))
		require.Equal(t, 200, weak.admit(object{"voters": "account"}).Status)
		plain := byPass(s.Client, 0, "", choice("Now"))
		pass := plain.Pass("")
		require.Equal(t, 200, plain.admit(object{"voters": "account"}).Status)
		require.Eventually(t, func() bool {
			return plain.Cast(Ballot{PollID: plain.Polls[0].PollID, Key: "A", Pass: pass.Pass}).
				Code() ==
				"401 pass_required"
		}, 5*time.Second, 50*time.Millisecond, "a pass of before is not enough")
		require.Equal(t, "400 invalid passcode", weak.admit(object{"passcode": "GARDEN"}).Code())
	})
}
