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

	"github.com/plenary-live/plenary/pkg/access"
)

//go:embed vote.lua
var voteScript []byte

// loaded is what wrk has seen.
type loaded struct {
	Requests, Refused, Broken int64
	Micros                    float64
	acknowledged              int64
	cpu                       time.Duration
}

// wrk casts votes for one poll of each room, or rates its talk, in turn and from somebody new each.
// Their passes stand one behind the other; without passes they have ids. It runs with one thread: a
// second one would only take from the servers, on few processors.
func (b *Bench) wrk(ctx context.Context, rooms []room, connections int, passes []byte) (r loaded,
	err error) {
	file := filepath.Join(b.dir, "passes")
	if err := os.WriteFile(file, passes, 0o644); err != nil {
		return r, err
	}
	var forms []string
	for _, room := range rooms {
		f := room.form()
		if passes != nil {
			f.After = `","pass":"`
		}
		forms = append(forms, f.Path+"="+f.Before+"="+f.Choices+"="+f.After)
	}
	return b.script(ctx, rooms[0].URL, connections, "vote.lua", voteScript,
		"VOTE_FORMS="+strings.Join(forms, " "), fmt.Sprint("VOTE_SALT=", b.nextSalt()),
		"VOTE_PASSES="+file, fmt.Sprint("VOTE_PASS_LENGTH=", access.PassLength))
}

// script has wrk send what a script makes, with what the environment says.
func (b *Bench) script(
	ctx context.Context, url string, connections int, name string, text []byte, env ...string,
) (r loaded, err error) {
	script := filepath.Join(b.dir, name)
	if err := os.WriteFile(script, text, 0o644); err != nil {
		return r, err
	}
	ctx, cancel := context.WithTimeout(ctx, b.duration()+time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "wrk", "-t1", fmt.Sprint("-c", connections),
		fmt.Sprintf("-d%ds", b.Seconds),
		"--timeout", "10s", "-s", script, url)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	line := submatch(`(?m)^JSON (.*)$`, string(out))
	if err = errors.Join(err, json.Unmarshal([]byte(line), &r)); err != nil {
		return r, fmt.Errorf("wrk: %w\n%s", err, out)
	}
	r.acknowledged = r.Requests - r.Refused // the others were answered 2xx
	r.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return r, nil
}
