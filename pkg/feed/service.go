package feed

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/plenary-live/plenary/pkg/commit"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/gather"
	"github.com/plenary-live/plenary/pkg/life"
	"github.com/plenary-live/plenary/pkg/queue"
)

// members is of how many accounts a replica remembers where their items travel.
const members = 100_000

// Service is what the API calls. It is safe for use by many goroutines. It is a life.Service, whose
// Stop sends what waits still and returns when the log has taken or refused it. Act is called while
// it runs.
type Service struct {
	life.Service
	Store   Store
	rules   Rules
	spine   commit.Spine
	polls   *cache
	popular *popular
	members *lru.Cache[uuid.UUID, int] // the partition of each, which never changes
	joining *gather.Reader[uuid.UUID, Member]
	seen    seen
	group   *commit.Group[Item, Result]
}

// words name items in errors.
var words = commit.Words{Item: "answer", Items: "answers", Sender: "account"}

// NewService makes a service, whose log is Stream. The rules are those of the workers.
func NewService(store Store, rules Rules, spine commit.Spine) *Service {
	group := commit.New(spine.Log, commit.Config[Item, Result]{
		Encode: EncodeItems, Decode: decodeResults, Judge: judge, Words: words,
		Partitions: spine.Partitions, MaxWaiting: spine.MaxWaiting, Now: time.Now,
	})
	known, err := lru.New[uuid.UUID, int](members)
	if err != nil { // the size is positive
		panic(err)
	}
	s := &Service{
		Service: group, Store: store, rules: rules, spine: spine,
		polls: newCache(store.Polls, time.Now), popular: newPopular(store, time.Now),
		members: known, seen: newSeen(), group: group,
	}
	s.joining = gather.New(MaxAtOnce, readTimeout, s.join)
	return s
}

// Ballot is what an account sends about a poll.
type Ballot struct {
	Account uuid.UUID
	PollID  uuid.UUID
	Action  Action
	Option  int       // of Vote and Change
	Key     uuid.UUID // of the request, the same for a retry; Nil: none
}

// Act takes a ballot and waits for its answer. After a nil error it has its effect (applied), or is
// durable and will be decided in the log's order. A ballot of an account with a key that had its
// effect before has no other. Errors:
//   - Invalid, which names the field: the poll has no such option.
//   - NotFound: there is no such poll, or it was deleted.
//   - Closed, Voted, Skipped, Final, NotVoted.
//   - Spent, which says when the next day begins.
//   - Busy, Unavailable: as commit.Group.Commit.
func (s *Service) Act(ctx context.Context, b Ballot, wait commit.Wait) (applied bool, err error) {
	if err := s.group.Enter(); err != nil {
		return false, err
	}
	defer s.group.Leave()
	arrived := time.Now()
	partition, err := s.admit(ctx, &b)
	if err != nil {
		return false, err
	}
	result, err := s.group.Commit(ctx, commit.Item[Item]{
		Value: b.item(arrived), Partition: partition, Sender: b.Account, Arrived: arrived,
	}, wait)
	return result.Verdict == Done, err
}

// admit checks a ballot against its poll, and gives where it travels. Nearly every ballot finds
// both in memory, and pays for no timer.
func (s *Service) admit(ctx context.Context, b *Ballot) (partition int, err error) {
	poll, known := s.polls.ever(b.PollID)
	partition, joined := s.members.Get(b.Account)
	if !known || !joined {
		ctx, cancel := context.WithTimeout(ctx, commit.Deadline)
		defer cancel()
		if !known {
			if poll, err = s.polls.poll(ctx, b.PollID); err != nil {
				return 0, err
			}
		}
		if !joined {
			m, _, err := s.joining.Read(ctx, b.Account)
			if err != nil {
				return 0, err
			}
			partition = m.Partition
		}
	}
	switch {
	case !b.Action.takesOption():
		b.Option = 0
	case b.Option < 0 || b.Option >= len(poll.Options):
		return 0, fault.Field("option_index", "must be 0 to %d", len(poll.Options)-1)
	}
	return partition, nil
}

// join makes accounts members, if they are none yet.
func (s *Service) join(
	ctx context.Context, accounts []uuid.UUID,
) (map[uuid.UUID]Member, error) {
	partitions := make([]int, len(accounts))
	for i, id := range accounts {
		partitions[i] = queue.Partition(id, s.spine.Spread)
	}
	members, err := s.Store.Join(ctx, accounts, partitions)
	for id, m := range members {
		s.members.Add(id, m.Partition)
	}
	return members, err
}

// item makes an item of a ballot. The id of one with a key is the same for the same request of the
// same account alone.
func (b *Ballot) item(now time.Time) Item {
	i := Item{
		ID: commit.NewID(), Account: b.Account, PollID: b.PollID, Action: b.Action,
		Option: b.Option, At: now.UnixMilli(),
	}
	if b.Key != uuid.Nil {
		request := append(b.Key[:], byte(b.Action))
		request = binary.AppendUvarint(request, uint64(b.Option))
		i.ID = uuid.NewSHA1(uuid.NewSHA1(b.PollID, b.Account[:]), request)
		i.Keyed = true
	}
	return i
}

// judge says what a result means for the account.
func judge(i Item, r Result) (Result, error) {
	switch r.Verdict {
	case Done:
		return r, nil
	case PollGone:
		return r, fault.Errorf(fault.NotFound, "there is no such poll any more")
	case PollClosed:
		return r, fault.Errorf(Closed, "this poll is closed")
	case VotedBefore:
		return r, fault.Errorf(Voted, "you have voted on this poll")
	case SkippedBefore:
		return r, fault.Errorf(Skipped, "you have skipped this poll")
	case NoOption:
		return r, fault.Field("option_index", "the poll has no option %d", i.Option)
	case TooLate:
		return r, fault.Errorf(Final, "this vote cannot be changed any more")
	case NoVote:
		return r, fault.Errorf(NotVoted, "you have not voted on this poll")
	case QuotaSpent:
		resets := endOf(r.Day)
		return r, &fault.Error{
			Code: Spent, Wait: max(time.Until(resets), time.Second),
			Detail: "your votes of this day are given; the next ones are yours from " +
				resets.Format(time.RFC3339) + " on",
		}
	}
	return r, words.Unknown(nil)
}

// Waiting gives the number of ballots that wait for their answer.
func (s *Service) Waiting() int { return s.group.Waiting() }
