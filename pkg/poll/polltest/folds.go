package polltest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

// Inside is what the suite needs of a store's tables, and of what processes of before the present
// fold did with them.
type Inside struct {
	// Words reads the words of a poll, in the order of their bytes, and how they are counted.
	Words func(t require.TestingT, s Store, pollID uuid.UUID) ([]question.CountedWord, poll.Folding)
	// Hide hides a word.
	Hide func(t require.TestingT, s Store, pollID uuid.UUID, word string)
	// Begin writes a poll's state as a process of before does that makes the poll and opens it: it
	// knows of no fold.
	Begin func(t require.TestingT, s Store, pollID uuid.UUID)
	// Count does what a process of before does when it counts: it writes votes, adds voters and
	// counts of words, and raises the revision.
	Count func(t require.TestingT, s Store, pollID uuid.UUID, votes []poll.Vote, voters int,
		moves map[string]int64)
	// Seal does what a process of before does with a poll's state when it closes voting and seals
	// the poll.
	Seal func(t require.TestingT, s Store, pollID uuid.UUID, version int64)
	// Reset does what a process of before does that resets a poll: it knows of no spellings.
	Reset func(t require.TestingT, s Store, pollID uuid.UUID)
	// Downgrade takes the schema back to what it was before it knew of folds. It is brought up by
	// the next store that is opened.
	Downgrade func(t require.TestingT, s Store)
}

// Folds says that a store's tables can be looked into, and that processes of before the present
// fold may use them.
func Folds(in Inside) Capability { return func(s *suite) { s.inside = &in } }

// earlier is a process of before the present fold that counts for one poll.
type earlier struct {
	t      *testing.T
	in     *Inside
	store  Store
	p      poll.Presentation
	index  int
	counts map[uuid.UUID]question.Answer
}

func (e *earlier) count(list ...poll.Vote) {
	q := e.p.Polls[e.index]
	voters, moves := 0, map[string]int64{}
	for _, v := range list {
		if old, voted := e.counts[v.VoterID]; voted {
			for _, word := range q.Kind.WordsBy(question.FirstFold, old) {
				moves[word]--
			}
		} else {
			voters++
		}
		e.counts[v.VoterID] = v.Answer
		for _, word := range q.Kind.WordsBy(question.FirstFold, v.Answer) {
			moves[word]++
		}
	}
	e.in.Count(e.t, e.store, q.ID, list, voters, moves)
}

// recounted counts the words of a votes list as simply as possible.
func recounted(kind question.Kind, answers []poll.VoterAnswer) []question.CountedWord {
	all := map[string]*question.CountedWord{}
	spellings := map[string]map[string]*question.CountedSpelling{}
	older := func(a, b uuid.UUID) uuid.UUID {
		if a == uuid.Nil || strings.Compare(string(b[:]), string(a[:])) < 0 {
			return b
		}
		return a
	}
	for _, a := range answers {
		said := map[string]bool{}
		for _, text := range strings.Split(string(a.Answer), "\n") {
			// one, or none of a vote that was taken back
			for _, word := range kind.Words(question.Answer(text)) {
				if said[word] {
					continue
				}
				said[word] = true
				if all[word] == nil {
					all[word], spellings[word] = &question.CountedWord{Word: word},
						map[string]*question.CountedSpelling{}
				}
				all[word].Count++
				all[word].First = older(all[word].First, a.VoteID)
				if kind == question.WordCloud {
					if spellings[word][text] == nil {
						spellings[word][text] = &question.CountedSpelling{Spelling: text}
					}
					spellings[word][text].Count++
					spellings[word][text].First = older(spellings[word][text].First, a.VoteID)
				}
			}
		}
	}
	words := make([]question.CountedWord, 0, len(all))
	for word, w := range all {
		for _, s := range spellings[word] {
			w.Spellings = append(w.Spellings, *s)
		}
		slices.SortFunc(w.Spellings,
			func(a, b question.CountedSpelling) int {
				return strings.Compare(a.Spelling,
					b.Spelling)
			})
		words = append(words, *w)
	}
	slices.SortFunc(words, func(a,
		b question.CountedWord) int {
		return strings.Compare(a.Word, b.Word)
	})
	return words
}

