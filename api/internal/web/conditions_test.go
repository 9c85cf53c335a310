package web

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMatchingEntityTags(t *testing.T) {
	for header, want := range map[string]bool{
		`"3.17"`: true, `W/"3.17"`: true, `*`: true, `"1", "3.17"`: true,
		`"1",W/"3.17" , "x"`: true, " \"3.17\"\t": true,
		``: false, `3.17`: false, `"3.1"`: false, `"3.170"`: false, `"13.17"`: false,
		`w/"3.17"`: false, `"3.17`: false, `"*"`: false, `,`: false,
	} {
		require.Equal(t, want, matches(header, `"3.17"`), header)
	}
}
