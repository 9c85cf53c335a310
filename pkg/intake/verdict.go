package intake

import (
	"github.com/plenary-live/plenary/pkg/commit"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
)

// words name votes in what voters are told of them.
var words = commit.Words{Item: "vote", Items: "votes", Sender: "voter"}

func encode(buf []byte, votes []poll.Vote) (kind byte, body []byte, err error) {
	e, err := poll.EncodeBatch(buf, &poll.Batch{Votes: votes})
	return e.Type, e.Body, err
}

func decode(body []byte) []poll.Verdict { return poll.DecodeVerdicts(body) }

// judge says what a verdict means for its vote.
func judge(v poll.Vote, verdict poll.Verdict) (poll.Verdict, error) {
	switch verdict {
	case poll.Counted, poll.Superseded:
		return verdict, nil
	case poll.Late:
		return verdict, fault.Errorf(poll.TooLate, "the poll left the slide before the vote came")
	case poll.Rejected:
		if v.Answer.TakenBack() {
			// It was a worker of before there was that, or the poll is gone. The next try finds
			// out.
			return 0, fault.Unavailablef(nil, "the vote cannot be taken back yet; send it again")
		}
		return verdict, fault.Field("key", "names nothing that can be voted for")
	}
	return 0, words.Unknown(nil)
}
