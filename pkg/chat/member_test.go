package chat

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
)

var someday = time.Date(2031, 5, 4, 9, 30, 0, 125e6, time.UTC)

func sealing(t testing.TB, key byte) *Members {
	m, err := NewMembers(bytes.Repeat([]byte{key}, 32), time.Hour)
	require.NoError(t, err)
	return m
}

func TestAMembersTokenSaysAllThatIsKnownOfThemUntilItEnds(t *testing.T) {
	members := sealing(t, 1)
	m := Member{App: id(1), ID: id(2), Epoch: 1 << 40, May: MayModerate, Name: "Größe 🐘"}
	token := members.Give(&m, someday)
	require.True(t, IsMember(token))
	require.False(t, access.IsSession(token))
	require.Regexp(t, `^m\.[A-Za-z0-9_-]+$`, token)
	require.Equal(t, someday.Add(time.Hour).Truncate(time.Second), m.Expires)
	got, err := members.Open(token, m.Expires.Add(-time.Nanosecond))
	require.NoError(t, err)
	require.Equal(t, m, got)
	_, err = members.Open(token, m.Expires)
	require.Equal(t, OldMember, fault.CodeOf(err))
	require.NotEqual(t, token, members.Give(&m, someday), "no two are alike")
	raw, err := base64.RawURLEncoding.DecodeString(token[2:])
	require.NoError(t, err)
	require.NotContains(t, string(raw), string(m.App[:]), "no inner id is shown")
	m.Name = strings.Repeat("🐘", MaxAuthor)
	require.NoError(t, m.Check())
	got, err = members.Open(members.Give(&m, someday), someday)
	require.NoError(t, err)
	require.Equal(t, m, got)
}

func TestNobodyElseMakesAMembersToken(t *testing.T) {
	members := sealing(t, 1)
	m := Member{App: id(1), ID: id(2), May: MayRead}
	token := members.Give(&m, someday)
	other := sealing(t, 2).Give(&m, someday)
	wrong := []string{
		"", "m", "m.", "x" + token, token + "A", token[:len(token)-1], token + "\n",
		"m.\n" + token[2:],
		strings.ToUpper(token), other, "m." + strings.Repeat("A", 2000), "m.A", "m.\x00", "m.é",
		"m." + base64.RawURLEncoding.EncodeToString(make([]byte, 77)),
	}
	for at := 2; at < len(token); at++ {
		letter := byte('A')
		if token[at] == letter {
			letter = 'B'
		}
		wrong = append(wrong, token[:at]+string(letter)+token[at+1:])
	}
	for _, text := range wrong {
		_, err := members.Open(text, someday)
		require.Equal(t, BadMember, fault.CodeOf(err), "%q", text)
	}
	_, err := NewMembers([]byte("short"), time.Hour)
	require.Error(t, err)
}

func TestWhatMembersMayDoIsOneOfThreeWords(t *testing.T) {
	for want, text := range map[May]string{
		MayRead: "read", MayWrite: "write", MayModerate: "moderate",
	} {
		got, err := ParseMay("may", text)
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Equal(t, text, got.String())
	}
	for _, text := range []string{"", "Read", "read ", "all", "\x00"} {
		_, err := ParseMay("may", text)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), "%q", text)
	}
}

func FuzzOpenMember(f *testing.F) {
	members := sealing(f, 1)
	f.Add(members.Give(&Member{App: id(1)}, someday)[:40])
	f.Add("m.")
	f.Fuzz(func(t *testing.T, token string) {
		_, err := members.Open(token, someday)
		require.Equal(t, BadMember, fault.CodeOf(err))
	})
}
