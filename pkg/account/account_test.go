package account

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/pkg/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAnEmailAddressHasOneForm(t *testing.T) {
	for typed, want := range map[string]string{
		"anna@example.org":       "anna@example.org",
		" Anna@Example.ORG\n":    "anna@example.org",
		"a+b.c_d@x.example":      "a+b.c_d@x.example",
		"u\u0308nal@example.org": "ünal@example.org",
		"ÜNAL@EXAMPLE.ORG":       "ünal@example.org",
		"Straße@Example.Org":     "straße@example.org", // strasse is somebody else
		"ΣΟΦΟΣ@example.org":      "σοφος@example.org",
		"\u212aate@example.org":  "kate@example.org", // the same letter elsewhere in Unicode
	} {
		got, err := CleanEmail(typed)
		require.NoError(t, err, typed)
		require.Equal(t, want, got)
		again, err := CleanEmail(got)
		require.NoError(t, err)
		require.Equal(t, got, again, "what is clean stays as it is")
	}
}

func TestWhatIsNoEmailAddressIsRefused(t *testing.T) {
	for _, typed := range []string{
		"", " ", "anna", "@", "a@", "@b", "a@b@c", "Anna <a@b.example>", "<a@b.example>",
		`"a b"@c.example`,
		"a b@c.example", "a@b.example,c@d.example",
		"a@b.example\x00",
		"a\r\nBcc: x@y.example", "\xff@b.example", "a\u200b@b.example", "a\u202e@b.example",
		"a@b\ufffd.example", strings.Repeat("a", 250) + "@b.example",
		"(comment)a@b.example", "a@b.example;", "a..b@c.example", ".a@c.example",
		strings.Repeat("ﷺ", 1<<16),
	} {
		_, err := CleanEmail(typed)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), "%q", typed)
		require.Equal(t, "email", err.(*fault.Error).Field) //nolint:errorlint // it is one
	}
}

func TestAPasswordHasABoundAndOneForm(t *testing.T) {
	most := strings.Repeat("🎈", MaxPassword)
	for typed, want := range map[string]string{
		"12345678": "12345678", " a space ": " a space ", "pass\x00word": "pass\x00word",
		"u\u0308berall!": "überall!", most: most,
	} {
		got, err := CleanPassword("password", typed)
		require.NoError(t, err, typed)
		require.Equal(t, want, got)
	}
	for _, typed := range []string{
		"", "1234567", "u\u0308berall", "\xff2345678", strings.Repeat("a", MaxPassword+1),
		strings.Repeat("a", 1<<20),
	} {
		_, err := CleanPassword("new_password", typed)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), "%.20q", typed)
		require.Equal(t, "new_password", err.(*fault.Error).Field) //nolint:errorlint // it is one
	}
}

func TestANameIsALineThatCanBeSeen(t *testing.T) {
	a, err := New("  Anna \t Ünal ", "anna@example.org")
	require.NoError(t, err)
	require.Equal(t, "Anna Ünal", a.Username)
	for _, typed := range []string{
		"", " ", "\u200b", "a\x00b", "\xff", strings.Repeat("a", MaxUsername+1),
	} {
		_, err := New(typed, "anna@example.org")
		require.Equal(t, fault.Invalid, fault.CodeOf(err), "%q", typed)
		require.Equal(t, "username", err.(*fault.Error).Field) //nolint:errorlint // it is one
	}
}

func FuzzEmail(f *testing.F) {
	for _, s := range []string{
		"a@b.example", "Ünal@b", "a@[127.0.0.1]", "\"x\"@y", "a@\u0130.example",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		email, err := CleanEmail(typed)
		if err != nil {
			require.Equal(t, fault.Invalid, fault.CodeOf(err))
			return
		}
		require.LessOrEqual(t, len(email), MaxEmail)
		require.False(t, strings.ContainsFunc(email, notInEmail))
		again, err := CleanEmail(email)
		require.NoError(t, err)
		require.Equal(t, email, again)
	})
}
