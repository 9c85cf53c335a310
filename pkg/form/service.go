package form

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
// Stop sends what waits still and returns when the log has taken or refused it. Submit, Replace and
// Withdraw are called while it runs.
type Service struct {
	life.Service
	Store  Store
	Passes *access.Passes
	spine  commit.Spine
	forms  *cache
	group  *commit.Group[Item, Verdict]
}

// words name items in errors.
var words = commit.Words{Item: "response", Items: "responses", Sender: "person"}

// NewService makes a service, whose log is Stream.
func NewService(store Store, passes *access.Passes, spine commit.Spine) *Service {
	group := commit.New(spine.Log, commit.Config[Item, Verdict]{
		Encode: EncodeItems, Decode: decodeVerdicts, Judge: judge, Words: words,
		Partitions: spine.Partitions, MaxWaiting: spine.MaxWaiting, Now: time.Now,
	})
	return &Service{
		Service: group, Store: store, Passes: passes, spine: spine,
		forms: newCache(store.Form, time.Now), group: group,
	}
}

// Submission is what somebody sends who responds to a form.
type Submission struct {
	FormID uuid.UUID
	Given  []Given
	Client uuid.UUID // an id of the client's own; Nil: none
	Pass   []byte    // nil: none
	Key    uuid.UUID // of the request, the same for a retry; Nil: none
}

// Receipt is what a respondent gets.
type Receipt struct {
	ResponseID uuid.UUID
	EditToken  string
	Broken     []Rule // that the response breaks; nil: none
	Applied    bool   // else it is durable, and sure to be decided in the log's order
}

// Submit takes a response and waits for its answer. After a nil error the response is kept and
// counted as a whole, or durable. A response of a person and a key that came before has no effect,
// and gets the same receipt. Errors:
//   - Invalid, which names all that is wrong.
//   - NotFound: there is no such form, or it was deleted.
//   - Closed, Full, Responded.
//   - Edited: the form was, again and again.
//   - access.NoPass, BadPass, OldPass.
//   - Busy, Unavailable: as commit.Group.Commit.
func (s *Service) Submit(
	ctx context.Context, sub Submission, wait commit.Wait,
) (receipt Receipt, err error) {
	var id uuid.UUID
	err = s.act(ctx, sub.FormID, wait, &receipt, func(f *Form, now time.Time) (Item, error) {
		i, err := s.submitted(f, sub, now)
		if err != nil {
			return Item{}, err
		}
		id = i.ID
		i.Answers, err = f.Answer(sub.Given, nil)
		return i, err
	})
	if sub.Key != uuid.Nil && id != uuid.Nil && fault.Is(err, fault.Invalid) {
		return s.again(ctx, id, err)
	}
	return receipt, err
}

// again answers a retry whose response was kept before the form asked for something else.
func (s *Service) again(ctx context.Context, id uuid.UUID, refusal error) (Receipt, error) {
	ctx, cancel := context.WithTimeout(ctx, commit.Deadline)
	defer cancel()
	r, err := s.Store.Response(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return Receipt{}, refusal
	}
	if err != nil {
		return Receipt{}, err
	}
	f, err := s.forms.form(ctx, r.FormID)
	return Receipt{
		ResponseID: id, EditToken: s.Passes.EditToken(id), Broken: f.RulesOf(r.Flags),
		Applied: true,
	}, err
}

// act has prepare make an item by a form, and commits it. If the form was edited meanwhile, it does
// so once more, so that prepare's errors name what is wrong by now.
func (s *Service) act(
	ctx context.Context, formID uuid.UUID, wait commit.Wait, receipt *Receipt,
	prepare func(*Form, time.Time) (Item, error),
) error {
	if err := s.group.Enter(); err != nil {
		return err
	}
	defer s.group.Leave()
	arrived := time.Now()
	var err error
	for range 2 {
		if err = s.actOnce(ctx, formID, arrived, wait, receipt, prepare); !fault.Is(err, Edited) {
			break
		}
		s.forms.known.Remove(formID)
	}
	if err != nil {
		*receipt = Receipt{}
	}
	return err
}

func (s *Service) actOnce(
	ctx context.Context, formID uuid.UUID, arrived time.Time, wait commit.Wait, receipt *Receipt,
	prepare func(*Form, time.Time) (Item, error),
) error {
	f, err := s.current(ctx, formID)
	if err != nil {
		return err
	}
	i, err := prepare(&f, arrived)
	if err != nil {
		return err
	}
	sender := i.Person
	if sender == uuid.Nil {
		sender = i.ID
	}
	verdict, err := s.group.Commit(ctx, commit.Item[Item]{
		Value: i, Partition: f.Partition, Sender: sender, Bytes: i.Answers.bytes(),
		Arrived: arrived,
	}, wait)
	*receipt = Receipt{
		ResponseID: i.ID, EditToken: s.Passes.EditToken(i.ID), Applied: verdict == Done,
		Broken: f.broken(i.Answers),
	}
	return err
}

// current gives a form as it was at most a Lease ago. Nearly every response finds it in the cache,
// and pays for no timer.
func (s *Service) current(ctx context.Context, id uuid.UUID) (Form, error) {
	if f, ok := s.forms.fresh(id); ok {
		return f, nil
	}
	ctx, cancel := context.WithTimeout(ctx, commit.Deadline)
	defer cancel()
	return s.forms.form(ctx, id)
}

