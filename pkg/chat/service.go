package chat

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/commit"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/life"
)

// Service is what the API calls. It is safe for use by many goroutines. It is a life.Service, whose
// Stop sends what waits still and returns when the log has taken or refused it. Do is called while
// it runs.
type Service struct {
	life.Service
	Store   Store
	members *Members
	spine   commit.Spine
	apps    *cache
	pace    pace
	group   *commit.Group[Item, Result]
}

// words name items in errors.
var words = commit.Words{Item: "message", Items: "messages", Sender: "person"}

// NewService makes a service, whose log is Stream.
func NewService(store Store, members *Members, spine commit.Spine) *Service {
	group := commit.New(spine.Log, commit.Config[Item, Result]{
		Encode: EncodeItems, Decode: decodeResults, Judge: judge, Words: words,
		Partitions: spine.Partitions, MaxWaiting: spine.MaxWaiting, Now: time.Now,
	})
	return &Service{
		Service: group, Store: store, members: members, spine: spine,
		apps: newCache(store, time.Now), group: group,
	}
}

// Told is what became of an act.
type Told struct {
	ID uuid.UUID // of the item: Store.Numbered gives by it what it makes
	// Applied says that it has its effect. Else it is durable, and will be decided in the log's
	// order.
	Applied bool
	Result
}

// Do takes an act and waits for its answer. After a nil error it has its effect (Applied), or is
// durable. An act of a person with a key that had its effect before has no other, and gives the
// same number. Errors:
//   - Invalid, which names all fields that are wrong.
//   - NotFound: there is no such application, chat or message, or the message is not shown.
//   - Closed, Erased, NotYours, Full, EditedOften, NotQuestions, NoReactions.
//   - Busy: as commit.Group.Commit, or too many reactions of a person in a second.
//   - Unavailable: as commit.Group.Commit.
func (s *Service) Do(ctx context.Context, a Act, wait commit.Wait) (Told, error) {
	arrived := time.Now()
	if err := a.check(); err != nil {
		return Told{}, err
	}
	if a.Action == React && !s.pace.takes(a.Person, arrived) {
		return Told{}, fault.BusyFor(time.Second,
			"a person reacts at most %d times a second", MaxReactions)
	}
	if err := s.group.Enter(); err != nil {
		return Told{}, err
	}
	defer s.group.Leave()
	partition, err := s.partition(ctx, a.App)
	if err != nil {
		return Told{}, err
	}
	item := a.item(arrived)
	result, err := s.group.Commit(ctx, commit.Item[Item]{
		Value: item, Partition: partition, Sender: item.Person,
		Bytes: len(item.Author) + len(item.Body), Arrived: arrived,
	}, wait)
	return Told{ID: item.ID, Applied: result.Verdict != 0, Result: result}, err
}

// partition gives where the items of an application travel. Nearly every act finds it in memory,
// and pays for no timer.
func (s *Service) partition(ctx context.Context, id uuid.UUID) (int, error) {
	if a, ok := s.apps.ever(id); ok {
		return a.Partition, nil
	}
	ctx, cancel := context.WithTimeout(ctx, commit.Deadline)
	defer cancel()
	a, err := s.apps.app(ctx, id)
	return a.Partition, err
}

// refusals are what verdicts mean for whoever sent the item.
var refusals = map[Verdict]error{
	AppGone:        fault.Errorf(fault.NotFound, "there is no such application any more"),
	ChatGone:       fault.Errorf(fault.NotFound, "there is no such chat"),
	MessageGone:    fault.Errorf(fault.NotFound, "there is no such message"),
	MessageDeleted: fault.Errorf(Erased, "this message was deleted"),
	ChatClosed:     fault.Errorf(Closed, "this chat is closed"),
	NotTheAuthor:   fault.Errorf(NotYours, "only the author or a moderator may do that"),
	TooManyChats:   fault.Errorf(Full, "an application has at most %d chats", MaxChats),
	TooManyEdits:   fault.Errorf(EditedOften, "a message is edited at most %d times", MaxEdits),
	NoQuestion:     fault.Errorf(NotQuestions, "only questions are answered"),
	ReactionsOff:   fault.Errorf(NoReactions, "nobody reacts here at the moment"),
}

// judge says what a result means.
func judge(_ Item, r Result) (Result, error) {
	switch r.Verdict {
	case Done, Numbered, Held, Before:
		return r, nil
	}
	if err, ok := refusals[r.Verdict]; ok {
		return r, err
	}
	return r, words.Unknown(nil)
}

// Waiting gives the number of acts that wait for their answer.
func (s *Service) Waiting() int { return s.group.Waiting() }

// MaxReactions is how often one person reacts in a second, at one replica.
const MaxReactions = 5

// maxReacting bounds the people of one second.
const maxReacting = 100_000

// pace counts the reactions of each person in a second. The zero value is ready.
type pace struct {
	mu     sync.Mutex
	second int64
	counts map[uuid.UUID]int
}

func (p *pace) takes(person uuid.UUID, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := now.Unix(); s != p.second || p.counts == nil {
		p.second, p.counts = s, map[uuid.UUID]int{}
	}
	if p.counts[person] >= MaxReactions || len(p.counts) >= maxReacting {
		return false
	}
	p.counts[person]++
	return true
}
