package talk

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/commit"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/life"
)

// Service is what the API calls. It is safe for use by many goroutines. It is a life.Service, whose
// Stop sends what waits still and returns when the log has taken or refused it. Rate is called
// while it runs.
type Service struct {
	life.Service
	Store  Store
	Passes *access.Passes
	spine  commit.Spine
	cache  *cache
	group  *commit.Group[Rating, Verdict]
}

// words name ratings in errors.
var words = commit.Words{Item: "rating", Items: "ratings", Sender: "person"}

// NewService makes a service, whose log is Stream.
func NewService(store Store, passes *access.Passes, spine commit.Spine) *Service {
	group := commit.New(spine.Log, commit.Config[Rating, Verdict]{
		Encode: EncodeRatings, Decode: decodeVerdicts, Judge: judge, Words: words,
		Partitions: spine.Partitions, MaxWaiting: spine.MaxWaiting, Now: time.Now,
	})
	return &Service{
		Service: group, Store: store, Passes: passes, spine: spine,
		cache: newCache(store.Talk, time.Now), group: group,
	}
}

// Ballot is what somebody sends who rates a talk.
type Ballot struct {
	TalkID  uuid.UUID
	Value   int
	Comment string    // as it was written; empty: none
	Client  uuid.UUID // an id of the client's own; Nil: none
	Pass    []byte    // nil: none
	Key     uuid.UUID // of the request, the same for a retry; Nil: none
}

// check checks all that needs no look-up, and cleans the comment.
func (b *Ballot) check() (err error) {
	var wrongs fault.Wrongs
	if b.Value < Least || b.Value > Most {
		wrongs.Add("value", "must be %d to %d", Least, Most)
	}
	if b.Comment, err = CleanComment(b.Comment); err != nil {
		_ = wrongs.Note(err) // it names its field
	}
	if b.Pass != nil && b.Client != uuid.Nil {
		wrongs.Add("pass", "must be left out where client_id is given")
	}
	return wrongs.Err()
}

// Rate takes a rating and waits for its answer. After a nil error the rating is counted (applied),
// or durable and sure to be. Of several ratings of a person the last one in the log stands. A
// rating of a person and a key that came before has no effect. Errors:
//   - Invalid, which names the field.
//   - NotFound: there is no such talk, or it was deleted.
//   - NotOpen, Closed: by what this replica read at most a Lease ago, when the rating arrived.
//   - access.NoPass, BadPass, OldPass.
//   - Busy, Unavailable: as commit.Group.Commit.
func (s *Service) Rate(ctx context.Context, b Ballot, wait commit.Wait) (applied bool, err error) {
	if err := b.check(); err != nil {
		return false, err
	}
	if err := s.group.Enter(); err != nil {
		return false, err
	}
	defer s.group.Leave()
	arrived := time.Now()
	t, err := s.known(ctx, b.TalkID)
	if err != nil {
		return false, err
	}
	r, err := s.rating(&t, b, arrived)
	if err != nil {
		return false, err
	}
	if refusal := t.Takes(arrived); refusal != nil {
		return s.again(ctx, r.Key, refusal)
	}
	verdict, err := s.group.Commit(ctx, commit.Item[Rating]{
		Value: r, Partition: t.Partition, Sender: r.Person, Bytes: len(r.Comment), Arrived: arrived,
	}, wait)
	return verdict == Counted, err
}

// known gives a talk as it was at most a Lease ago. Nearly every rating finds it in the cache, and
// pays for no timer.
func (s *Service) known(ctx context.Context, id uuid.UUID) (Talk, error) {
	if t, ok := s.cache.fresh(id); ok {
		return t, nil
	}
	ctx, cancel := context.WithTimeout(ctx, commit.Deadline)
	defer cancel()
	return s.cache.talk(ctx, id)
}

// rating makes a rating of a ballot that a talk may take.
func (s *Service) rating(t *Talk, b Ballot, now time.Time) (r Rating, err error) {
	r = Rating{ID: commit.NewID(), TalkID: t.ID, Value: b.Value, Comment: b.Comment}
	switch {
	case b.Pass != nil:
		var by access.Identity
		if r.Person, by, err = s.Passes.Identify(t.ID, b.Pass, now); err != nil {
			return r, err
		}
		if !t.Voters.Admits(by) {
			return r, fault.Errorf(access.NoPass, "people who rate this talk log in first")
		}
		r.Passed, r.LoggedIn = true, by == access.LoggedIn
	case !t.Voters.Admits(access.ByClient):
		return r, fault.Errorf(access.NoPass, "people who rate this talk need a pass")
	case b.Client != uuid.Nil:
		r.Person = b.Client
	case b.Key != uuid.Nil: // a retry is by the same person
		r.Person = uuid.NewSHA1(b.Key, t.ID[:])
	default:
		r.Person = commit.NewID()
	}
	if b.Key != uuid.Nil { // others may use that key, too
		r.Key = uuid.NewSHA1(uuid.NewSHA1(t.ID, r.Person[:]), b.Key[:])
	}
	if t.Comments == Refused && r.Comment != "" {
		return r, fault.Field("comment", "this talk takes no comments")
	}
	return r, nil
}

// again answers a retry whose rating was counted before, also when the talk takes none any more.
func (s *Service) again(ctx context.Context, key uuid.UUID, refusal error) (bool, error) {
	if key == uuid.Nil {
		return false, refusal
	}
	ctx, cancel := context.WithTimeout(ctx, commit.Deadline)
	defer cancel()
	counted, err := s.Store.HasCounted(ctx, key)
	switch {
	case err != nil:
		return false, err
	case counted:
		return true, nil
	}
	return false, refusal
}

// judge says what a verdict means for the person who rated.
func judge(_ Rating, v Verdict) (Verdict, error) {
	switch v {
	case Counted:
		return v, nil
	case Gone:
		return v, fault.Errorf(fault.NotFound, "there is no such talk any more")
	}
	return v, words.Unknown(nil)
}

// Waiting gives the number of ratings that wait for their answer.
func (s *Service) Waiting() int { return s.group.Waiting() }

// Pass gives a person a pass for a talk. With a seed it is the same person's for every call.
// Errors: NotFound, access.NoPasses where anyone may rate, and access.NoSession where accounts do:
// AccountPass gives their passes.
func (s *Service) Pass(ctx context.Context, id, seed uuid.UUID) (access.Pass, error) {
	t, err := s.cache.talk(ctx, id)
	switch {
	case err != nil:
		return access.Pass{}, err
	case t.Voters == access.ByAccount:
		return access.Pass{}, fault.Errorf(access.NoSession,
			"people who rate this talk log in first")
	case t.Voters != access.ByPass:
		return access.Pass{}, fault.Errorf(
			access.NoPasses,
			"anyone may rate this talk, without a pass",
		)
	}
	return s.Passes.Draw(id, seed, time.Now()), nil
}

// AccountPass gives an account its pass for a talk, which is the same person's for every call.
func (s *Service) AccountPass(id, account uuid.UUID) access.Pass {
	return s.Passes.OfAccount(id, account, time.Now())
}
