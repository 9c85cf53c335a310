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
	"feeds_claim_1":    "936248e6054c74bdb569ddf4b81d52c0ecbdf69f5b297843e99549558321dcb3",
	"feeds_drop_1":     "f451b34afd43456ecf26ac4938ba1f0bf7dea1c234c078337d07b9188792b541",
	"feeds_first_1":    "8053af4bfd79bb975753daa51e5f5e797df8fa81351230c4c6e3d5ab2c440df5",
	"feeds_found_1":    "eaa3be994b1e0c0c585c9c5472b3ac8d8b3e009a2270e55df9ec640ef377fe08",
	"feeds_keep_1":     "b2515fc1bf980ef5e7291fb3273b17ea7fb9417e57c6abb5524d0db319b2237b",
	"feeds_month_1":    "b9fcb18b8ed89dcfdd64774b88aabaebad8f9b79980a1c0e32bb1c8800c7c137",
	"feeds_seen_1":     "46156d92d1b25d3c89a60b3bbb12b299997279cf7368593f9eb95f61d3e94b09",
	"feeds_settle_1":   "11a5e24072deefc4c411110dd4ccecf0897a5d8d8264b21e179d15357533caf3",
	"feeds_unseen_1":   "5d2d1b2449b22c180b3f1bb7c2631e4fa7419cba2b2dad6b99c96ec56ec0603c",
	"chats_claim_1":    "c33bee940eaf10d4d74d769df935284059e9263ba2b61dfe2b3c6489f3c8fd89",
	"chats_found_1":    "9a12db1eaa2b2e983599492fa74a8dd0018ac6c325790b8757e917c177c2f11e",
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
