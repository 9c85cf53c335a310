package browser

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/test/stack"
)

var write = flag.Bool("write", false,
	"write the README's screenshots and the table of docs/room.md anew")

const (
	// with one thing that a browser should do: a busy machine is slow, and nothing waits for ever
	patience = 100 * time.Second
	// between two looks where no event says that something is there
	tick = 20 * time.Millisecond
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(running{stack.Main(m)}) }

// running ends what the tests started: first the browser, then the servers.
type running struct{ stack.Tests }

func (r running) Run() int {
	code := r.Tests.Run()
	for _, end := range []func() error{theBrowser.end, production.end} {
		if err := end(); err != nil {
			_, _ = fmt.Fprintln(os.Stderr, strings.TrimSpace(err.Error()))
			code = max(code, 1)
		}
	}
	transport.CloseIdleConnections()
	return code
}

// production is the production shape that all tests share. One that breaks a part of it mends it
// again.
var production shared

type shared struct {
	once  sync.Once
	stack *stack.Stack
	err   error
}

// site gives the running stack. Only a run that is not short has one.
func site(t *testing.T) *stack.Stack {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: needs servers and a browser")
	}
	production.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		production.stack, production.err = stack.Start(ctx, stack.Config{})
	})
	require.NoError(t, production.err)
	return production.stack
}

func (s *shared) end() error {
	if s.stack == nil {
		return nil
	}
	return s.stack.Close()
}

// theBrowser is one Chromium for all tests. Each person has a context of it, which shares nothing
// with the others'.
var theBrowser chromium

type chromium struct {
	once sync.Once
	dir  string // of its profile
	ctx  context.Context
	stop []func()
	err  error
}

// chrome gives the browser, started.
func chrome(t *testing.T) context.Context {
	t.Helper()
	theBrowser.once.Do(theBrowser.start)
	require.NoError(t, theBrowser.err)
	return theBrowser.ctx
}

func (c *chromium) start() {
	path := ""
	for _, name := range []string{"chromium-headless-shell", "chromium", "chromium-browser",
		"google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		c.err = errors.New(`no Chromium is installed: "make deps" installs it`)
		return
	}
	if c.dir, c.err = os.MkdirTemp("", "plenary-browser-"); c.err != nil {
		return
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(c.dir), chromedp.NoSandbox,
		chromedp.DisableGPU,
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-domain-reliability", true),
		// these pages need nobody else
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND , EXCLUDE 127.0.0.*"),
		chromedp.Flag("hide-scrollbars", true), chromedp.Flag("mute-audio", true),
		chromedp.Flag("no-pings", true),
		chromedp.Flag("font-render-hinting", "none"),
		chromedp.Flag("site-per-process", true)) // so that another site's frame is a target
	allocator, stopAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, stop := chromedp.NewContext(allocator)
	c.ctx, c.stop = ctx, []func(){stop, stopAllocator}
	late := time.AfterFunc(patience, stop)
	defer late.Stop()
	if c.err = chromedp.Do(ctx); c.err != nil {
		c.err = fmt.Errorf("%s does not start: %w", path, c.err)
	}
}

// end closes the browser, kills what of it does not close, and removes its profile.
func (c *chromium) end() error {
	if c.ctx != nil && c.err == nil {
		ctx, cancel := context.WithTimeout(c.ctx, 10*time.Second)
		_ = chromedp.Cancel(ctx) // what hangs is killed below
		cancel()
	}
	for _, stop := range c.stop {
		stop()
	}
	if c.dir == "" {
		return nil
	}
	return os.RemoveAll(c.dir)
}

// root is the repository's folder.
var root = sync.OnceValue(func() string {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		panic(err)
	}
	return filepath.Dir(strings.TrimSpace(string(out)))
})
