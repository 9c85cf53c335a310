package access

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
)

var passNow = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func TestAPassIsItsVotersWhereverTheKeyIsKnown(t *testing.T) {
	key, room := NewPassKey(), uuid.New()
	given := NewPasses(key).Draw(room, uuid.Nil, passNow)
	require.Len(t, given.Text, PassLength)
	require.Equal(t, passNow.Add(PassLife), given.Expires)
	voter, err := NewPasses(key).Check(room, []byte(given.Text), passNow)
	require.NoError(t, err)
	require.Equal(t, given.Voter, voter)
	require.NotEqual(t, given.Voter, NewPasses(key).Draw(room, uuid.Nil, passNow).Voter)
}

func TestAPassIsGoodForItsPresentationAndItsTimeOnly(t *testing.T) {
	passes, room := NewPasses(NewPassKey()), uuid.New()
	given := []byte(passes.Draw(room, uuid.Nil, passNow).Text)
	for name, c := range map[string]struct {
		passes *Passes
		room   uuid.UUID
		pass   []byte
		now    time.Time
		want   fault.Code
	}{
		"the last second": {passes, room, given, passNow.Add(PassLife - time.Second),
			fault.Code{}},
		"its time is over":       {passes, room, given, passNow.Add(PassLife), OldPass},
		"another's presentation": {passes, uuid.New(), given, passNow, BadPass},
		"another key":            {NewPasses(NewPassKey()), room, given, passNow, BadPass},
		"nothing":                {passes, room, nil, passNow, BadPass},
		"shorter":                {passes, room, given[:47], passNow, BadPass},
		"longer":                 {passes, room, append(bytes.Clone(given), 'A'), passNow, BadPass},
		"padded": {passes, room, append(bytes.Clone(given[:47]), '='),
			passNow, BadPass},
		"not of its letters": {passes, room, append(bytes.Clone(given[:47]), '+'),
			passNow, BadPass},
		"a line break": {passes, room, append(bytes.Clone(given[:47]), '\n'),
			passNow, BadPass},
		"zeroes": {passes, room, bytes.Repeat([]byte{'A'}, PassLength),
			passNow, BadPass},
		"a client's own id": {passes, room, []byte(uuid.NewString()), passNow, BadPass},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.passes.Check(c.room, c.pass, c.now)
			require.Equal(t, c.want, fault.CodeOf(err))
			_, err = c.passes.Renew(c.room, c.pass, c.now)
			require.Equal(t, c.want, fault.CodeOf(err))
		})
	}
}

func TestEveryBitOfAPassIsSigned(t *testing.T) {
	passes, room := NewPasses(NewPassKey()), uuid.New()
	given, err := passText.DecodeString(passes.Draw(room, uuid.Nil, passNow).Text)
	require.NoError(t, err)
	for bit := range 8 * len(given) {
		forged := bytes.Clone(given)
		forged[bit/8] ^= 1 << (bit % 8)
		_, err := passes.Check(room, []byte(passText.EncodeToString(forged)), passNow)
		require.Equal(t, BadPass, fault.CodeOf(err), "bit %d", bit)
	}
}

// A decoder that skips line breaks leaves the end of the pass before in place.
func TestNoPartOfAPassIsTakenFromTheOneBefore(t *testing.T) {
	passes, room := NewPasses(NewPassKey()), uuid.New()
	for range 100 {
		given := []byte(passes.Draw(room, uuid.Nil, passNow).Text)
		for _, end := range []string{"\n", "\r", "\r\n", "\n\n\n\n"} {
			_, err := passes.Check(room, given, passNow)
			require.NoError(t, err)
			_, err = passes.Check(room,
				append(bytes.Clone(given[:PassLength-len(end)]), end...), passNow)
			require.Equal(t, BadPass, fault.CodeOf(err))
		}
	}
}

func TestARenewedPassIsTheSameVoters(t *testing.T) {
	passes, room := NewPasses(NewPassKey()), uuid.New()
	first := passes.Draw(room, uuid.Nil, passNow)
	later := passNow.Add(PassLife / 2)
	renewed, err := passes.Renew(room, []byte(first.Text), later)
	require.NoError(t, err)
	require.Equal(t, first.Voter, renewed.Voter)
	require.Equal(t, later.Add(PassLife), renewed.Expires)
	voter, err := passes.Check(room, []byte(renewed.Text), passNow.Add(PassLife))
	require.NoError(t, err)
	require.Equal(t, first.Voter, voter)
}

