package account_test

import (
	"bytes"
	"context"
	"log/slog"
	"math/rand/v2"
	"net"
	netmail "net/mail"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/account"
	"github.com/plenary-live/plenary/pkg/account/accountlite"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/life/lifetest"
	"github.com/plenary-live/plenary/pkg/smtp"
	"github.com/plenary-live/plenary/pkg/smtp/smtptest"
	"github.com/plenary-live/plenary/pkg/sqlite"
)

const site = "https://vote.example"

// logged is a log that a test reads while others write.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// post is letters with the accounts that they are for, and the log.
type post struct {
	*account.Letters
	service *account.Service
	store   account.Store
	log     *logged
}

// newPost makes letters that go to the mail server at an address. They are not started.
func newPost(t *testing.T, addr string) post {
	t.Helper()
	db, err := sqlite.Open(
		t.Context(),
		sqlite.Config{Path: filepath.Join(t.TempDir(), "plenary.db")},
	)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	store := accountlite.New(db)
	s, err := account.NewService(store, access.NewPassKey(), time.Hour)
	require.NoError(t, err)
	log := &logged{}
	logger := slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	return post{account.NewLetters(store, mailerTo(t, addr), site, logger), s, store, log}
}

func mailerTo(t *testing.T, addr string) *smtp.Mailer {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	n, err := strconv.Atoi(port)
	require.NoError(t, err)
	return smtp.New(smtp.Config{
		Host: host, Port: n, Security: smtp.Plaintext, Hello: "vote.example",
		From: netmail.Address{Address: "plenary@vote.example"},
	})
}

// requireCounts requires what operators are told of the letters: soon, since a letter is counted
// behind what a test hears of it.
func (p post) requireCounts(t *testing.T, waiting, sent, failed int64) {
	t.Helper()
	want := [3]int64{waiting, sent, failed}
	var got [3]int64
	require.Eventually(t, func() bool {
		got[0], got[1], got[2] = p.Counts()
		return got == want
	}, time.Minute, time.Millisecond, "%v", want)
}

// newToken gives the token of a letter's link.
func newToken(t *testing.T, l smtptest.Letter) string {
	t.Helper()
	token, found := strings.CutPrefix(l.Link(t), site+"/account#reset=")
	require.True(t, found, l.Text)
	return token
}

func TestWhoForgotAPasswordSetsItByTheLetter(t *testing.T) {
	s := smtptest.Start(t, smtptest.Config{})
	p := newPost(t, s.Addr)
	lifetest.Start(t, p)
	a := registered(t, p.service)
	require.NoError(t, p.Forgot("nobody@example.org", ""))
	require.NoError(t, p.Forgot(a.Email, "de"))
	l := s.Next(t)
	require.Equal(t, a.Email, l.To)
	require.Equal(t, "Ein neues Passwort für Plenary", l.Subject)
	token := newToken(t, l)
	require.NoError(t, p.service.Reset(t.Context(), token, "a new password"))
	_, err := p.service.LogIn(t.Context(), a.Email, "a new password")
	require.NoError(t, err)

	require.NoError(t, p.Forgot(a.Email, ""))
	require.NoError(t, p.Forgot(a.Email, ""))
	first, second := newToken(t, s.Next(t)), newToken(t, s.Next(t))
	right := 0
	for _, token := range []string{first, second} {
		if err := p.service.Reset(t.Context(), token, "a third password"); err == nil {
			right++
		}
	}
	require.Equal(t, 1, right, "of several links one works")
	p.requireCounts(t, 0, 3, 0)
	lifetest.Stop(t, p)
	require.Empty(t, s.Letters, "nobody else got one")
}

func TestNothingOfALetterIsLogged(t *testing.T) {
	s := smtptest.Start(t, smtptest.Config{Answer: func() error {
		return smtptest.Refusal(550, "no such user here")
	}})
	p := newPost(t, s.Addr)
	lifetest.Start(t, p)
	a := registered(t, p.service)
	require.NoError(t, p.Forgot(a.Email, ""))
	require.NoError(t, p.Forgot("nobody@example.org", ""))
	lifetest.Stop(t, p)
	require.EqualValues(t, 1, s.Tries.Load(), "a refusal stays what it is")
	p.requireCounts(t, 0, 0, 1)
	require.Contains(t, p.log.String(), "a letter was not sent")
	require.Contains(t, p.log.String(), "550")
	for _, secret := range []string{a.Email, "example.org", "reset=", "no such user"} {
		require.NotContains(t, p.log.String(), secret)
	}
}

func TestALetterIsTriedAgainWhereThatMayHelp(t *testing.T) {
	var tries atomic.Int64
	s := smtptest.Start(t, smtptest.Config{Answer: func() error {
		if tries.Add(1) == 1 {
			return smtptest.Refusal(451, "come back later")
		}
		return nil
	}})
	p := newPost(t, s.Addr)
	lifetest.Start(t, p)
	a := registered(t, p.service)
	require.NoError(t, p.Forgot(a.Email, ""))
	token := newToken(t, s.Next(t))
	require.NoError(t, p.service.Reset(t.Context(), token, "a new password"))
	require.EqualValues(t, 2, tries.Load())
}

