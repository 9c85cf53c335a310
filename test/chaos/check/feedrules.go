package check

import (
	"fmt"
	"slices"
	"time"
)

// answer judges what an account was told by itself.
func (f *feed) answer(a *Act) {
	why := ""
	switch a.Status {
	case 0:
	case 204, 202:
		if a.Wrong {
			why = "acknowledges an option that the poll does not have"
		}
	case 400:
		if !a.Wrong {
			why = "refuses what is in order"
		}
	case 409:
		if !slices.Contains(refusals[a.Action], a.Code) {
			why = "has a reason that there cannot be"
		}
	case 429:
		switch {
		case a.Code != "quota_spent" || a.Action != Vote || !a.RetryAfter:
			why = "is no refusal of a vote for which there is a quota"
		case f.Days == 1 && f.begun(a.Account, a.Done) < f.Quota:
			why = fmt.Sprintf("says that %d votes are given", f.Quota)
		}
	case 503:
		if !a.RetryAfter {
			why = "does not say when to try again"
		}
	default:
		why = "is none that an account may get"
	}
	if why != "" {
		f.add(Odd, a.Poll, a.Account, "the answer %d %s at %s to what was sent at %s %s", a.Status,
			a.Code, a.Done, a.Sent, why)
	}
}

// refusals are the reasons that an action may be refused for.
var refusals = map[Action][]string{
	Vote: {"already_voted", "already_skipped"}, Skip: {"already_voted", "already_skipped"},
	Unskip: {"already_voted"}, Change: {"not_voted", "already_skipped"},
	Withdraw: {"not_voted", "already_skipped"},
}

// begun counts the votes of an account that may have counted before a time.
func (f *feed) begun(account int32, at time.Duration) (n int) {
	for _, w := range f.votes[account] {
		if w.Sent < at {
			n++
		}
	}
	return n
}

// given counts the votes of an account that were acknowledged before a time.
func (f *feed) given(account int32, at time.Duration) (n int) {
	for _, w := range f.votes[account] {
		if w.acked && w.ends < at {
			n++
		}
	}
	return n
}

// quota: of no account more votes count than it has for the days of the history. A vote that was
// withdrawn is one of them.
func (f *feed) quota() {
	most, standing := f.Quota*f.Days, map[int32]int{}
	for _, row := range f.End.Rows {
		if row.Option >= 0 {
			standing[row.Account]++
		}
	}
	for account := range f.votes {
		if n := max(f.given(account, Never), standing[account]); n > most {
			f.add(Quota, -1, account, "has %d votes, and %d for %d days", n, most, f.Days)
		}
	}
}

// page judges a reading of the feed. A poll is in it unless the account has answered.
func (f *feed) page(p *Page) {
	shown := map[int32]bool{}
	for _, poll := range p.Polls {
		if shown[poll] {
			f.add(Double, poll, p.Account, "is in a page of the feed twice")
		}
		shown[poll] = true
		g := f.registers[key{poll, p.Account}]
		if g == nil {
			continue
		}
		for _, w := range g.wishes {
			if w.answers() && w.acked && w.ends < p.Sent && !g.undone(w, p.Done) {
				f.add(Shown, poll, p.Account, "was shown at %s: %v", p.Done, g)
				break
			}
		}
	}
	for _, end := range f.End.Polls {
		g := f.registers[key{end.Poll, p.Account}]
		if !shown[end.Poll] && (g == nil || !g.answered(p.Done)) {
			f.add(Stale, end.Poll, p.Account, "was not shown at %s, and not answered", p.Done)
		}
	}
	if f.Days > 1 { // the quota of which is another one
		return
	}
	least, most := f.Quota-f.begun(p.Account, p.Done), f.Quota-f.given(p.Account, p.Sent)
	if p.Limit != f.Quota || p.Remaining < max(least, 0) || p.Remaining > most {
		f.add(Stale, -1, p.Account, "at %s the feed says that %d of %d votes are left: %d to %d",
			p.Done, p.Remaining, p.Limit, least, most)
	}
}

// answers says whether a wish is to answer a poll.
func (w *wish) answers() bool { return w.Action == Vote || w.Action == Skip }

// undoes says whether a wish is to have an answer stand no more.
func (w *wish) undoes() bool { return w.Action == Unskip || w.Action == Withdraw }

// answered says whether the account may have answered the poll before a time.
func (g *feedRegister) answered(at time.Duration) bool {
	return slices.ContainsFunc(g.wishes, func(w *wish) bool {
		return w.answers() && !w.refused && w.Sent < at
	})
}

// undone says whether the effect of a wish may be undone before a time.
func (g *feedRegister) undone(w *wish, at time.Duration) bool {
	return slices.ContainsFunc(g.wishes, func(u *wish) bool {
		return u.undoes() && !u.refused && u.ends > w.Sent && u.Sent < at
	})
}

// judge: an acknowledged answer stands, unless something may have undone or changed it. What stands
// was sent, and not refused.
func (f *feed) judge(g *feedRegister) {
	votes := 0
	for _, w := range g.wishes {
		if !w.answers() || !w.acked {
			continue
		}
		if w.Action == Vote {
			votes++
		}
		option := w.Option
		if w.Action == Skip {
			option = Skipped
		}
		changed := func(c *wish) bool { return c.Action == Change && !c.refused && c.ends > w.Sent }
		if option != g.stands && !g.undone(w, Never) && !slices.ContainsFunc(g.wishes, changed) {
			f.add(Lost, g.poll, g.voter, "%v", g)
			break
		}
	}
	withdrawn := func(w *wish) bool { return w.Action == Withdraw && !w.refused }
	if votes > 1 && !slices.ContainsFunc(g.wishes, withdrawn) {
		f.add(Double, g.poll, g.voter, "%d votes were counted: %v", votes, g)
	}
	if g.stands == Nothing {
		return
	}
	kind := Ghost
	for _, w := range g.wishes {
		if w.Action == Skip && g.stands == Skipped ||
			(w.Action == Vote || w.Action == Change) && w.Option == g.stands {
			if !w.refused {
				return
			}
			kind = Revived
		}
	}
	f.add(kind, g.poll, g.voter, "%v", g)
}

func (g *feedRegister) String() string {
	text := "sent"
	for _, w := range g.wishes {
		for _, a := range w.acts {
			text += fmt.Sprintf(" [%.3f-%.3f %v %d key %d: %d %s]", a.Sent.Seconds(),
				a.Done.Seconds(), a.Action, a.Option, a.Key, a.Status, a.Code)
		}
	}
	return text + fmt.Sprintf("; stands: %d", g.stands)
}
