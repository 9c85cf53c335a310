// Package smtp gives letters to a server that sends them on.
package smtp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/wneessen/go-mail"

	"github.com/plenary-live/plenary/pkg/fault"
)

// Security is how a connection is encrypted.
type Security int

const (
	StartTLS  Security = iota // from the server's greeting on; a server without it gets no letter
	TLS                       // from the first byte on
	Plaintext                 // not at all
)

// Config is where letters go, and from whom they are.
type Config struct {
	Host           string
	Port           int
	User, Password string // User is empty: the server asks nobody who they are
	Security       Security
	From           netmail.Address
	Hello          string         // the name by which this host greets the server
	Roots          *x509.CertPool // nil: those of the system
}

// dialTime bounds a connection, and each answer of the server.
const dialTime = 10 * time.Second

// logIns are ways of logging in, the better ones first. None of them is tried without encryption.
var logIns = []mail.SMTPAuthType{
	mail.SMTPAuthSCRAMSHA256, mail.SMTPAuthPlain, mail.SMTPAuthLogin, mail.SMTPAuthCramMD5,
}

// Mailer gives letters to a server, with a connection for each. It is safe for use by many
// goroutines.
type Mailer struct {
	Config
	tls *tls.Config
}

// New makes a mailer. It connects to nothing.
func New(cfg Config) *Mailer {
	return &Mailer{cfg, &tls.Config{
		ServerName: cfg.Host, MinVersion: tls.VersionTLS12, RootCAs: cfg.Roots,
	}}
}

// Send gives the server a letter of plain text, or gives up when ctx ends. A nil error says that
// the server has taken the letter. Unavailable: trying again may help. No error names the address
// or shows what the server says of it.
func (m *Mailer) Send(ctx context.Context, to, subject, text string) error {
	letter, err := m.letter(to, subject, text)
	if err != nil {
		return err
	}
	c := &connection{Mailer: m, ctx: ctx}
	defer c.close()
	client, err := c.client()
	if err != nil {
		return fmt.Errorf("smtp: %w", err)
	}
	err = client.DialAndSendWithContext(ctx, letter)
	if letter.IsDelivered() { // what goes wrong behind that changes nothing
		return nil
	}
	return translate(err)
}

// letter writes a letter.
func (m *Mailer) letter(to, subject, text string) (*mail.Msg, error) {
	letter := mail.NewMsg(mail.WithNoDefaultUserAgent())
	letter.FromMailAddress(&m.From)
	if err := letter.To(to); err != nil {
		return nil, errors.New("smtp: no letter can be sent to that address")
	}
	letter.Subject(subject)
	letter.SetBodyString(mail.TypeTextPlain, text)
	letter.SetDate()
	_, domain, _ := strings.Cut(m.From.Address, "@")
	letter.SetMessageIDWithValue(uuid.NewString() + "@" + domain)
	letter.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: nobody answers by itself
	return letter, nil
}

// connection is one to the server.
type connection struct {
	*Mailer
	ctx  context.Context // that ends it
	conn net.Conn        // nil: there is none yet
	cut  chan struct{}   // closed when ctx has ended it
	stop func() bool
}

func (c *connection) client() (*mail.Client, error) {
	policy := mail.NoTLS
	if c.Security == StartTLS {
		policy = mail.TLSMandatory
	}
	options := []mail.Option{
		mail.WithPort(c.Port), mail.WithHELO(c.Hello), mail.WithTimeout(dialTime),
		mail.WithTLSPolicy(policy), mail.WithTLSConfig(c.tls), mail.WithDialContextFunc(c.dial),
		mail.WithoutNoop(), mail.WithoutRset(),
	}
	if c.User != "" {
		options = append(options, mail.WithUsername(c.User), mail.WithPassword(c.Password),
			mail.WithOpportunisticSMTPAuth(logIns...))
	}
	return mail.NewClient(c.Host, options...)
}

// dial connects to the server. The end of the context cuts the connection off at any time.
func (c *connection) dial(ctx context.Context, network, _ string) (conn net.Conn, err error) {
	address := net.JoinHostPort(c.Host, strconv.Itoa(c.Port))
	if c.Security == TLS {
		conn, err = (&tls.Dialer{Config: c.tls}).DialContext(ctx, network, address)
	} else {
		conn, err = (&net.Dialer{}).DialContext(ctx, network, address)
	}
	if err != nil {
		return nil, err
	}
	c.conn, c.cut = conn, make(chan struct{})
	c.stop = context.AfterFunc(c.ctx, func() {
		defer close(c.cut)
		_ = conn.Close()
	})
	return conn, nil
}

// close leaves nothing of the connection behind.
func (c *connection) close() {
	if c.conn == nil {
		return
	}
	if !c.stop() {
		<-c.cut
	}
	_ = c.conn.Close() // it may be closed already
}

// translate says of an error whether trying again may help.
func translate(err error) error {
	if said, ok := errors.AsType[*mail.SendError](err); ok {
		switch {
		case said.ErrorCode() >= 500:
			return refusal(said.ErrorCode())
		case said.ErrorCode() > 0:
			return fault.Unavailablef(nil, "the mail server answered %d", said.ErrorCode())
		default:
			return fault.Unavailablef(nil, "the mail server was lost: %s", said.Reason)
		}
	}
	if said, ok := errors.AsType[*textproto.Error](err); ok {
		if said.Code >= 500 {
			return refusal(said.Code)
		}
		return fault.Unavailablef(nil, "the mail server answered %d", said.Code)
	}
	return fault.Unavailablef(err, "the mail server is away") // it has heard nothing of the letter
}

// refusal is an answer that stays what it is.
func refusal(code int) error { return fmt.Errorf("smtp: the mail server answered %d", code) }