func TestALetterLeavesWhenItsServerIsBack(t *testing.T) {
	s := smtptest.Start(t, smtptest.Config{})
	s.Stop()
	p := newPost(t, s.Addr)
	lifetest.Start(t, p)
	a := registered(t, p.service)
	require.NoError(t, p.Forgot(a.Email, ""))
	back := smtptest.Start(t, smtptest.Config{Addr: s.Addr})
	require.Equal(t, a.Email, back.Next(t).To)
}

func TestLettersAreGivenUpAfterAFewTries(t *testing.T) {
	s := smtptest.Start(t, smtptest.Config{Answer: func() error {
		return smtptest.Refusal(451, "come back later")
	}})
	p := newPost(t, s.Addr)
	lifetest.Start(t, p)
	require.NoError(t, p.Forgot(registered(t, p.service).Email, ""))
	require.Eventually(t, func() bool {
		return strings.Contains(p.log.String(), "a letter was not sent")
	}, time.Minute, 50*time.Millisecond)
	require.EqualValues(t, 3, s.Tries.Load())
	p.requireCounts(t, 0, 0, 1)
}

func TestLettersThatWaitAreBoundedAndHoldNobodyUp(t *testing.T) {
	asked, let := make(chan struct{}, 10), make(chan struct{})
	s := smtptest.Start(t, smtptest.Config{Await: func() { asked <- struct{}{}; <-let }})
	p := newPost(t, s.Addr)
	a := registered(t, p.service)
	lifetest.Start(t, p)
	for range 4 {
		require.NoError(t, p.Forgot(a.Email, ""))
		<-asked
	}
	for range 1000 { // of nobody, so that the rest of the test is short
		require.NoError(t, p.Forgot("nobody@example.org", ""))
	}
	for _, email := range []string{a.Email, "nobody@example.org"} {
		err := p.Forgot(email, "")
		require.Equal(t, fault.Unavailable, fault.CodeOf(err))
		require.NotZero(t, err.(*fault.Error).Wait) //nolint:errorlint // it is one
	}
	require.Empty(t, asked, "no more than four are under way")
	p.requireCounts(t, 1004, 0, 0)
	close(let)
	for range 4 {
		s.Next(t)
	}
	p.requireCounts(t, 0, 4, 0)
}

func TestAStopSendsWhatWaitsAndTakesNoMore(t *testing.T) {
	s := smtptest.Start(t, smtptest.Config{})
	p := newPost(t, s.Addr)
	a := registered(t, p.service)
	for range 10 {
		require.NoError(t, p.Forgot(a.Email, ""))
	}
	require.NoError(t, p.Start())
	lifetest.Stop(t, p)
	require.Len(t, s.Letters, 10)
	require.Equal(t, fault.Unavailable, fault.CodeOf(p.Forgot(a.Email, "")))
}

func TestAStopWithoutTimeCutsOffWhatIsUnderWay(t *testing.T) {
	asked, let := make(chan struct{}), make(chan struct{})
	s := smtptest.Start(t, smtptest.Config{Await: func() { close(asked); <-let }})
	defer close(let)
	p := newPost(t, s.Addr)
	require.NoError(t, p.Start())
	require.NoError(t, p.Forgot(registered(t, p.service).Email, ""))
	<-asked
	over, cancel := context.WithCancel(t.Context())
	cancel()
	_ = p.Stop(over)
	lifetest.Stop(t, p)
	require.Contains(t, p.log.String(), "a letter was not sent")
}

func TestLettersLive(t *testing.T) {
	s := smtptest.Start(t, smtptest.Config{})
	p := newPost(t, s.Addr)
	lifetest.Run(t, func(t *testing.T) lifetest.Made {
		l := account.NewLetters(p.store, mailerTo(t, s.Addr), site, slog.New(slog.DiscardHandler))
		return lifetest.Made{Service: l, Work: func() {
			_ = l.Forgot("nobody@example.org", "")
		}}
	})
}

func TestAKnownAndAnUnknownAddressAreAskedForInTheSameTime(t *testing.T) {
	s := smtptest.Start(t, smtptest.Config{})
	p := newPost(t, s.Addr)
	a := registered(t, p.service)
	lifetest.Start(t, p)
	const tries = 30
	const apart = 0.58 // as for wrong passwords
	took := func(ask func() error) time.Duration {
		begun := time.Now()
		require.NoError(t, ask())
		return time.Since(begun)
	}
	var known, unknown, look []time.Duration
	for range tries { // in an order that no noise follows
		for _, i := range rand.Perm(3) {
			switch i {
			case 0:
				known = append(known, took(func() error { return p.Forgot(a.Email, "") }))
				s.Next(t) // what happens behind the answer is over
			case 1:
				email := uuid.NewString() + "@example.org"
				unknown = append(unknown, took(func() error { return p.Forgot(email, "") }))
			case 2: // as it were if the request looked for the account itself
				look = append(look, took(func() error {
					_, err := account.NewReset(t.Context(), p.store, a.Email)
					return err
				}))
			}
		}
	}
	require.Greater(t, distance(known, look), apart,
		"the test sees a difference where there is one")
	require.Less(t, distance(known, unknown), apart)
}
