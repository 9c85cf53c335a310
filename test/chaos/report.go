package chaos

import (
	"fmt"
	"strings"
	"time"

	"github.com/plenary-live/plenary/test/chaos/check"
)

// Head is the head of the table.
const Head = "| fault | seed | sent | acknowledged | refused | unknown | counted | lost | double | late | changed | other | longest gap (s) | accepting again (s) | counting again (s) |\n" +
	"|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n"

func (r *Row) String() string {
	c := r.Report
	other := c.Of(check.Ghost, check.Revived, check.Tally, check.Backward, check.Order) + len(r.Odd)
	return fmt.Sprintf("| %s | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d | %s | %s | %s |\n",
		r.Fault.Name, r.Seed, c.Sent, c.Acknowledged, c.Refused, c.Unknown, c.Counted,
		c.Of(check.Lost), c.Of(check.Double), c.Of(check.Late), c.Of(check.Changed), other,
		seconds(r.Gap), seconds(r.Accepting), seconds(r.Counting))
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f", d.Seconds()) }

// Failures says what is wrong with a row; empty: nothing.
func (r *Row) Failures() (all []string) {
	for i, v := range r.Report.Violations {
		if i == 20 {
			all = append(all, fmt.Sprintf("… and %d more", len(r.Report.Violations)-i))
			break
		}
		all = append(all, v.String())
	}
	return append(all, r.Odd...)
}

// Missed says which targets of recovery were missed; empty: none.
func (r *Row) Missed() string {
	var missed []string
	if f := r.Fault; f.Counts > 0 && r.Counting > f.Counts {
		missed = append(missed, fmt.Sprintf("counting resumed after %v, not within %v", r.Counting, f.Counts))
	}
	if f := r.Fault; f.Accepts > 0 && r.Accepting > f.Accepts {
		missed = append(missed, fmt.Sprintf("accepting resumed after %v, not within %v", r.Accepting, f.Accepts))
	}
	return strings.Join(missed, ", ")
}
