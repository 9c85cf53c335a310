package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/smtp/smtptest"
	"github.com/plenary-live/plenary/test/stack"
)

// mailing starts a system that sends letters by the mail server with a URL.
func mailing(t *testing.T, url string, env ...string) (site, *stack.Stack) {
	t.Helper()
	return own(t, stack.Config{Parts: stack.API, APIs: 1, APIEnv: append([]string{
		"PLENARY_SMTP_URL=" + url, "PLENARY_MAIL_FROM=Plenary <vote@plenary.example>",
		"PLENARY_PUBLIC_URL=https://vote.example",
	}, env...)})
}

// forgot asks for a letter from an address.
func (s site) forgot(email, address string) *Answer {
	s.tb.Helper()
	return s.Do(Request{
		Method: "POST", Path: Base + "/auth/forgot", Header: from(address),
		JSON: object{"email": email},
	})
}

func TestAForgottenPasswordIsSetByALetter(t *testing.T) {
	cert, _, pem := smtptest.Certificate(t)
	trusted := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(trusted, pem, 0o644))
	for dir := filepath.Dir(trusted); dir != os.TempDir() && len(dir) > 1; dir = filepath.Dir(dir) {
		require.NoError(t, os.Chmod(dir, 0o755)) // the API runs as another user
	}
	for scheme, implicit := range map[string]bool{"smtp": false, "smtps": true} {
		t.Run(scheme, func(t *testing.T) {
			mail := smtptest.Start(t, smtptest.Config{
				Cert: cert, Implicit: implicit, User: "plenary", Password: "a/word",
			})
			s, _ := mailing(t, scheme+"://plenary:a%2Fword@"+mail.Addr, "SSL_CERT_FILE="+trusted)
			p := s.Register()
			a := s.Do(Request{
				Method: "POST", Path: Base + "/auth/forgot",
				JSON:   object{"email": strings.ToUpper(p.Email)},
				Header: map[string]string{"Accept-Language": "de-CH, en;q=0.5"},
			})
			require.Equal(t, 202, a.Status, "%v", a)
			require.Empty(t, a.Body)
			letter := mail.Next(t)
			require.Equal(t, p.Email, letter.To)
			require.Equal(t, "vote@plenary.example", letter.From)
			require.Equal(t, "Ein neues Passwort für Plenary", letter.Subject)
			token, found := strings.CutPrefix(letter.Link(t), "https://vote.example/account#reset=")
			require.True(t, found, letter.Text)
			reset := func() string {
				return s.Ask(Request{Method: "POST", Path: Base + "/auth/reset", JSON: object{
					"token": token, "password": "a new password",
				}}).Code()
			}
			require.Equal(t, "204", reset())
			require.Equal(t, "403 invalid_reset", reset())
			require.Equal(t, "401 session_ended", p.call("GET", "/users/me", nil).Code())
			p.Password = "a new password"
			p.logIn()
		})
	}
}

func TestAServerWithoutMailSaysSo(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		p := s.Register()
		for _, email := range []string{p.Email, "nobody@example.org"} {
			require.Equal(t, "404 no_mail", s.forgot(email, "192.0.2.1").Code())
		}
	})
}

func TestAskingForALetterTellsNobodyWhoHasAnAccount(t *testing.T) {
	mail := smtptest.Start(t, smtptest.Config{})
	s, _ := mailing(t, "smtp://"+mail.Addr+"?tls=none", "PLENARY_MAIL_LIMIT=2")
	p := s.Register()
	nobody := "nobody-" + uuid.NewString() + "@example.org"
	for _, email := range []string{p.Email, nobody} {
		for range 2 {
			a := s.forgot(email, "192.0.2.1")
			require.Equal(t, 202, a.Status)
			require.Empty(t, a.Body)
		}
		a := s.forgot(strings.ToUpper(email), "192.0.2.2")
		require.Equal(t, "429 too_many_requests", a.Code(), "of all addresses together")
		wait, err := strconv.Atoi(a.Header.Get("Retry-After"))
		require.NoError(t, err)
		require.True(t, wait > 1700 && wait <= 1800, "half an hour, and not %d", wait)
	}
	require.Equal(t, p.Email, mail.Next(t).To)
	require.Equal(t, p.Email, mail.Next(t).To)
	for range 20 - 4 {
		require.Equal(t, 202, s.forgot(uuid.NewString()+"@example.org", "192.0.2.1").Status)
	}
	require.Equal(t, "429 too_many_requests", s.forgot("a@example.org", "192.0.2.1").Code())
	require.Equal(t, 202, s.forgot("a@example.org", "192.0.2.3").Status)
	require.Empty(t, mail.Letters)
}

