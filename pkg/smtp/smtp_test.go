package smtp

import (
	"context"
	"net"
	netmail "net/mail"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/smtp/smtptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secretText = "the link is https://vote.example/account#reset=TOKEN"

// mailerTo makes a mailer for the server at an address, without encryption.
func mailerTo(t *testing.T, addr string, change func(*Config)) *Mailer {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	cfg := Config{
		Host: host, Security: Plaintext, Hello: "vote.example",
		From: netmail.Address{Name: "Plenary Ünal", Address: "plenary@vote.example"},
	}
	cfg.Port, err = strconv.Atoi(port)
	require.NoError(t, err)
	if change != nil {
		change(&cfg)
	}
	return New(cfg)
}

func send(t *testing.T, m *Mailer, to string) error {
	t.Helper()
	return m.Send(t.Context(), to, "A subject, ünique", secretText)
}

// requireSilent requires that an error tells nothing of the letter.
func requireSilent(t *testing.T, err error) {
	t.Helper()
	for _, secret := range []string{"anna", "example.org", "TOKEN", "password-of-ours"} {
		require.NotContains(t, err.Error(), secret)
	}
}

func TestALetterArrivesAsItWasWritten(t *testing.T) {
	s := smtptest.Start(t, smtptest.Config{})
	require.NoError(t, send(t, mailerTo(t, s.Addr, nil), "anna@example.org"))
	l := s.Next(t)
	require.Equal(t, "plenary@vote.example", l.From)
	require.Equal(t, "anna@example.org", l.To)
	require.Equal(t, "A subject, ünique", l.Subject)
	require.Equal(t, secretText, strings.TrimSpace(l.Text))
	require.Equal(t, "auto-generated", l.Header.Get("Auto-Submitted"))
	require.Regexp(t, `^<[0-9a-f-]{36}@vote\.example>$`, l.Header.Get("Message-ID"))
	require.Empty(t, l.Header.Get("User-Agent"))
	require.Empty(t, l.Header.Get("X-Mailer"))
	from, err := l.Header.AddressList("From")
	require.NoError(t, err)
	require.Equal(t, "Plenary Ünal", from[0].Name)
	date, err := l.Header.Date()
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), date, time.Minute)
	require.NoError(t, send(t, mailerTo(t, s.Addr, nil), "ünal@example.org"))
	require.Equal(t, "ünal@example.org", s.Next(t).To)
}

func TestALetterGoesToOneAddressAndHasNoHeaderOfTheSenders(t *testing.T) {
	s := smtptest.Start(t, smtptest.Config{})
	m := mailerTo(t, s.Addr, nil)
	for _, to := range []string{
		"", "anna", "anna@example.org, b@c.example", "anna@example.org\r\nBcc: b@c.example",
		"anna@example.org>\r\nDATA", "\x00", "\xff@example.org", "anna@example.org\n",
		"<anna@example.org> SIZE=1",
	} {
		err := send(t, m, to)
		if err == nil {
			require.Equal(t, "anna@example.org", s.Next(t).To, "%q", to)
			continue
		}
		requireSilent(t, err)
	}
	require.Empty(t, s.Letters)
	err := m.Send(t.Context(), "anna@example.org", "A\r\nBcc: b@c.example", secretText)
	require.NoError(t, err)
	l := s.Next(t)
	require.Empty(t, l.Header.Get("Bcc"))
}

func TestALetterIsEncryptedWhereTheServerCanAndElseNotSent(t *testing.T) {
	cert, roots, _ := smtptest.Certificate(t)
	user := func(security Security, password string) func(*Config) {
		return func(c *Config) {
			c.Security, c.Roots, c.User, c.Password = security, roots, "plenary", password
		}
	}
	for name, implicit := range map[string]bool{"smtp": false, "smtps": true} {
		t.Run(name, func(t *testing.T) {
			s := smtptest.Start(t, smtptest.Config{
				Cert: cert, Implicit: implicit, User: "plenary", Password: "password-of-ours",
			})
			security := StartTLS
			if implicit {
				security = TLS
			}
			m := mailerTo(t, s.Addr, user(security, "password-of-ours"))
			require.NoError(t, send(t, m, "anna@example.org"))
			require.Equal(t, "anna@example.org", s.Next(t).To)

			err := send(t, mailerTo(t, s.Addr, user(security, "another")), "anna@example.org")
			require.ErrorContains(t, err, "535")
			require.NotEqual(t, fault.Unavailable, fault.CodeOf(err), "it stays wrong")
			requireSilent(t, err)

			stranger := mailerTo(t, s.Addr, func(c *Config) { c.Security = security })
			err = send(t, stranger, "anna@example.org")
			require.Equal(t, fault.Unavailable, fault.CodeOf(err), "nobody vouches for it")
			requireSilent(t, err)
			require.Empty(t, s.Letters)
		})
	}
	plain := smtptest.Start(t, smtptest.Config{})
	for _, security := range []Security{StartTLS, TLS} {
		err := send(t, mailerTo(t, plain.Addr, user(security, "x")), "anna@example.org")
		require.Equal(t, fault.Unavailable, fault.CodeOf(err))
		requireSilent(t, err)
	}
	require.Zero(t, plain.Tries.Load(), "nothing of the letter went out unencrypted")
}

func TestARefusalSaysWhetherTryingAgainMayHelp(t *testing.T) {
	code := 0
	s := smtptest.Start(t, smtptest.Config{Answer: func() error {
		return smtptest.Refusal(code, "<anna@example.org> is unknown, said TOKEN")
	}})
	m := mailerTo(t, s.Addr, nil)
	for _, code = range []int{421, 450, 452, 550, 554} {
		err := send(t, m, "anna@example.org")
		require.ErrorContains(t, err, strconv.Itoa(code))
		require.Equal(t, code < 500, fault.Is(err, fault.Unavailable), "%d", code)
		requireSilent(t, err)
	}
}

func TestAServerThatIsAwayOrSilentHoldsNobodyUp(t *testing.T) {
	s := smtptest.Start(t, smtptest.Config{})
	s.Stop()
	err := send(t, mailerTo(t, s.Addr, nil), "anna@example.org")
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
	requireSilent(t, err)

	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, silent.Close()) }()
	asked, let := make(chan struct{}), make(chan struct{})
	slow := smtptest.Start(t, smtptest.Config{Await: func() { close(asked); <-let }})
	defer close(let)
	for addr, reached := range map[string]chan struct{}{
		silent.Addr().String(): nil, slow.Addr: asked,
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		if reached != nil {
			go func() { <-reached; cancel() }()
		} else {
			time.AfterFunc(50*time.Millisecond, cancel)
		}
		err := mailerTo(t, addr, nil).Send(ctx, "anna@example.org", "A", secretText)
		require.Equal(t, fault.Unavailable, fault.CodeOf(err))
		requireSilent(t, err)
		require.Error(t, ctx.Err())
		cancel()
	}
}

func TestAServerThatSpeaksAnotherLanguageIsAway(t *testing.T) {
	for _, greeting := range []string{"HTTP/1.1 400 Bad Request\r\n\r\n", "\x00\xff\r\n", "\r\n",
		"220 " + strings.Repeat("a", 1<<16) + "\r\n", "554 no\r\n", ""} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		said := make(chan struct{})
		go func() {
			defer close(said)
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte(greeting))
			_ = conn.Close()
		}()
		err = send(t, mailerTo(t, ln.Addr().String(), nil), "anna@example.org")
		require.Error(t, err, "%.20q", greeting)
		requireSilent(t, err)
		require.NoError(t, ln.Close())
		<-said
	}
}
