package openapi

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "join openapi.yaml anew")

func read(t *testing.T, name string) part {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	return part{name, string(text)}
}

// features gives the parts of all features, by the names of their folders.
func features(t *testing.T) (all []part) {
	t.Helper()
	files, err := filepath.Glob("../*/openapi.yaml")
	require.NoError(t, err)
	for _, name := range files {
		if filepath.Base(filepath.Dir(name)) != "openapi" {
			all = append(all, read(t, name))
		}
	}
	require.NotEmpty(t, all)
	return all
}

func TestTheContractIsWhatTheFeaturesSay(t *testing.T) {
	want, err := join(read(t, "base.yaml"), features(t)...)
	require.NoError(t, err)
	valid(t, want)
	if *update {
		require.NoError(t, os.WriteFile("openapi.yaml", []byte(want), 0o644))
		return
	}
	require.Equal(t, want, string(File("")), "run go test ./api/internal/openapi -update")
}

func TestAFeaturesPartNeedsTheBaseAndNoOtherFeature(t *testing.T) {
	for _, f := range features(t) {
		alone, err := join(read(t, "base.yaml"), f)
		require.NoError(t, err)
		valid(t, alone)
	}
	none, err := join(read(t, "base.yaml"))
	require.NoError(t, err)
	valid(t, none)
}

func valid(t *testing.T, text string) {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData([]byte(text))
	require.NoError(t, err)
	require.NoError(t, doc.Validate(t.Context()))
}

func TestAnswersOfWhatIsLimitedTellOfTheLimit(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData(File(""))
	require.NoError(t, err)
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			limited := op.Extensions["x-limited"] == true
			if limited {
				require.NotNil(t, op.Responses.Value("429"), op.OperationID)
			}
			for code, response := range op.Responses.Map() {
				for _, name := range []string{"Limit", "Remaining", "Reset"} {
					if code[0] == '2' {
						_, tells := response.Value.Headers["X-RateLimit-"+name]
						require.Equal(t, limited, tells, "%s %s %s", op.OperationID, code, name)
					}
				}
			}
		}
	}
}

func TestEveryFeatureOfTheContractHasACollectionAndAPage(t *testing.T) {
	for _, f := range features(t) {
		name := filepath.Base(filepath.Dir(f.name))
		require.FileExists(t, "../../../postman/"+name+".postman_collection.json")
		require.FileExists(t, "../../../docs/features/"+name+".md")
	}
}

const toyBase = `# For readers of this file alone.
openapi: 3.0.3
info:
  title: All
  version: "1"
  description: |
    The base.
servers:
  - url: /
tags:
  - name: operator

paths:
  # Why it is there.
  /ping:
    get: {}

components:
  schemas:
    Id:
      type: string

    Problem:
      properties:
        code:
          enum:
            - invalid
            # codes of the features
        detail:
          type: string
`

const toyFeature = `# For readers of this file alone.
openapi: 3.0.3
info:
  title: Talks
  version: "1"
  description: |
    **Talks** are rated.

    Once each.
tags:
  - name: speaker
x-problem-codes:
  - too_early

paths:
  /talks:
    post: {}

    # What follows belongs to it, too.
    get: {}

components:
  parameters:
    TalkId:
      name: talk_id
  schemas:
    Talk:
      description: |
        # no comment

        Text.
`

func TestJoining(t *testing.T) {
	got, err := join(part{"base", toyBase}, part{"talks", toyFeature})
	require.NoError(t, err)
	require.Equal(t, "openapi: 3.0.3\n"+strings.Join(generated, "\n")+`
info:
  title: All
  version: "1"
  description: |
    The base.

    **Talks** are rated.

    Once each.
servers:
  - url: /
tags:
  - name: speaker
  - name: operator

paths:
  /talks:
    post: {}

    # What follows belongs to it, too.
    get: {}

  # Why it is there.
  /ping:
    get: {}

components:
  schemas:
    Id:
      type: string
    Problem:
      properties:
        code:
          enum:
            - invalid
            - too_early
        detail:
          type: string
    Talk:
      description: |
        # no comment

        Text.

  parameters:
    TalkId:
      name: talk_id
`, got)
}

func TestPartsThatDoNotAgreeAreRefused(t *testing.T) {
	const schemas = "components:\n  schemas:\n"
	for says, feature := range map[string]string{
		"talks and chats have a different /talks:":     "paths:\n  /talks:\n    get: {}\n",
		"base and chats have a different Id:":          schemas + "    Id:\n      type: integer\n",
		"talks and chats have a different Talk:":       schemas + "    Talk:\n      type: object\n",
		"chats: the code too_early is there already":   "x-problem-codes:\n  - too_early\n",
		"chats: the code invalid is there already":     "x-problem-codes:\n  - invalid\n",
		`chats: "servers:" is the base file's alone`:   "servers:\n  - url: /chats\n",
		"chats has /chats: twice":                      "paths:\n  /chats:\n  /chats:\n",
		`chats: "openapi: 3.1.0" is the base file's`:   "openapi: 3.1.0\n",
		"chats has - name: chat twice":                 "tags:\n  - name: chat\n  - name: chat\n",
		`chats: "    /chats:" belongs to nothing`:      "paths:\n    /chats:\n",
		`chats: "  description: |" is missing in info`: "info:\n  title: Chats\n",
	} {
		if !strings.Contains(feature, "info:") {
			feature = "info:\n  description: |\n    Chats.\n" + feature
		}
		_, err := join(part{"base", toyBase}, part{"talks", toyFeature}, part{"chats", feature})
		require.ErrorContains(t, err, says)
	}
	same := "info:\n  description: |\n    Chats.\n" + schemas + "    Id:\n      type: string\n"
	_, err := join(part{"base", toyBase}, part{"chats", same})
	require.NoError(t, err, "what is the same in both is there once")
}

func TestUnderAPathTheContractNamesIt(t *testing.T) {
	require.Contains(t, string(File("")), "\nservers:\n  - url: /\n")
	require.Contains(t, string(File("/polls")), "\nservers:\n  - url: /polls\n    description:")
}