func TestGarbageForALetterNamesItsField(t *testing.T) {
	mail := smtptest.Start(t, smtptest.Config{})
	s, _ := mailing(t, "smtp://"+mail.Addr+"?tls=none", "PLENARY_MAIL_LIMIT=0")
	for body, want := range map[string]string{
		`{}`: "400 invalid email", `{"email":""}`: "400 invalid email",
		`{"email":7}`: "400 invalid email", `{"email":null}`: "400 invalid email",
		`{"email":"x"}`: "400 invalid email", `{"email":"\u0000@b.example"}`: "400 invalid email",
		`{"email":"a@b.example\r\nBcc: c@d.example"}`:            "400 invalid email",
		`{"email":"a@b.example,c@d.example"}`:                    "400 invalid email",
		`{"email":"` + strings.Repeat("a", 250) + `@b.example"}`: "400 invalid email",
		`{"email":"` + strings.Repeat("a", 5000) + `"}`:          "413 payload_too_large",
		`[]`: "400 invalid body", `{`: "400 invalid body", ``: "400 invalid body",
		"\xff": "400 invalid body",
	} {
		a := s.Do(Request{
			Method: "POST", Path: Base + "/auth/forgot", Body: body, Wrong: true,
			Header: map[string]string{
				"Content-Type":    jsonEnc,
				"Accept-Language": "\xff;q=☃," + strings.Repeat("de,", 2000),
			},
		})
		require.Equal(t, want, a.Code(), "%.80s", body)
	}
	a := s.Do(Request{
		Method: "POST", Path: Base + "/auth/forgot", Body: "{}", Wrong: true,
		Header: map[string]string{"Content-Type": "text/plain"},
	})
	require.Equal(t, "415 unsupported_media_type", a.Code())
	a = s.Do(Request{Method: "GET", Path: Base + "/auth/forgot", Wrong: true})
	require.Equal(t, 405, a.Status)
	require.Empty(t, mail.Letters)
}

func TestAMailServerThatIsAwayHoldsUpNobodyAndNoStop(t *testing.T) {
	mail := smtptest.Start(t, smtptest.Config{})
	mail.Stop()
	s, st := mailing(t, "smtp://"+mail.Addr+"?tls=none")
	p := s.Register()
	require.Equal(t, 202, s.forgot(p.Email, "192.0.2.1").Status)
	require.Equal(t, 200, p.call("GET", "/users/me", nil).Status)
	back := smtptest.Start(t, smtptest.Config{Addr: mail.Addr})
	require.Equal(t, p.Email, back.Next(t).To)
	back.Stop()
	require.Equal(t, 202, s.forgot(p.Email, "192.0.2.1").Status)
	require.NoError(t, st.APIs[0].Stop())
	log, err := os.ReadFile(st.APIs[0].Log)
	require.NoError(t, err)
	require.Contains(t, string(log), "a letter was not sent")
	require.NotContains(t, string(log), p.Email)
	require.NotContains(t, string(log), "reset=")
}

func TestOperatorsSeeHowManyLettersWaitWereSentAndFailed(t *testing.T) {
	mail := smtptest.Start(t, smtptest.Config{})
	s, _ := mailing(t, "smtp://"+mail.Addr+"?tls=none", "PLENARY_MAIL_LIMIT=0")
	p := s.Register()
	count := func(waiting, sent, failed int) {
		t.Helper()
		require.Eventually(t, func() bool {
			metrics := string(s.Operators("/metrics").Body)
			is := func(what string, n int) bool {
				return strings.Contains(metrics, fmt.Sprintf("\nplenary_letters_%s %d\n", what, n))
			}
			return is("waiting", waiting) && is("sent_total", sent) && is("failed_total", failed)
		}, time.Minute, tick)
	}
	count(0, 0, 0)
	require.Equal(t, 202, s.forgot(p.Email, "192.0.2.1").Status)
	require.Equal(t, p.Email, mail.Next(t).To)
	require.Equal(t, 202, s.forgot("nobody@example.org", "192.0.2.1").Status)
	count(0, 1, 0)
	mail.Stop()
	require.Equal(t, 202, s.forgot(p.Email, "192.0.2.1").Status)
	count(1, 1, 0)
	count(0, 1, 1)
}
