package account

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
)

func requireNoAttempt(t *testing.T, s *attempts, ticket, state string) {
	t.Helper()
	a, err := s.resume(ticket, state)
	require.Equal(t, BadAttempt, fault.CodeOf(err), "%.60q", ticket)
	require.Zero(t, a)
}

func TestAnAttemptIsResumedWhereItWasBegunWhileItLasts(t *testing.T) {
	c := &clock{}
	s := newAttempts(sessionKey, c.now)
	a, ticket := s.begin()
	b, other := s.begin()
	for _, text := range []string{a.State, a.Nonce, a.Verifier, b.State, b.Nonce, b.Verifier} {
		require.Regexp(t, `^[A-Za-z0-9_-]{43}$`, text)
		require.Equal(t, 1, strings.Count(a.State+a.Nonce+a.Verifier+b.State+b.Nonce+b.Verifier,
			text), "no two are the same")
		require.NotContains(t, ticket, text)
	}
	for range 2 {
		got, err := newAttempts(sessionKey, c.now).resume(ticket, a.State)
		require.NoError(t, err, "by any replica")
		require.Equal(t, a, got)
	}
	requireNoAttempt(t, s, ticket, b.State)
	requireNoAttempt(t, s, other, a.State)
	requireNoAttempt(t, s, ticket, "")
	requireNoAttempt(t, s, ticket, a.Nonce)
	requireNoAttempt(t, newAttempts(bytes.Repeat([]byte{8}, 32), c.now), ticket, a.State)
	c.pass(AttemptLife - time.Second)
	_, err := s.resume(ticket, a.State)
	require.NoError(t, err)
	c.pass(time.Second)
	requireNoAttempt(t, s, ticket, a.State)
}

func TestEveryBitOfATicketIsSigned(t *testing.T) {
	s := newAttempts(sessionKey, (&clock{}).now)
	a, ticket := s.begin()
	raw, err := base64.RawURLEncoding.DecodeString(ticket)
	require.NoError(t, err)
	for i := range 8 * len(raw) {
		forged := bytes.Clone(raw)
		forged[i/8] ^= 1 << (i % 8)
		requireNoAttempt(t, s, base64.RawURLEncoding.EncodeToString(forged), a.State)
		requireNoAttempt(t, s, base64.RawURLEncoding.EncodeToString(forged), s.of(forged).State)
	}
	for _, wrong := range []string{
		"", "x", ticket[1:], ticket + "A", ticket + "=", ticket[:len(ticket)-1] + "\n",
		strings.Repeat("A", len(ticket)), "\xff" + ticket[1:], strings.Repeat("A", 1<<20),
	} {
		requireNoAttempt(t, s, wrong, a.State)
	}
}

func FuzzTicket(f *testing.F) {
	s := newAttempts(sessionKey, (&clock{}).now)
	a, ticket := s.begin()
	f.Add(ticket, a.State)
	f.Add("", "")
	f.Add(ticket[1:], a.State)
	f.Fuzz(func(t *testing.T, given, state string) {
		got, err := s.resume(given, state)
		if given == ticket && state == a.State {
			require.NoError(t, err)
			require.Equal(t, a, got)
			return
		}
		require.Equal(t, BadAttempt, fault.CodeOf(err))
	})
}

func TestALetterIsInALanguageThatItsPersonReads(t *testing.T) {
	const link = "https://vote.example/account#reset=TOKEN"
	for languages, begins := range map[string]string{
		"": "A new", "de-AT,de;q=0.9,en;q=0.5": "Ein neues", "fr, en;q=0.1": "A new",
		"ar-EG": "كلمة", "fr": "A new", "~;;q=": "A new", "\x00\xff": "A new",
		"fr, ar;q=0.5": "كلمة", strings.Repeat("de,", 1<<16): "A new",
		"de\r\nBcc: x": "A new",
	} {
		subject, text := resetLetter(languages, link)
		require.True(t, strings.HasPrefix(subject, begins), "%.40q: %s", languages, subject)
		require.NotContains(t, subject, "\n")
		require.Contains(t, text, "\n"+link+"\n")
		require.NotContains(t, text, "{{")
	}
}

func TestANameIsFoundForWhoeverAProviderTellsOf(t *testing.T) {
	for told, want := range map[string]string{
		"Anna Ünal": "Anna Ünal", " Anna\n Ünal ": "Anna Ünal", "": "anna", "\x00": "anna",
		"\u200b": "anna", "\xff": "anna", strings.Repeat("ü", 60): strings.Repeat("ü", 50),
		strings.Repeat("🎈", 1<<16): strings.Repeat("🎈", 50),
	} {
		require.Equal(t, want, nameOf(told, "anna@example.org"), "%.20q", told)
	}
	long := nameOf("", strings.Repeat("a", 64)+"@example.org")
	require.Equal(t, strings.Repeat("a", 50), long)
}

func TestWhatALinkLeavesOfAnAccount(t *testing.T) {
	one, two := Identity{"i", "1"}, Identity{"i", "2"}
	for _, c := range []struct {
		name             string
		before, identity Identity
		verified, keeps  bool
	}{
		{"an address that nobody has proven", Identity{}, one, false, false},
		{"one that was changed since", one, one, false, false},
		{"a proven address", Identity{}, one, true, true},
		{"the same person again", one, one, true, true},
		{"an address that went to somebody else", one, two, true, false},
	} {
		a := Account{Password: "hash", Epoch: 3, Verified: c.verified, Identity: c.before}
		want := Account{Password: "hash", Epoch: 3, Verified: true, Identity: c.identity}
		if !c.keeps {
			want.Password, want.Epoch = "", 4
		}
		require.Equal(t, want, a.Linked(c.identity), c.name)
	}
}
