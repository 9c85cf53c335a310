package commit

import "github.com/plenary-live/plenary/pkg/fault"

// Words name the items of a group to people: vote, votes, voter.
type Words struct{ Item, Items, Sender string }

func (w Words) full() error {
	return fault.Unavailablef(nil, "too many %s are waiting; send it again in a moment", w.Items)
}

func (w Words) busy() error {
	return fault.Errorf(fault.Busy, "too many %s of this %s are under way", w.Items, w.Sender)
}

func (w Words) stalled() error {
	return fault.Unavailablef(nil, "%s cannot be stored at the moment; send it again", w.Items)
}

func (w Words) refused(cause error) error {
	return fault.Unavailablef(cause, "the %s could not be stored; send it again", w.Item)
}

// Unknown is the error of an item that may be stored or not.
func (w Words) Unknown(cause error) error {
	const text = "it is not known yet whether the %s was stored; send it again"
	return fault.Unavailablef(cause, text, w.Item)
}
