package poll

import "github.com/plenary-live/plenary/pkg/access"

// Admit sets who may vote in a new presentation. Errors are of the kind Invalid and name the field.
func (p *Presentation) Admit(a access.Admission) (err error) {
	p.Admission, err = a.Check()
	if err == nil && p.Slide.Displayed {
		p.Polls[p.Slide.Index].Identify(Pending, p.Voters)
	}
	return err
}

// Identify is what happens to the identity of a poll when voting opens for it, or voters change
// while it is on the slide. status is the poll's of before. Votes that stand are as weak as they
// were, so it only rises where there are none.
func (q *Poll) Identify(status Status, voters access.Voters) (changed bool) {
	before := q.Identity
	if q.Identity = before.Least(voters.Identity()); status == Pending {
		q.Identity = voters.Identity()
	}
	return q.Identity != before
}