// submitted makes an item of a submission that a form may take, without answers.
func (s *Service) submitted(f *Form, sub Submission, now time.Time) (i Item, err error) {
	person := sub.Client
	switch {
	case sub.Pass != nil && sub.Client != uuid.Nil:
		return i, fault.Field("pass", "must be left out where client_id is given")
	case sub.Pass != nil:
		var by access.Identity
		if person, by, err = s.Passes.Identify(f.ID, sub.Pass, now); err != nil {
			return i, err
		}
		if !f.Voters.Admits(by) {
			return i, fault.Errorf(access.NoPass, "people who respond to this form log in first")
		}
	case !f.Voters.Admits(access.ByClient):
		return i, fault.Errorf(access.NoPass, "people who respond to this form need a pass")
	case f.OnePerPerson && person == uuid.Nil:
		return i, fault.Field("client_id", "must be given: each person responds once")
	}
	i = Item{
		ID: commit.NewID(), FormID: f.ID, Action: Submit, Edits: f.Edits, At: now.UnixMilli(),
	}
	if sub.Key != uuid.Nil { // others may use that key, too
		i.ID = uuid.NewSHA1(uuid.NewSHA1(f.ID, person[:]), sub.Key[:])
		i.Keyed = true
	}
	if f.OnePerPerson {
		i.Person = person
	}
	return i, nil
}

// Replace gives a response other answers: those that are given, and of the others those that it
// has. The owner of the form may do so when it is closed, too. Errors are those of Submit, and:
//   - NotFound: there is no such response any more.
//   - Changed: the response was, since it was read.
func (s *Service) Replace(
	ctx context.Context, r Response, given []Given, owner bool, wait commit.Wait,
) (receipt Receipt, err error) {
	err = s.act(ctx, r.FormID, wait, &receipt, func(f *Form, now time.Time) (Item, error) {
		answers, err := f.Answer(merged(given, f.GivenOf(r.Answers)), r.Answers)
		return Item{
			ID: r.ID, FormID: r.FormID, Action: Replace, Edits: f.Edits, Seen: r.Edits,
			Owner: owner, At: now.UnixMilli(), Answers: answers,
		}, err
	})
	return receipt, err
}

// merged gives what is given, and what was given before to other questions.
func merged(given, before []Given) []Given {
	now := make(map[uuid.UUID]bool, len(given))
	for _, g := range given {
		now[g.QuestionID] = true
	}
	all := append([]Given{}, given...)
	for _, g := range before {
		if !now[g.QuestionID] {
			all = append(all, g)
		}
	}
	return all
}

// Withdraw takes a response back, also when its form is closed. Errors:
//   - NotFound: there is no such response any more.
//   - Busy, Unavailable: as commit.Group.Commit.
func (s *Service) Withdraw(
	ctx context.Context, r Response, wait commit.Wait,
) (applied bool, err error) {
	var receipt Receipt
	err = s.act(ctx, r.FormID, wait, &receipt, func(f *Form, now time.Time) (Item, error) {
		return Item{
			ID: r.ID, FormID: r.FormID, Action: Withdraw, Edits: f.Edits, At: now.UnixMilli(),
		}, nil
	})
	return receipt.Applied, err
}

// judge says what a verdict means for the person who sent the item.
func judge(_ Item, v Verdict) (Verdict, error) {
	switch v {
	case Done:
		return v, nil
	case FormGone:
		return v, fault.Errorf(fault.NotFound, "there is no such form any more")
	case FormClosed:
		return v, fault.Errorf(Closed, "this form is closed")
	case FormFull:
		return v, fault.Errorf(Full, "this form has all the responses that it takes")
	case RespondedBefore:
		return v, fault.Errorf(Responded, "you have responded to this form")
	case Outdated:
		return v, fault.Errorf(Edited, "the form was edited meanwhile")
	case ResponseGone:
		return v, fault.Errorf(fault.NotFound, "there is no such response any more")
	case ResponseChanged:
		return v, fault.Errorf(Changed, "the response was changed meanwhile")
	}
	return v, words.Unknown(nil)
}

// Waiting gives the number of responses that wait for their answer.
func (s *Service) Waiting() int { return s.group.Waiting() }

// Pass gives a person a pass for a form. With a seed it is the same person's for every call.
// Errors: NotFound, access.NoPasses where anyone may respond, and access.NoSession where accounts
// do: AccountPass gives their passes.
func (s *Service) Pass(ctx context.Context, id, seed uuid.UUID) (access.Pass, error) {
	f, err := s.forms.form(ctx, id)
	switch {
	case err != nil:
		return access.Pass{}, err
	case f.Voters == access.ByAccount:
		return access.Pass{}, fault.Errorf(access.NoSession,
			"people who respond to this form log in first")
	case f.Voters != access.ByPass:
		return access.Pass{}, fault.Errorf(access.NoPasses,
			"anyone may respond to this form, without a pass")
	}
	return s.Passes.Draw(id, seed, time.Now()), nil
}

// AccountPass gives an account its pass for a form, which is the same person's for every call.
func (s *Service) AccountPass(id, account uuid.UUID) access.Pass {
	return s.Passes.OfAccount(id, account, time.Now())
}
