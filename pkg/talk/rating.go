package talk

import "github.com/google/uuid"

// Rating is one person's, on its way to be counted.
type Rating struct {
	ID      uuid.UUID // begins with its time (commit.NewID)
	TalkID  uuid.UUID
	Person  uuid.UUID
	Value   int    // Least to Most
	Comment string // empty: there is none
	Passed  bool   // a pass of the server's told the person apart
	// LoggedIn says that the pass is an account's.
	LoggedIn bool
	// Key is what tells a retry: a rating whose key was counted before has no effect. Nil: none.
	Key uuid.UUID
}

// Key names the rating of one person.
type Key struct{ TalkID, Person uuid.UUID }

func (r *Rating) key() Key { return Key{r.TalkID, r.Person} }

// Standing is the rating of a person that stands.
type Standing struct {
	Key
	Value   int
	Comment Comment // zero: there is none
}

// Comment is what somebody wrote beside a rating.
type Comment struct {
	ID     uuid.UUID // of the rating that brought it; it begins with its time
	Text   string
	Hidden bool
	Value  int // of the rating that stands; only of Store.Comments and Store.Hide
}

// Verdict is what became of a rating.
type Verdict byte

// The verdicts. None is 0, which says that there is none yet.
const (
	Counted Verdict = 1 // it stands, or stood until a later one of the same person
	Gone    Verdict = 2 // there is no such talk any more
)

func (v Verdict) String() string {
	switch v {
	case Counted:
		return "counted"
	case Gone:
		return "gone"
	}
	return "unknown"
}
