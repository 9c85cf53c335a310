// Package smtptest runs a mail server for tests. It is a real one, on a port of 127.0.0.1, which
// keeps what it gets.
package smtptest

import (
	"crypto/tls"
	"errors"
	"io"
	"log"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"
)

// Config says how a server behaves.
type Config struct {
	Addr     string // where it listens; empty: a free port
	Cert     *tls.Certificate
	Implicit bool // it speaks TLS from the first byte on, with Cert; else it offers STARTTLS
	User     string
	Password string // that it asks for, if there is a User

	Answer func() error // what it says to each letter; nil: it takes all
	Await  func()       // what it does before it says that; nil: nothing
}

// Refusal is an answer of a server that refuses.
func Refusal(code int, text string) error { return &smtp.SMTPError{Code: code, Message: text} }

// Letter is what a server got.
type Letter struct {
	From, To string // on the envelope
	Header   mail.Header
	Subject  string
	Text     string
}

// Server is a running mail server.
type Server struct {
	Addr    string
	Letters chan Letter // what it took
	Tries   atomic.Int64
	stop    func()
}

// Start runs a server until the test is over.
func Start(t testing.TB, cfg Config) *Server {
	t.Helper()
	if cfg.Addr == "" {
		cfg.Addr = "127.0.0.1:0"
	}
	ln, err := net.Listen("tcp", cfg.Addr)
	require.NoError(t, err)
	s := &Server{Addr: ln.Addr().String(), Letters: make(chan Letter, 100)}
	front := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) {
		return &session{server: s, cfg: cfg}, nil
	}))
	front.Domain, front.EnableSMTPUTF8 = "mail.example", true
	front.ReadTimeout, front.WriteTimeout = time.Minute, time.Minute
	front.ErrorLog = log.New(io.Discard, "", 0)
	if cfg.Cert != nil {
		front.TLSConfig = &tls.Config{
			Certificates: []tls.Certificate{*cfg.Cert}, MinVersion: tls.VersionTLS12,
		}
	}
	if cfg.Implicit {
		ln = tls.NewListener(ln, front.TLSConfig)
	}
	served := make(chan error, 1)
	go func() { served <- front.Serve(ln) }()
	s.stop = func() {
		_ = front.Close() // an error says that it was stopped before
		_ = ln.Close()    // what is not served yet is nothing that front closes
		require.NoError(t, <-served)
		served <- nil
	}
	t.Cleanup(s.stop)
	return s
}

// Stop ends the server: nobody listens at its address any more.
func (s *Server) Stop() { s.stop() }

// Next gives the next letter that the server took, if that is soon.
func (s *Server) Next(t testing.TB) Letter {
	t.Helper()
	select {
	case l := <-s.Letters:
		return l
	case <-time.After(time.Minute):
		t.Fatal("no letter came")
		return Letter{}
	}
}

// Link gives the line of a letter that is a link.
func (l Letter) Link(t testing.TB) string {
	t.Helper()
	for line := range strings.Lines(l.Text) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "http") {
			return line
		}
	}
	t.Fatalf("there is no link in %q", l.Text)
	return ""
}

// session is one connection.
type session struct {
	server   *Server
	cfg      Config
	loggedIn bool
	letter   Letter
}

func (s *session) AuthMechanisms() []string {
	if s.cfg.User == "" {
		return nil
	}
	return []string{sasl.Plain}
}

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != s.cfg.User || password != s.cfg.Password {
			return smtp.ErrAuthFailed
		}
		s.loggedIn = true
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.server.Tries.Add(1)
	if s.cfg.User != "" && !s.loggedIn {
		return smtp.ErrAuthRequired
	}
	s.letter = Letter{From: from}
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.letter.To = to
	if s.cfg.Await != nil {
		s.cfg.Await()
	}
	if s.cfg.Answer != nil {
		return s.cfg.Answer()
	}
	return nil
}

func (s *session) Data(r io.Reader) error {
	message, err := mail.ReadMessage(r)
	if err != nil {
		return err
	}
	if message.Header.Get("Content-Transfer-Encoding") != "quoted-printable" {
		return errors.New("the letter is not encoded as expected")
	}
	text, err := io.ReadAll(quotedprintable.NewReader(message.Body))
	if err != nil {
		return err
	}
	s.letter.Header, s.letter.Text = message.Header, string(text)
	s.letter.Subject, err = new(mime.WordDecoder).DecodeHeader(message.Header.Get("Subject"))
	if err == nil {
		s.server.Letters <- s.letter
	}
	return err
}

func (s *session) Reset()        {}
func (s *session) Logout() error { return nil }