func TestASeedMakesTheSamePassAgainButOfOnePresentation(t *testing.T) {
	passes, room, seed := NewPasses(NewPassKey()), uuid.New(), uuid.New()
	require.Equal(t, passes.Draw(room, seed, passNow), passes.Draw(room, seed, passNow))
	require.NotEqual(t, passes.Draw(room, seed, passNow).Voter,
		passes.Draw(uuid.New(), seed, passNow).Voter)
	require.NotEqual(t, passes.Draw(room, seed, passNow).Voter,
		passes.Draw(room, uuid.New(), passNow).Voter)
}

func TestAVotersIDSaysNothingOfItsPass(t *testing.T) {
	passes, room := NewPasses(NewPassKey()), uuid.New()
	given := passes.Draw(room, uuid.Nil, passNow)
	raw, err := passText.DecodeString(given.Text)
	require.NoError(t, err)
	require.NotContains(t, string(raw), string(given.Voter[:]))
	require.Equal(t, uuid.Version(8), given.Voter.Version())
	require.Equal(t, uuid.RFC4122, given.Voter.Variant())
}

func TestManyCheckPassesAtOnce(t *testing.T) {
	passes, room := NewPasses(NewPassKey()), uuid.New()
	t.Run("all", func(t *testing.T) {
		for range 8 {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				for range 500 {
					given := passes.Draw(room, uuid.Nil, passNow)
					voter, err := passes.Check(room, []byte(given.Text), passNow)
					require.NoError(t, err)
					require.Equal(t, given.Voter, voter)
				}
			})
		}
	})
}

func FuzzPass(f *testing.F) {
	passes, room := NewPasses(bytes.Repeat([]byte{7}, PassKeyLength)),
		uuid.MustParse("01900000-0000-7000-8000-000000000001")
	good := passes.Draw(room, uuid.MustParse("01900000-0000-7000-8000-000000000002"), passNow).Text
	for _, s := range []string{good, "", good[1:], good + "A", strings.Repeat("_", PassLength),
		"\x00" + good[1:]} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, pass []byte) {
		_, err := passes.Check(room, pass, passNow)
		switch {
		case string(pass) == good:
			require.NoError(t, err)
		default:
			require.Equal(t, BadPass, fault.CodeOf(err))
		}
	})
}

