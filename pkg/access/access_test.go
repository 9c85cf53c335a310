package access

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestJoinCodesAreTakenAsPeoplePasteThem(t *testing.T) {
	for _, typed := range []string{
		"BCD234", " bcd-2 34", "BCD–234", "BCD\u00a0234", "bcd 234.", "ＢＣＤ２３４", "«BCD 234»",
		"BCD\u2011234\n", "B C D — 2 3 4", "(bcd234)", "\u200bBCD\u00ad234\u202c",
		"bcd٢٣٤", "𝐁𝐂𝐃𝟐𝟑𝟒", "bcd_234!",
	} {
		require.Equal(t, "BCD234", CleanCode(typed), "%q", typed)
	}
	for _, typed := range []string{"", " – . ", "\xff", "👍", strings.Repeat("B", 1<<20)} {
		require.False(t, IsCode(CleanCode(typed)), "%.20q", typed)
	}
	require.Equal(t, "BCD23É", CleanCode("bcd23é"), "another letter is another code")
}

func TestJoinCodesAndTokensAreReadableAndUnlikely(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		code := NewCode()
		require.Regexp(t, `^[2-9BCDFGHJKMNPQRSTVWXZ]{6}$`, code)
		seen[code] = true
	}
	require.Greater(t, len(seen), 990)
	require.Equal(t, "BCD234", CleanCode(" bcd-2 34"))
}

func TestWhatTheHolderOfATokenMayDo(t *testing.T) {
	owners, owner := NewToken()
	remotes, remote := NewToken()
	a := Tokens{TokenHash: owner, RemoteHash: remote}
	require.Equal(t, Owner, a.RoleOf(owners))
	require.Equal(t, Remote, a.RoleOf(remotes))
	for _, wrong := range []string{"", " ", owners + "x", owners[:42], remotes + "x",
		remotes[:42], "\x00"} {
		require.Equal(t, Anybody, a.RoleOf(wrong), "%q", wrong)
	}
	without := Tokens{TokenHash: owner}
	require.Equal(t, Anybody, without.RoleOf(remotes))
	require.Equal(t, Anybody, without.Holds([32]byte{}),
		"what is no hash holds nothing, also where there is no remote")
	require.Less(t, Anybody, Remote)
	require.Less(t, Remote, Owner)
}
