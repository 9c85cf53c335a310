//go:build linux

package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	_ "embed"

	"github.com/plenary-live/plenary/pkg/poll"
)

//go:embed vote.lua
var voteScript string

// load is what wrk is to do: votes for one poll of each room, in turn and from a voter of its own each.
type load struct {
	rooms       []room // at one address
	connections int
	seconds     int
	salt        uint64 // another one for every load: voters must not repeat
	passes      []byte // of voters, one behind the other; nil: voters have ids
}

// loaded is what wrk has seen.
type loaded struct {
	Requests, Refused, Broken int64
	Micros, P99               float64 // microseconds
	cpu                       time.Duration
}

// acknowledged tells how many answers were 2xx.
func (r loaded) acknowledged() int64 { return r.Requests - r.Refused }

// wrk runs with one thread: a second one would only take from the servers, on few processors.
func (b *Bench) wrk(ctx context.Context, l load) (r loaded, err error) {
	script := filepath.Join(b.dir, "vote.lua")
	if err := os.WriteFile(script, []byte(voteScript), 0o644); err != nil {
		return r, err
	}
	passes := filepath.Join(b.dir, "passes")
	if err := os.WriteFile(passes, l.passes, 0o644); err != nil {
		return r, err
	}
	var rooms []string
	for _, room := range l.rooms {
		rooms = append(rooms, room.path("/polls/current/votes")+"="+room.Poll)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(l.seconds)*time.Second+time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "wrk", "-t1", fmt.Sprint("-c", l.connections), fmt.Sprintf("-d%ds", l.seconds),
		"--timeout", "10s", "-s", script, l.rooms[0].URL)
	cmd.Env = append(os.Environ(), "VOTE_ROOMS="+strings.Join(rooms, " "), fmt.Sprint("VOTE_SALT=", l.salt),
		"VOTE_PASSES="+passes, fmt.Sprint("VOTE_PASS_LENGTH=", poll.PassLength))
	out, err := cmd.CombinedOutput()
	if err = errors.Join(err, json.Unmarshal([]byte(submatch(`(?m)^JSON (.*)$`, string(out))), &r)); err != nil {
		return r, fmt.Errorf("wrk: %w\n%s", err, out)
	}
	r.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return r, nil
}
