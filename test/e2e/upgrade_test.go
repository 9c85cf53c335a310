package e2e

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/test/stack"
)

var beforeFolder = flag.String("before", "",
	"a folder with the api and worker from which an upgrade begins; empty: they are built from "+
		"the repository's history")

const (
	// beforePasses is the last commit whose programs know nothing of voters' passes, and whose
	// schema has not their tables.
	beforePasses = "5962fab66381f4fe0b7655b873a651b847d30925"
	// beforeStreams is the last commit whose log knows votes only, and whose sessions make the
	// functions of counting.
	beforeStreams = "faa0eb5c0dbbc817a3c0d440ad48a6db52b2b004"
	// beforePartitions is the last commit whose programs compute where a presentation lies, from
	// the number of partitions that they are all told.
	beforePartitions = "90f24f0e8057f51852f85f5f7c5dad5273249b55"
)

// earlier gives the folder of the api and worker of a commit. They are built the first time, and
// are in .build after that. Without their folder's path in them, Go's cache has their parts in
// another clone, too.
func earlier(t *testing.T, commit string) string {
	t.Helper()
	if *beforeFolder != "" {
		return *beforeFolder
	}
	root, err := moduleRoot()
	require.NoError(t, err)
	dir := filepath.Join(root, ".build", "before-"+commit)
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	if err := exec.Command("git", "-C", root, "cat-file", "-e", commit+
		"^{commit}").Run(); err != nil {
		t.Skip("the repository's history is not here: -before FOLDER names an earlier api " +
			"and worker")
	}
	require.NoError(t, os.MkdirAll(filepath.Dir(dir), 0o755))
	built, err := os.MkdirTemp(filepath.Dir(dir), "before-")
	require.NoError(t, err)
	defer func() { _ = os.RemoveAll(built) }()
	source := t.TempDir()
	for _, line := range []string{
		fmt.Sprintf("git -C '%s' archive %s | tar -x -C '%s'", root, commit, source),
		fmt.Sprintf("cd '%s' && go build -trimpath -o '%s/' ./api ./worker", source, built),
	} {
		out, err := exec.CommandContext(t.Context(), "sh", "-c", line).CombinedOutput()
		require.NoError(t, err, "%s\n%s", line, out)
	}
	require.NoError(t, os.Rename(built, dir)) // whole or not at all
	return dir
}

// upgrade is a stack whose processes are replaced one by one: each runs what a link of its own
// leads to.
type upgrade struct {
	t    *testing.T
	dir  string // that the servers' user may enter, with the earlier programs
	now  string // the folder of the present ones
	apps map[string]string
}

func newUpgrade(t *testing.T, commit string) *upgrade {
	t.Helper()
	now, err := binaries.build()
	require.NoError(t, err)
	u := &upgrade{t: t, now: now, dir: filepath.Join(now, t.Name()), apps: map[string]string{}}
	require.NoError(t, os.MkdirAll(u.dir, 0o755))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(u.dir)) })
	from := earlier(t, commit)
	for _, kind := range []string{"api", "worker"} {
		binary, err := os.ReadFile(filepath.Join(from, kind))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(u.dir, kind), binary, 0o755))
	}
	return u
}

// link has an app run the earlier program until it is replaced.
func (u *upgrade) link(a *stack.App) {
	link := filepath.Join(u.dir, fmt.Sprintf("%s-%d", a.Kind, a.Index))
	require.NoError(u.t, os.Symlink(filepath.Join(u.dir, a.Kind), link))
	u.apps[filepath.Base(link)], a.Binary = a.Kind, link
}

func (u *upgrade) replace(ctx context.Context, p *stack.Process) {
	u.t.Helper()
	link := filepath.Join(u.dir, p.Name)
	require.NoError(u.t, os.Remove(link))
	require.NoError(u.t, os.Symlink(filepath.Join(u.now, u.apps[p.Name]), link))
	require.NoError(u.t, p.Stop())
	require.NoError(u.t, p.Start(ctx))
	u.t.Logf("%s is new", p.Name)
}

// TestProgramsOfBeforePassesWorkBesideTheNewOnes upgrades from before there were passes.
func TestProgramsOfBeforePassesWorkBesideTheNewOnes(t *testing.T) {
	upgraded(t, beforePasses, func(fresh, old *Room) {
		require.Equal(t, "anyone", fresh.Presentation(true).Voters)
		require.Empty(t, old.Presentation(true).Voters, "it is one of before")
	})
}

