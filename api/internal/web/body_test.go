package web

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
)

func TestMemoryForABodyGrowsWithWhatArrives(t *testing.T) {
	taken, most := 0, BodyLimits(nil).of(nil)
	take := func(n int) bool { taken += n; return true }
	arrived := io.MultiReader(strings.NewReader("x"), iotest.ErrReader(errors.New("no more")))
	_, err := readBody(arrived, MaxBody, most, take)
	require.ErrorContains(t, err, "no more")
	require.Zero(t, taken, "one byte of all that was announced")
	for _, size := range []int{0, 1, beginning, SmallBody, SmallBody + 1, 100_000, MaxBody} {
		for _, announced := range []int{size, -1} {
			taken = 0
			sent := bytes.Repeat([]byte("x"), size)
			body, err := readBody(iotest.OneByteReader(bytes.NewReader(sent)), announced, most,
				take)
			require.NoError(t, err)
			require.True(t, bytes.Equal(sent, body))
			require.LessOrEqual(t, taken, max(0, 2*size-SmallBody))
			require.GreaterOrEqual(t, taken, size-SmallBody)
		}
	}
	_, err = readBody(bytes.NewReader(make([]byte, MaxBody+1)), -1, most, take)
	require.Equal(t, fault.TooLarge, fault.CodeOf(err))
	_, err = readBody(strings.NewReader("abc"), 4, most, take)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}
