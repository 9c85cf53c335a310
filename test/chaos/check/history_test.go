package check

import (
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"slices"
	"time"
)

// world makes histories that keep every promise: it is the product as it should be, in a page.
type world struct {
	*History
	rng   *rand.Rand
	now   time.Duration
	stand map[key]Row
	final map[int32]int64
	edits int64 // of who sees the results
}

const (
	polls   = 4
	options = 3
	voters  = 40
)

// good makes a history of one room that goes through its polls and back.
func good(seed uint64) *History {
	w := &world{History: &History{}, rng: rand.New(rand.NewPCG(seed, 1)), stand: map[key]Row{},
		final: map[int32]int64{}}
	version := int64(0)
	var before int32 = -1
	for _, poll := range []int32{0, 1, 0, 2, -1, 3, 1, -1} {
		version++
		w.pass(100)
		sent := w.now
		w.pass(20)
		w.Moves = append(w.Moves, Move{Sent: sent, Done: w.now, Poll: poll, Version: version})
		if before >= 0 {
			w.castAll(before, http409, 10) // late ones, which are told so
			w.pass(3000)
			w.final[before] = version - 1
			w.read(before, version-1, true)
		}
		if poll >= 0 {
			delete(w.final, poll)
			w.castAll(poll, 0, 60)
			w.read(poll, version, false)
		}
		before = poll
	}
	w.end()
	return w.History
}

const http409 = 409

func (w *world) pass(ms int) { w.now += time.Duration(1+w.rng.IntN(ms)) * time.Millisecond }

// id gives a vote's id.
func (w *world) id() (id ID) {
	binary.BigEndian.PutUint64(id[8:], uint64(len(w.Casts)+1))
	return id
}

// castAll has people vote. status 0: as it comes.
func (w *world) castAll(poll int32, status uint16, n int) {
	w.pass(1500)
	if status == http409 {
		w.now += Lease
	}
	for range n {
		w.cast(poll, int32(w.rng.IntN(voters)), status)
	}
}

func (w *world) cast(poll, voter int32, status uint16) {
	answer := Answer(1 << w.rng.IntN(options))
	if w.rng.IntN(8) == 0 {
		answer = TakenBack
	}
	var seq int32
	if voter%3 == 0 {
		seq = int32(len(w.Casts) + 1)
	}
	for range 3 { // with retries
		told, counts := status, false
		if status == 0 {
			told = []uint16{204, 204, 204, 202, 503, 0}[w.rng.IntN(6)]
			counts = told < 300 && told > 0 || w.rng.IntN(2) == 0
		}
		sent := w.now
		w.pass(30)
		c := Cast{Sent: sent, Done: w.now, Voter: voter, Poll: poll, Seq: seq, Answer: answer,
			Status: told, RetryAfter: told == 503}
		id := w.id()
		if c.Outcome() == Acknowledged {
			c.ID = id
		}
		w.Casts = append(w.Casts, c)
		w.pass(30)
		if counts {
			w.stand[key{poll, voter}] = Row{poll, voter, int64(seq), answer, id}
		}
		if told != 503 && told != 0 {
			return
		}
	}
}

// read adds readings of two replicas.
func (w *world) read(poll int32, version int64, final bool) {
	for replica := range int32(2) {
		v := View{Sent: w.now, Replica: replica, Poll: poll, Version: version,
			Revision: w.revision(version, final), Final: final}
		w.pass(5)
		v.Done, v.Body = w.now, w.hash(poll, fmt.Sprint("results ", v.Version, v.Revision, v.Final))
		v.Counted = w.hash(poll, fmt.Sprint("results ", v.Version, v.Final))
		if final {
			v.List = w.hash(poll, "list")
		}
		w.Views = append(w.Views, v)
	}
}

// revision is one for all that is final under a version, until an edit.
func (w *world) revision(version int64, final bool) int64 {
	if final {
		return version*1_000_000 + 999_000 + w.edits
	}
	return version*1_000_000 + int64(len(w.Casts))
}

func (w *world) rows(poll int32) (rows []Row) {
	for voter := range int32(voters) {
		if s, ok := w.stand[key{poll, voter}]; ok {
			rows = append(rows, s)
		}
	}
	return rows
}

var seed = maphash.MakeSeed()

func (w *world) hash(poll int32, what string) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	maphash.WriteComparable(&h, what)
	for _, row := range w.rows(poll) {
		maphash.WriteComparable(&h, row)
	}
	return h.Sum64()
}

func (w *world) end() {
	for poll := range int32(polls) {
		rows := w.rows(poll)
		w.Rows = append(w.Rows, rows...)
		rows = counting(rows)
		e := End{Poll: poll, Counts: recount(rows, options), Voters: int64(len(rows))}
		for replica := range int32(2) {
			e.Told = append(e.Told, Told{replica, slices.Clone(e.Counts), e.Voters,
				slices.Clone(rows)})
		}
		w.Ends = append(w.Ends, e)
		if version, ok := w.final[poll]; ok {
			w.read(poll, version, true)
		}
	}
	w.now += 15 * time.Second
	w.edits++
	w.Later = slices.Clone(w.Rows)
	for poll, version := range w.final {
		w.read(poll, version, true)
	}
}