func TestAdmissionsAreCheckedAndPutIntoTheirUsualForm(t *testing.T) {
	for name, c := range map[string]struct {
		given, want Admission
		field       string
	}{
		"nothing is anyone": {Admission{}, Admission{Voters: Anyone}, ""},
		"a pass":            {Admission{Voters: ByPass}, Admission{Voters: ByPass}, ""},
		"a passcode": {Admission{ByPass, 5, " gar-den 7"},
			Admission{ByPass, 5, "GARDEN7"}, ""},
		"another script's digits": {Admission{ByPass, 0, "٣٤٥٦"},
			Admission{ByPass, 0, "3456"}, ""},
		"signs above the letters": {Admission{ByPass, 0, "नमस्ते"},
			Admission{ByPass, 0, "नमस्ते"}, ""},
		"a dash that a phone makes": {Admission{ByPass, 0, "ab–cd\u00a0\u200b"},
			Admission{ByPass, 0, "ABCD"}, ""},
		"a letter without a capital": {Admission{ByPass, 0, "Straße"},
			Admission{ByPass, 0, "STRASSE"}, ""},
		"full-width letters": {Admission{ByPass, 0, "ＡＢＣ１"},
			Admission{ByPass, 0, "ABC1"}, ""},
		"other letters": {Admission{ByPass, 0, "früh"},
			Admission{ByPass, 0, "FRÜH"}, ""},
		"most voters": {Admission{Voters: ByPass, MaxVoters: MaxVotersLimit},
			Admission{Voters: ByPass, MaxVoters: MaxVotersLimit}, ""},
		"unknown voters": {Admission{Voters: "Pass"}, Admission{}, "voters"},
		"too many voters": {Admission{Voters: ByPass, MaxVoters: MaxVotersLimit + 1},
			Admission{}, "max_voters"},
		"fewer than none": {Admission{Voters: ByPass, MaxVoters: -1},
			Admission{}, "max_voters"},
		"a limit for anyone": {Admission{Voters: Anyone, MaxVoters: 5},
			Admission{}, "max_voters"},
		"a passcode for anyone": {Admission{Passcode: "GARDEN"}, Admission{}, "passcode"},
		"too short a passcode":  {Admission{ByPass, 0, "ABC"}, Admission{}, "passcode"},
		"too long a passcode": {Admission{ByPass, 0, "ABCDEFGHIJKLM"},
			Admission{}, "passcode"},
		"signs in a passcode":       {Admission{ByPass, 0, "<b>ABC"}, Admission{}, "passcode"},
		"a control character in it": {Admission{ByPass, 0, "ABC\x00D"}, Admission{}, "passcode"},
		"broken UTF-8 in it":        {Admission{ByPass, 0, "ABC\xffD"}, Admission{}, "passcode"},
		"far too long a passcode": {Admission{ByPass, 0, strings.Repeat("A", 257)},
			Admission{}, "passcode"},
		"far too many hyphens": {Admission{ByPass, 0, strings.Repeat("-", 257)},
			Admission{}, "passcode"},
		"a passcode of hyphens alone": {Admission{ByPass, 0, "----"},
			Admission{Voters: ByPass}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.given.Check()
			if c.field != "" {
				require.Equal(t, fault.Invalid, fault.CodeOf(err))
				require.Equal(t, c.field, err.(*fault.Error).Field) //nolint:errorlint // it is one
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestAPasscodeIsWhatIsTyped(t *testing.T) {
	a := Admission{ByPass, 0, "GARDEN7"}
	for typed, want := range map[string]bool{
		"GARDEN7": true, "garden7": true, " gar den-7 ": true, "ＧＡＲＤＥＮ７": true, "GARDEN": false,
		"": false, "GARDEN77": false, "\xff": false,
	} {
		require.Equal(t, want, a.Opens(typed), "%q", typed)
	}
	require.True(t, Admission{Voters: ByPass}.Opens("whatever"))
	for set, typed := range map[string]string{"Straße": "STRASSE", "٣٤٥٦": "3456", "3456": "٣٤٥٦",
		"ab–cd": "ab--cd"} {
		a, err := Admission{ByPass, 0, set}.Check()
		require.NoError(t, err)
		require.True(t, a.Opens(typed), "%q for %q", typed, set)
	}
}

func TestAPasscodeThatIsFarTooLongCostsNothing(t *testing.T) {
	a, typed := Admission{ByPass, 0, "GARDEN7"}, strings.Repeat("\ufdfa", 1<<18)
	begun := time.Now()
	for range 1000 { // one of them took half a second
		require.False(t, a.Opens(typed))
	}
	require.Less(t, time.Since(begun), 10*time.Second)
}

func BenchmarkPass(b *testing.B) {
	passes, room := NewPasses(NewPassKey()), uuid.New()
	pass := []byte(passes.Draw(room, uuid.Nil, passNow).Text)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := passes.Check(room, pass, passNow); err != nil {
			b.Fatal(err)
		}
	}
}

func TestAnAccountsPassIsTheSameVotersForEverAndSaysSo(t *testing.T) {
	passes, room, account := NewPasses(NewPassKey()), uuid.New(), uuid.New()
	given := passes.OfAccount(room, account, passNow)
	require.Equal(t, passNow.Add(AccountPassLife), given.Expires)
	voter, by, err := passes.Identify(room, []byte(given.Text), passNow)
	require.NoError(t, err)
	require.Equal(t, LoggedIn, by)
	require.Equal(t, given.Voter, voter)
	again := passes.OfAccount(room, account, passNow.Add(time.Hour))
	require.Equal(t, voter, again.Voter, "and after another log-in")
	require.NotEqual(t, account, voter)
	elsewhere := passes.OfAccount(uuid.New(), account, passNow)
	require.NotEqual(t, voter, elsewhere.Voter, "nobody links rooms")
	require.NotEqual(t, voter, passes.OfAccount(room, uuid.New(), passNow).Voter)
	_, err = passes.Renew(room, []byte(given.Text), passNow)
	require.Equal(t, BadPass, fault.CodeOf(err), "it would outlive the log-in")
	_, _, err = passes.Identify(room, []byte(given.Text), passNow.Add(AccountPassLife))
	require.Equal(t, OldPass, fault.CodeOf(err))

	anybodys := passes.Draw(room, account, passNow) // whose key is the account's id
	voter, by, err = passes.Identify(room, []byte(anybodys.Text), passNow)
	require.NoError(t, err)
	require.Equal(t, Passed, by)
	require.NotEqual(t, given.Voter, voter)
}
