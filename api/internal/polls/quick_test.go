package polls

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/api/internal/polls/fast"
	"github.com/plenary-live/plenary/api/internal/polls/fast/fasttest"
)

func TestTheUsualVotesNeedNoReflection(t *testing.T) {
	for _, body := range []string{
		fasttest.ABody,
		" {\n\t\"client_id\" : \"01941f29-7c00-7bbb-8bbb-bbbbbbbbbbbb\" , \"seq\" : " +
			"999999999999999 ,\r\n \"key\" : \"\" , " +
			`"poll_id":"01941F29-7C00-7AAA-8AAA-AAAAAAAAAAAA"}` + "\n",
		fasttest.APassBody, strings.Replace(fasttest.APassBody, "nB0c", "", 1), `{"seq":7,` +
			fasttest.APassBody[1:],
	} {
		_, ok := fast.Ballot([]byte(body))
		require.True(t, ok, body)
		sameAsSlow(t, []byte(body))
	}
}

func TestWhatIsUnusualIsLeftToTheUsualReader(t *testing.T) {
	const id = `"01941f29-7c00-7aaa-8aaa-aaaaaaaaaaaa"`
	for _, body := range []string{
		``, `{`, `{}`, `[]`, `null`, `"A"`, fasttest.ABody + fasttest.ABody, fasttest.ABody +
			"x", fasttest.ABody[:len(fasttest.ABody)-1], fasttest.ABody[:len(fasttest.ABody)-1] +
			",}",
		`{"poll_id":` + id + `,"client_id":` + id + `}`,
		`{"poll_id":` + id + `,"key":"A","key":"B","client_id":` + id + `}`,
		`{"poll_id":` + id + `,"key":"A","client_id":` + id + `,"seq":0}`,
		`{"poll_id":` + id + `,"key":"A","client_id":` + id + `,"seq":01}`,
		`{"poll_id":` + id + `,"key":"A","client_id":` + id + `,"seq":-1}`,
		`{"poll_id":` + id + `,"key":"A","client_id":` + id + `,"seq":1.5}`,
		`{"poll_id":` + id + `,"key":"A","client_id":` + id + `,"seq":1e3}`,
		`{"poll_id":` + id + `,"key":"A","client_id":` + id + `,"seq":1,"seq":2}`,
		`{"poll_id":` + id + `,"key":"A","client_id":` + id + `,"seq":9007199254740992}`,
		`{"poll_id":` + id + `,"key":"A","client_id":` + id + `,"seq":"1"}`,
		`{"poll_id":` + id + `,"keys":["A"],"client_id":` + id + `}`,
		`{"poll_id":` + id + `,"key":null,"client_id":` + id + `}`,
		`{"poll_id":` + id + `,"key":"\u0041","client_id":` + id + `}`,
		`{"poll_id":` + id + `,"key":"é","client_id":` + id + `}`,
		`{"poll_id":` + id + `,"key":"A","client_id":` + id + `,"more":1}`,
		`{"POLL_ID":` + id + `,"key":"A","client_id":` + id + `}`,
		`{"poll_id":"00000000-0000-0000-0000-000000000000","key":"A","client_id":` + id + `}`,
		`{"poll_id":"{1941f29-7c00-7aaa-8aaa-aaaaaaaaaaa}","key":"A","client_id":` + id + `}`,
		`{"poll_id":"01941f297c007aaa8aaaaaaaaaaaaaaa","key":"A","client_id":` + id + `}`,
		`{"poll_id":` + id + `,"key":"A","pass":"x","client_id":` + id + `}`,
		`{"poll_id":` + id + `,"key":"A","pass":"x","pass":"x"}`,
		`{"poll_id":` + id + `,"key":"A","pass":null}`,
		`{"poll_id":` + id + `,"key":"A","pass":7}`,
		`{"poll_id":` + id + `,"key":"A","pass":["x"]}`,
		`{"poll_id":` + id + `,"key":"A","pass":"\u0000"}`,
		`{"poll_id":` + id + `,"key":"A","pass":"😀"}`,
		`{"poll_id":` + id + `,"key":"A","Pass":"x"}`,
	} {
		_, ok := fast.Ballot([]byte(body))
		require.False(t, ok, body)
	}
}

// FuzzQuickBallot: whatever the quick reader takes, the usual one takes as well, and reads the
// same.
func FuzzQuickBallot(f *testing.F) {
	f.Add([]byte(fasttest.ABody))
	f.Add([]byte(`{"seq":7,` + fasttest.ABody[1:]))
	f.Add([]byte(fasttest.APassBody))
	f.Add([]byte(`{"client_id":"",` + fasttest.APassBody[1:]))
	f.Fuzz(func(t *testing.T, body []byte) { sameAsSlow(t, body) })
}

func sameAsSlow(t *testing.T, body []byte) {
	quick, ok := fast.Ballot(body)
	if !ok {
		return
	}
	var v newVote
	require.NoError(t, json.Unmarshal(body, &v), "%q", body)
	slow, err := v.ballot()
	require.NoError(t, err, "%q", body)
	require.Equal(t, slow, quick, "%q", body)
}

func TestReadingAVoteAllocatesNoMoreThanItsKeys(t *testing.T) {
	for _, body := range [][]byte{[]byte(fasttest.ABody), []byte(fasttest.APassBody)} {
		require.LessOrEqual(t, testing.AllocsPerRun(100, func() { _, _ = fast.Ballot(body) }), 1.0)
	}
}

func BenchmarkParseVote(b *testing.B) {
	for name, read := range map[string]func([]byte) error{
		"quick": func(body []byte) error {
			if _, ok := fast.Ballot(body); !ok {
				return fmt.Errorf("not quick")
			}
			return nil
		},
		"encoding/json": func(body []byte) error {
			var v newVote
			if err := json.Unmarshal(body, &v); err != nil {
				return err
			}
			_, err := v.ballot()
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := read([]byte(fasttest.ABody)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