// TestProgramsOfBeforeStreamsWorkBesideTheNewOnes upgrades from before the log had streams, and the
// schema functions.
func TestProgramsOfBeforeStreamsWorkBesideTheNewOnes(t *testing.T) {
	upgraded(t, beforeStreams, func(fresh, old *Room) {
		was, is := old.Presentation(true), fresh.Presentation(true) // somebody moves meanwhile
		require.Equal(t, was.PresentationID, is.PresentationID)
		require.Equal(t, was.Title, is.Title)
		require.Equal(t, was.JoinCode, is.JoinCode)
		require.Len(t, is.Polls, len(was.Polls))
	})
}

// TestProgramsOfBeforePartitionsWorkBesideTheNewOnes upgrades from before the store knew where a
// presentation lies.
func TestProgramsOfBeforePartitionsWorkBesideTheNewOnes(t *testing.T) {
	upgraded(t, beforePartitions, func(fresh, old *Room) {
		require.Equal(t, fresh.Presentation(true), old.Presentation(true))
	})
}

// upgraded replaces every API and worker, one after the other, while people vote, read and move
// through the slides. The first new API changes the schema under the others. Each program takes
// part in both presentations, one of which an earlier API made and one a new API. That one is
// checked through both.
func upgraded(t *testing.T, from string, check func(fresh, old *Room)) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: this system needs servers")
	}
	u := newUpgrade(t, from)
	theirs := "PLENARY_PARTITIONS=" // each program's default
	s, st := own(t, stack.Config{AMQPURL: stack.RabbitMQURL(t),
		APIEnv:    []string{"PLENARY_ACCESS_LOG=false", theirs},
		WorkerEnv: []string{theirs}, Each: u.link})
	mixed := *s.Client
	mixed.contract = nil // who answers may be of before
	client := newFast(s.base, 64)
	defer client.close()
	crowd := func(r *Room) *audience {
		x := newAudience(t, r)
		x.vote(client, 20)
		x.present(400 * time.Millisecond)
		x.read()
		return x
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()

	rooms := []*audience{crowd(show(&mixed, slides(200)...))}
	time.Sleep(pauseBetween)
	u.replace(ctx, st.APIs[0])
	time.Sleep(pauseBetween)
	fresh := show(NewClient(t, st.APIs[0].URL), slides(200)...)
	rooms = append(rooms, crowd(fresh.Through(&mixed)))
	old := mixed
	old.base = st.APIs[1].URL
	check(fresh, fresh.Through(&old))
	time.Sleep(pauseBetween)
	for _, p := range append(st.Workers, st.APIs[1:]...) {
		u.replace(ctx, p)
		time.Sleep(pauseBetween)
	}
	for i, x := range rooms {
		x.leave()
		t.Logf("room %d: %d votes acknowledged, %d retried, %d for a poll that had left; %d "+
			"moves, %d repeated; %d reads, %d repeated", i,
			x.acknowledged.Load(), x.retried.Load(), x.refused.Load(), x.moves.Load(),
			x.movedAgain.Load(), x.reads.Load(), x.again.Load())
		require.Greater(t, x.moves.Load(), int64(10))
		r := x.room.Through(s.Client) // now that all are new
		require.Equal(t, http.StatusNoContent, r.Clear().Status)
		finalOf(t, r, r.Polls[x.shown.Load()].PollID)
		t.Logf("%d votes are counted", x.book.check(t, r))
		require.Less(t, x.retried.Load(), x.acknowledged.Load())
	}

	r := rooms[0].room.Through(s.Client) // which an earlier API made
	require.Equal(t, "client", r.Results(r.Polls[0].PollID).Identity)
	require.Equal(t, 200, r.admit(object{"voters": "pass", "max_voters": 1}).Status)
	unseen := r.Polls[len(r.Polls)-1].PollID
	r.Show(unseen)
	r.Count(Ballot{PollID: unseen, Pass: r.Pass("").Pass, Key: "A"})
	require.Equal(t, "409 room_full", r.join(nil, nil).Code())
	require.Equal(t, "pass", r.Recount(unseen).Identity)
}
