package httpapi

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const aBody = `{"poll_id":"01941f29-7c00-7aaa-8aaa-aaaaaaaaaaaa","key":"A","client_id":"01941f29-7c00-7bbb-8bbb-bbbbbbbbbbbb"}`

const aPassBody = `{"poll_id":"01941f29-7c00-7aaa-8aaa-aaaaaaaaaaaa","key":"A","pass":"nB0cMr3rS1a6yKqkB9V1xGoVQMBQPVHqUe5D4R6mYB0qvH3Z"}`

func TestTheUsualVotesNeedNoReflection(t *testing.T) {
	for _, body := range []string{
		aBody,
		" {\n\t\"client_id\" : \"01941f29-7c00-7bbb-8bbb-bbbbbbbbbbbb\" , \"seq\" : 999999999999999 ,\r\n \"key\" : \"\" , " +
			`"poll_id":"01941F29-7C00-7AAA-8AAA-AAAAAAAAAAAA"}` + "\n",
		aPassBody, strings.Replace(aPassBody, "nB0c", "", 1), `{"seq":7,` + aPassBody[1:],
	} {
		_, ok := quickBallot([]byte(body))
		require.True(t, ok, body)
		sameAsSlow(t, []byte(body))
	}
}

func TestWhatIsUnusualIsLeftToTheUsualReader(t *testing.T) {
	const id = `"01941f29-7c00-7aaa-8aaa-aaaaaaaaaaaa"`
	for _, body := range []string{
		``, `{`, `{}`, `[]`, `null`, `"A"`, aBody + aBody, aBody + "x", aBody[:len(aBody)-1], aBody[:len(aBody)-1] + ",}",
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
		_, ok := quickBallot([]byte(body))
		require.False(t, ok, body)
	}
}

// FuzzQuickBallot: whatever the quick reader takes, the usual one takes as well, and reads the same.
func FuzzQuickBallot(f *testing.F) {
	f.Add([]byte(aBody))
	f.Add([]byte(`{"seq":7,` + aBody[1:]))
	f.Add([]byte(aPassBody))
	f.Add([]byte(`{"client_id":"",` + aPassBody[1:]))
	f.Fuzz(func(t *testing.T, body []byte) { sameAsSlow(t, body) })
}

func sameAsSlow(t *testing.T, body []byte) {
	quick, ok := quickBallot(body)
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
	for _, body := range [][]byte{[]byte(aBody), []byte(aPassBody)} {
		require.LessOrEqual(t, testing.AllocsPerRun(100, func() { _, _ = quickBallot(body) }), 1.0)
	}
}

func BenchmarkParseVote(b *testing.B) {
	for name, read := range map[string]func([]byte) error{
		"quick": func(body []byte) error {
			if _, ok := quickBallot(body); !ok {
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
				if err := read([]byte(aBody)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