// requireCounted compares all that a store has of a poll's words with a count of its votes. A vote
// that named a word first may have been replaced since: which it is does not matter here.
func (in *Inside) requireCounted(t require.TestingT, s Store, pollID uuid.UUID, kind question.Kind,
	answers []poll.VoterAnswer) {
	got, folding := in.Words(t, s, pollID)
	want := recounted(kind, answers)
	require.Equal(t, poll.Folding{Fold: question.PresentFold}, folding)
	require.Len(t, got, len(want), "%v", got)
	for i := range want {
		require.NotEqual(t, uuid.Nil, got[i].First)
		want[i].First = got[i].First
		require.Len(t, got[i].Spellings, len(want[i].Spellings), "%v", got[i])
		for j := range want[i].Spellings {
			require.NotEqual(t, uuid.Nil, got[i].Spellings[j].First)
			want[i].Spellings[j].First = got[i].Spellings[j].First
		}
		require.Equal(t, want[i], got[i])
	}
}

func (s *suite) folds(t *testing.T) {
	store, in := s.store(t), s.inside
	begin := func(t *testing.T, index int) (poll.Presentation, int64, *earlier) {
		refolded(t, store)
		p := created(t, store, append(textPolls(), threePolls()...)...)
		v := show(t, store, p, index)
		in.Begin(t, store, p.Polls[index].ID)
		return p, v, &earlier{t, in, store, p, index, map[uuid.UUID]question.Answer{}}
	}
	requireCounted := func(t *testing.T, p poll.Presentation, index int) {
		t.Helper()
		in.requireCounted(t, store, p.Polls[index].ID, p.Polls[index].Kind,
			list(t, store, p, index))
		requireRecount(t, store, p, index)
	}
	folding := func(p poll.Presentation, index int) poll.Folding {
		_, f := in.Words(t, store, p.Polls[index].ID)
		return f
	}
	hard := []question.Answer{"İstanbul", "istanbul\nRome", "❤️", "❤", "Straße", "STRASSE",
		"Rome!\nkır", "kir", "\u3164"}

	t.Run("words know who named them first, and how they are written", func(t *testing.T) {
		p := created(t, store, textPolls()...)
		v := show(t, store, p, 0)
		ids := make([]uuid.UUID, 6)
		for i := range ids {
			ids[i] = uuid.UUID{0: 1, 15: byte(i)}
		}
		named := func(id int, voter byte, answer question.Answer) poll.Vote {
			w := by(uuid.UUID{0: 9, 15: voter}, 0, vote(p, 0, v, answer))
			w.ID = ids[id]
			return w
		}
		rows := func(want ...question.CountedWord) {
			t.Helper()
			got, _ := in.Words(t, store, p.Polls[0].ID)
			require.Equal(t, want, got)
			requireCounted(t, p, 0)
		}
		spelling := func(s string, n int64, first uuid.UUID) question.CountedSpelling {
			return question.CountedSpelling{Spelling: s, Count: n, First: first}
		}
		count(t, store, votes(named(3, 1, "NATO"), named(2, 2, "nato")), votes(named(4, 3, "NATO")))
		rows(question.CountedWord{Word: "nato", Count: 3, First: ids[2],
			Spellings: []question.CountedSpelling{spelling("NATO", 2, ids[3]),
				spelling("nato", 1, ids[2])}})
		count(t, store, votes(named(1, 4, "Nato!"))) // taken earlier, and counted later
		count(t, store, votes(named(5, 3, "nato")))  // said otherwise
		rows(question.CountedWord{Word: "nato", Count: 4, First: ids[1],
			Spellings: []question.CountedSpelling{
				spelling("NATO", 1, ids[3]), spelling("Nato!", 1, ids[1]),
				spelling("nato", 2, ids[2]),
			}})
		count(t, store, votes(named(5, 1, "EU"), named(5, 4, "EU")))
		rows(question.CountedWord{Word: "eu", Count: 2, First: ids[5],
			Spellings: []question.CountedSpelling{spelling("EU", 2, ids[5])}},
			question.CountedWord{Word: "nato", Count: 2, First: ids[1],
				Spellings: []question.CountedSpelling{spelling("nato", 2, ids[2])}})
	})

	t.Run("a hidden word stays hidden while nobody says it, until the poll is reset",
		func(t *testing.T) {
			p := created(t, store, textPolls()...)
			v, voter, id := show(t, store, p, 0), uuid.New(), p.Polls[0].ID
			count(t, store, votes(by(voter, 0, vote(p, 0, v, "Darn\nRome"))))
			in.Hide(t, store, id, "darn")
			count(t, store, votes(by(voter, 0, vote(p, 0, v, "Rome"))))
			words, _ := in.Words(t, store, id)
			require.Len(t, words, 2)
			require.Zero(t, words[0].Count)
			require.True(t, words[0].Hidden)
			require.Empty(t, words[0].Spellings)
			count(t, store, votes(by(voter, 0, vote(p, 0, v, "DARN!"))))
			words, _ = in.Words(t, store, id)
			require.Len(t, words, 1)
			require.True(t, words[0].Hidden)
			show(t, store, p, 1)
			count(t, store, seal(p, 0, v))
			_, err := store.Edit(t.Context(), p.ID, poll.Reset{PollID: id})
			require.NoError(t, err)
			words, f := in.Words(t, store, id)
			require.Empty(t, words)
			require.Equal(t, poll.Folding{Fold: question.PresentFold}, f)
		})

	t.Run("what an earlier process counted is counted anew before anything is added",
		func(t *testing.T) {
			for index := range textPolls() {
				p, v, before := begin(t, index)
				for _, answer := range hard {
					if index == 1 {
						answer = question.Answer(strings.ReplaceAll(string(answer), "\n", "\u2028"))
					}
					before.count(vote(p, index, v, answer))
				}
				revision := results(t, store, p, index).Revision
				o := count(t, store, votes(vote(p, index, v, "ISTANBUL"), vote(p, index, v, "kır")))
				require.Len(t, o.Changed, 1)
				require.Greater(t, o.Changed[0].Revision, revision+1,
					"it was counted anew, and then moved")
				require.Equal(t, o.Changed[0].Revision, results(t, store, p, index).Revision)
				requireCounted(t, p, index)
			}
		})

	t.Run("a poll that gets no votes is counted anew by Refold, once", func(t *testing.T) {
		p, v, before := begin(t, 0)
		for _, answer := range hard {
			before.count(vote(p, 0, v, answer))
		}
		count(t, store, votes(vote(p, 1, v, "of another poll")))
		revision := results(t, store, p, 0).Revision
		changes := refolded(t, store)
		require.Equal(t, []bus.Change{{Thing: p.ID, Part: p.Polls[0].ID, Version: v,
			Revision: revision + 1}}, changes)
		requireCounted(t, p, 0)
		require.Empty(t, refolded(t, store))
		require.Equal(t, revision+1, results(t, store, p, 0).Revision)
	})

	t.Run("what an earlier process counted among present ones is put right, also when results "+
		"are final by then", func(t *testing.T) {
		for _, final := range []bool{false, true} {
			p, v, before := begin(t, 0)
			voter := uuid.New()
			count(t, store, votes(vote(p, 0, v, "İstanbul"), vote(p, 0, v, "❤️")))
			present := by(voter, 0, vote(p, 0, v, "Straße\nISTANBUL"))
			count(t, store, votes(present))
			before.counts[voter] = present.Answer
			before.count(by(voter, 0, vote(p, 0, v, "❤️\nİSTANBUL")), vote(p, 0, v, "İzmir"))
			require.True(t, folding(p, 0).Stale)
			if final {
				show(t, store, p, 1)
				in.Count(t, store, p.Polls[0].ID, nil, 0, nil)
				o := count(t, store, seal(p, 0, v))
				require.Len(t, o.Changed, 1)
				require.Equal(t, poll.Final, results(t, store, p, 0).Status)
			} else {
				require.Len(t, refolded(t, store), 1)
			}
			requireCounted(t, p, 0)
		}
		p, v, before := begin(t, 0)
		count(t, store, votes(vote(p, 0, v, "❤️")))
		show(t, store, p, 1)
		count(t, store, seal(p, 0, v))
		before.count(vote(p, 0, v, "İzmir")) // which an earlier worker did before the seal
		require.Len(t, refolded(t, store), 1)
		requireCounted(t, p, 0)
	})

	t.Run("an upgrade of the schema finds what is to be counted anew, and nothing else",
		func(t *testing.T) {
			if s.again == nil {
				t.Skip("nobody else can open the store's data")
			}
			before := s.open(t)
			require.NoError(t, before.Partitions(t.Context(), Partitions))
			p := created(t, before, append(textPolls(), append(textPolls(), threePolls()...)...)...)
			shown := []int{2, 4, 1, 0} // the last one stays; 3, 5 and 6 are pending
			answers := map[int]question.Answer{0: "İ", 1: "İ", 2: "İ", 4: "A"}
			for i, index := range shown {
				v := show(t, before, p, index)
				count(t, before, votes(vote(p, index, v, answers[index])))
				if i > 0 {
					count(t, before, seal(p, shown[i-1], v-1))
				}
			}
			in.Downgrade(t, before)
			require.NoError(t, before.Close())

			after := s.again(t, before)
			t.Cleanup(func() { require.NoError(t, after.Close()) })
			var due []int
			for i, q := range p.Polls {
				_, f := in.Words(t, after, q.ID)
				if f.Stale {
					due = append(due, i)
				}
				require.Equal(t, i == 0 || i == 1 || i == 2,
					f.Fold == question.FirstFold, "poll %d", i)
			}
			require.Equal(t, []int{0}, due)
			final := results(t, after, p, 2)
			require.Len(t, refolded(t, after), 1)
			in.requireCounted(t, after, p.Polls[0].ID, question.WordCloud, list(t, after, p, 0))
			require.Equal(t, final, results(t, after, p, 2))
		})

	t.Run("final results that an earlier fold counted alone stay what they are until voting "+
		"opens again", func(t *testing.T) {
		p, v, before := begin(t, 0)
		for _, answer := range hard {
			before.count(vote(p, 0, v, answer))
		}
		in.Seal(t, store, p.Polls[0].ID, v)
		want := results(t, store, p, 0)
		require.Equal(t, poll.Final, want.Status)
		require.Empty(t, refolded(t, store))
		o := count(t, store, votes(vote(p, 0, v, "late")))
		require.Equal(t, []verdicts{{late}}, o.Verdicts)
		require.Equal(t, want, results(t, store, p, 0))
		require.Equal(t, poll.Folding{Fold: question.FirstFold}, folding(p, 0),
			"nothing is left to do")
		words := []string{"shown by another"}
		_, err := store.Edit(t.Context(), p.ID,
			poll.EditPoll{PollID: p.Polls[0].ID, Banned: &words})
		require.NoError(t, err)
		require.Empty(t, refolded(t, store))
		require.Equal(t, want.Words, results(t, store, p, 0).Words)
		show(t, store, p, 1)
		show(t, store, p, 0)
		require.Len(t, refolded(t, store), 1)
		requireCounted(t, p, 0)
	})

	t.Run("a word that was hidden is hidden by any fold", func(t *testing.T) {
		p, v, before := begin(t, 0)
		before.count(vote(p, 0, v, "İstanbul"), vote(p, 0, v, "Rome"))
		for _, word := range []string{question.WordCloud.WordsBy(question.FirstFold,
			"İstanbul")[0], "rome"} {
			in.Hide(t, store, p.Polls[0].ID, word)
		}
		require.Len(t, refolded(t, store), 1)
		words, _ := in.Words(t, store, p.Polls[0].ID)
		require.Len(t, words, 2)
		require.Equal(t, "istanbul", words[0].Word)
		require.True(t, words[0].Hidden)
		require.True(t, words[1].Hidden)
	})

	t.Run("a large poll is moved by the fold that counted it until Refold has its turn",
		func(t *testing.T) {
			p, v, before := begin(t, 0)
			list := make([]poll.Vote, poll.MaxRefolded+1)
			for i := range list {
				list[i] = vote(p, 0, v, question.Answer(fmt.Sprintf("%s %d",
					[]string{"İ", "i"}[i%2], i/2%100)))
			}
			before.count(list...)
			count(t, store, votes(vote(p, 0, v, "İ 0"),
				by(list[1].VoterID, 0, vote(p, 0, v, "❤️"))))
			require.Equal(t, question.FirstFold, folding(p, 0).Fold)
			words, _ := in.Words(t, store, p.Polls[0].ID)
			byWord := map[string]int64{}
			for _, w := range words {
				byWord[w.Word] = w.Count
			}
			require.EqualValues(t, 27, byWord["i\u0307 0"])
			require.EqualValues(t, 24, byWord["i 0"])
			require.EqualValues(t, 1, byWord["❤\ufe0f"])
			require.Len(t, refolded(t, store), 1)
			requireCounted(t, p, 0)
		})

	t.Run("transitions and edits leave a poll that is counted by the present fold as it is",
		func(t *testing.T) {
			refolded(t, store)
			p := created(t, store, everyKind()...)
			for i := range p.Polls {
				show(t, store, p, i)
			}
			words := []string{"heck"}
			_, err := store.Edit(t.Context(), p.ID,
				poll.EditPoll{PollID: p.Polls[3].ID, Banned: &words})
			require.NoError(t, err)
			for i := range p.Polls {
				require.Equal(t, poll.Folding{Fold: question.PresentFold}, folding(p, i))
			}
			require.Empty(t, refolded(t, store))
		})

	t.Run("polls of other kinds and polls nobody has seen have nothing to be counted anew",
		func(t *testing.T) {
			p, v, before := begin(t, 2)
			before.count(vote(p, 2, v, "A"))
			require.True(t, folding(p, 2).Stale)
			require.Empty(t, refolded(t, store))
			require.Equal(t, poll.Folding{Fold: question.PresentFold}, folding(p, 2))
			in.Begin(t, store, p.Polls[2].ID)
			count(t, store, votes(vote(p, 2, v, "A")))
			require.Equal(t, poll.Folding{Fold: question.PresentFold}, folding(p, 2),
				"whoever counts says so as well")
		})

	t.Run("an earlier process that resets a poll leaves nothing behind", func(t *testing.T) {
		edited := []string{"heck"}
		for name, then := range map[string]func(p poll.Presentation){
			"nothing else": func(poll.Presentation) {},
			"Refold":       func(poll.Presentation) { require.Len(t, refolded(t, store), 1) },
			"an edit": func(p poll.Presentation) {
				_, err := store.Edit(t.Context(), p.ID,
					poll.EditPoll{PollID: p.Polls[0].ID, Banned: &edited})
				require.NoError(t, err)
			},
		} {
			refolded(t, store)
			p := created(t, store, textPolls()...)
			v := show(t, store, p, 0)
			count(t, store, votes(vote(p, 0, v, "NATO"), vote(p, 0, v, "NATO")))
			show(t, store, p, 1)
			count(t, store, seal(p, 0, v))
			in.Reset(t, store, p.Polls[0].ID)
			then(p)
			v = show(t, store, p, 0)
			count(t, store, votes(vote(p, 0, v, "nato")))
			requireCounted(t, p, 0)
			require.Equal(t, poll.Folding{Fold: question.PresentFold}, folding(p, 0), name)
			require.Equal(t, "nato", results(t, store, p, 0).Words[0].Text, name)
			require.Empty(t, refolded(t, store), name)
		}
	})

	t.Run("a vote that was taken back counts for nothing", func(t *testing.T) {
		p, v, before := begin(t, 0)
		before.count(vote(p, 0, v, "İ"), vote(p, 0, v, "i"))
		// its voter does not count either
		in.Count(t, store, p.Polls[0].ID, []poll.Vote{vote(p, 0, v, "")}, 0, nil)
		require.Len(t, refolded(t, store), 1)
		words, _ := in.Words(t, store, p.Polls[0].ID)
		require.Len(t, words, 1)
		require.EqualValues(t, 2, words[0].Count)
	})

	t.Run("many may have words counted anew at once", func(t *testing.T) {
		refolded(t, store)
		shows := make([]poll.Presentation, 6)
		for i := range shows {
			shows[i] = created(t, store, textPolls()...)
			v := show(t, store, shows[i], 0)
			in.Begin(t, store, shows[i].Polls[0].ID)
			before := &earlier{t, in, store, shows[i], 0, map[uuid.UUID]question.Answer{}}
			before.count(vote(shows[i], 0, v, "İ"), vote(shows[i], 0, v, "i"))
		}
		together(4, func(i int) {
			if i == 0 {
				for _, p := range shows {
					batch := votes(vote(p, 0, 1, "I"))
					if _, err := store.Count(t.Context(), []poll.Batch{batch}); err != nil {
						t.Error(err)
					}
				}
				return
			}
			for more := true; more; {
				var err error
				if _, more, err = store.Refold(t.Context()); err != nil {
					t.Error(err)
					return
				}
			}
		})
		refolded(t, store)
		for _, p := range shows {
			requireCounted(t, p, 0)
		}
	})
}

// refolded calls Refold until nothing is left to do.
func refolded(t *testing.T, s Store) (changes []bus.Change) {
	t.Helper()
	for more := true; more; {
		changed, left, err := s.Refold(t.Context())
		require.NoError(t, err)
		if more = left; changed != nil {
			changes = append(changes, *changed)
		}
	}
	return changes
}
