package form

import (
	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
)

// cached is how many forms a process remembers. Each may have MaxBytes of text.
const cached = 300

// Known is for stores. It remembers what forms ask, so that counting reads that when it has changed
// alone. It is safe for use by many goroutines.
type Known struct{ forms *lru.Cache[uuid.UUID, Asked] }

// Asked is what a form asks after so many edits.
type Asked struct {
	Edits      int64
	Definition *Definition
}

// NewKnown knows nothing yet.
func NewKnown() *Known {
	forms, err := lru.New[uuid.UUID, Asked](cached)
	if err != nil { // the size is positive
		panic(err)
	}
	return &Known{forms}
}

// Of gives what is known of forms. Of one that is not known the edits are -1.
func (k *Known) Of(ids []uuid.UUID) []Asked {
	asked := make([]Asked, len(ids))
	for i, id := range ids {
		var ok bool
		if asked[i], ok = k.forms.Get(id); !ok {
			asked[i].Edits = -1
		}
	}
	return asked
}

// Learn reads what is kept of a form's definition after so many edits, and remembers it.
func (k *Known) Learn(id uuid.UUID, edits int64, kept string) (*Definition, error) {
	d, err := DecodeDefinition(kept)
	if err != nil {
		return nil, err
	}
	k.forms.Add(id, Asked{edits, &d})
	return &d, nil
}
