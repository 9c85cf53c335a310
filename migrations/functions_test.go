package migrations

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// functions are those of the schema, each with the SHA-256 of its text. Processes of before call
// what is here: a line is added for a new version of a function, and no line changes.
var functions = map[string]string{
	"count_claim_1":    "3c2abb0f28e40b05a2cc294e9aff451e4d9933724ff6b2548ea4aed03f4e29f3",
	"count_claim_2":    "3ca00dc6c2298b7bd30ea294d0f6046fe838ffca44a7c2fcb45a4a3ef6ba286c",
	"entries_claim_1":  "d9628853b1cf395e7798c3d26a73ceac58a22e01d3a9800bc842de52e52832e4",
	"count_settle_1":   "2504f9ff5ab01a4af9cb244ba6d605b307d1d2e8e98f0652f0812520280a9d5a",
	"ratings_claim_1":  "bcce73520e0ef1ac14d6a68587d23b5f905c902b20ebe2b65c80d6ec2167c619",
	"ratings_settle_1": "e73bb8595fe5fd928783f97eeb1053768427f6ea5790a3be8931d5548fb21c4c",
	"feeds_claim_1":    "b6c156a811ec0a761ad1f653b88e07cb55b4ea75c67cfbd25eae99205060a1b0",
	"feeds_drop_1":     "f451b34afd43456ecf26ac4938ba1f0bf7dea1c234c078337d07b9188792b541",
	"feeds_first_1":    "8053af4bfd79bb975753daa51e5f5e797df8fa81351230c4c6e3d5ab2c440df5",
	"feeds_found_1":    "5ba857c0ed0e618ba409d77c0225d148b8c33f10a055122b36fd53329f586fde",
	"feeds_keep_1":     "b2515fc1bf980ef5e7291fb3273b17ea7fb9417e57c6abb5524d0db319b2237b",
	"feeds_month_1":    "b9fcb18b8ed89dcfdd64774b88aabaebad8f9b79980a1c0e32bb1c8800c7c137",
	"feeds_seen_1":     "e59325b5e54ff48c48255960ca457f58cccb5081a58888bac309d58666b02227",
	"feeds_settle_1":   "477a690747b2765f5b0ea2fc58bba8e960d56131d574c9bfe258d19190a562fa",
	"feeds_unseen_1":   "a17f8477732c45cc1d8b949fa3c335bb6c83e199aea342345996ac56c8a71374",
}

var (
	functionText = regexp.MustCompile(
		`(?s)CREATE FUNCTION (\w+)\(.*?AS \$function\$.*?\$function\$;`)
	anyFunction = regexp.MustCompile(
		`(?i)(create|replace|alter|drop)\s+(function|procedure|routine)`)
)

func TestAFunctionIsAddedWithANewVersionAndNeverChanged(t *testing.T) {
	names, err := fs.Glob(files, "postgres/*.up.sql")
	require.NoError(t, err)
	found := map[string]string{}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		require.NoError(t, err)
		all := functionText.FindAllSubmatch(text, -1)
		require.Len(t, anyFunction.FindAll(text, -1), len(all),
			"%s does something else with a function than to add it", name)
		for _, f := range all {
			require.Regexp(t, `^[a-z_]+_[1-9]\d*$`, string(f[1]), "a name ends with its version")
			require.NotContains(t, found, string(f[1]), "%s adds it again", name)
			require.NotContains(t, string(f[0]), "SECURITY DEFINER", "%s", f[1])
			sum := sha256.Sum256(f[0])
			found[string(f[1])] = hex.EncodeToString(sum[:])
		}
	}
	require.Equal(t, slices.Sorted(maps.Keys(functions)), slices.Sorted(maps.Keys(found)))
	for name, sum := range functions {
		require.Equal(t, sum, found[name],
			"the text of %s is another one: add a function with the next version instead", name)
	}
}
