package check

import "net/http"

// answers judges what each voter was told by itself: the contract has few answers, and each has its
// time.
func (r *Report) answers(h *History) {
	open := windows(h.Moves)
	told := make(map[ID]bool, len(h.Casts))
	for i := range h.Casts {
		c := &h.Casts[i]
		why := ""
		switch c.Status {
		case 0:
		case http.StatusNoContent, http.StatusAccepted:
			switch {
			case c.Wrong:
				why = "acknowledges an option that is not there"
			case c.ID == ID{}:
				why = "does not tell the vote's id"
			case told[c.ID]:
				why = "tells an id that was told before"
			}
			told[c.ID] = true
		case http.StatusBadRequest:
			if !c.Wrong {
				why = "refuses a vote that is in order"
			}
		case http.StatusConflict:
			if surelyDisplayed(c, open[c.Poll]) {
				why = "says that the poll is not displayed, and it was: " + describe(open[c.Poll])
			}
		case http.StatusServiceUnavailable:
			if !c.RetryAfter {
				why = "does not say when to try again"
			}
		default:
			why = "is none that a vote may get"
		}
		if why != "" {
			r.add(Odd, c.Poll, c.Voter, "the answer %d at %s to what was sent at %s %s", c.Status,
				c.Done, c.Sent, why)
		}
	}
}

// surelyDisplayed says whether a poll was on the slide all the time of a request, and no vote could
// be late. That one can be only while a replica may take it for one of an earlier display, which
// has been sealed: within its lease.
func surelyDisplayed(c *Cast, open []window) bool {
	for i, w := range open {
		if c.Sent > w.shown && c.Done < w.left {
			return i == 0 || c.Sent > open[i-1].to
		}
	}
	return false
}
