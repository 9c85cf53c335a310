package report

import (
	"fmt"
	"strings"
)

// ceiling is the largest share of the no-op's rate that counted votes can reach if a vote costs what the no-op and wrk spend on a
// request, and its insert of so many microseconds, and nothing else. It takes for granted that processor time is what bounds the
// no-op: see busy. 0: not measured.
func (t *Throughput) ceiling(noOp string, connections int, insert float64) float64 {
	request := t.request(noOp, connections)
	if request == 0 || insert == 0 {
		return 0
	}
	return request / (request + insert)
}

// busy tells how many processors a no-op and wrk used between them.
func (t *Throughput) busy(noOp string, connections int) float64 {
	return t.rate(noOp, connections).median * t.request(noOp, connections) / 1e6
}

// request is the microseconds of processor time that a no-op and wrk spend on one.
func (t *Throughput) request(noOp string, connections int) float64 {
	cpu := t.cpu(noOp, connections)
	return total(cpu) + cpu["wrk"]
}

// fastestPerVote gives the best of the rivals that commit every vote by itself and keep a tally; "": none was measured.
func (t *Throughput) fastestPerVote(connections int) (name string, rate float64) {
	for _, rival := range perVote {
		if r := t.rate(rival, connections).median; r > rate {
			name, rate = rival, r
		}
	}
	return name, rate
}

// ceilings says how the ceilings in the table of targets come about.
func (r Results) ceilings() string {
	if r.Throughput == nil || r.Bulk == nil {
		return ""
	}
	busy := func(noOp string) string {
		var all []string
		for _, n := range targetConnections {
			all = append(all, fmt.Sprintf("%.2f", r.Throughput.busy(noOp, n)))
		}
		return strings.Join(all, " / ")
	}
	return fmt.Sprintf("The *ceiling of this machine* is what would be reached if nothing but the no-op's work and the row's bulk insert cost anything: "+
		"(no-op + wrk) ÷ (no-op + wrk + bulk insert), in processor time by the tables below, into SQLite for embedded; for a transaction "+
		"per vote that, times the no-op's rate ÷ the rival's. It takes for granted that the processors bound the no-op: with 64 / 512 / 2,000 connections "+
		"it and wrk used %s of %d, through NGINX %s. What they left idle would raise it.\n\n", busy(NoOp), r.Throughput.Machine.Cores, busy(NoOpNGINX))
}
