package backend

import (
	"net/netip"
	"net/url"

	"github.com/plenary-live/plenary/pkg/config"
	"github.com/plenary-live/plenary/pkg/smtp"
)

// securities are those of mail servers, by their settings.
var securities = map[config.Security]smtp.Security{
	config.StartTLS: smtp.StartTLS, config.TLS: smtp.TLS, config.Plaintext: smtp.Plaintext,
}

// mailer gives what letters are sent by. The settings name a mail server.
func (b *Backend) mailer() *smtp.Mailer {
	m := b.cfg.Mail
	return smtp.New(smtp.Config{
		Host: m.Host, Port: m.Port, User: m.User, Password: m.Password, From: m.From,
		Security: securities[m.Security], Hello: greeting(b.cfg.PublicURL),
	})
}

// greeting gives the name by which this server greets a mail server (RFC 5321, section 4.1.3). It
// is that of the public address: a recipient sees it.
func greeting(public string) string {
	at, err := url.Parse(public)
	if err != nil {
		return "localhost"
	}
	addr, err := netip.ParseAddr(at.Hostname())
	switch {
	case err != nil:
		return at.Hostname()
	case addr.Is4():
		return "[" + addr.String() + "]"
	default:
		return "[IPv6:" + addr.String() + "]"
	}
}
