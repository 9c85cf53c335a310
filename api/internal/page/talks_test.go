package page

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/talk"
)

func TestThePagesKnowWhatTheAPITakesOfATalk(t *testing.T) {
	for file, want := range map[string]string{
		"assets/talks.js": fmt.Sprintf("export const most = { title: %d, comment: %d };",
			talk.MaxTitle, talk.MaxComment),
		"assets/talkform.js": fmt.Sprintf("const largest = %d;", talk.MaxMinRatings),
		"pages/rate.html":    fmt.Sprintf(`maxlength="%d"`, talk.MaxComment),
	} {
		text, err := files.ReadFile(file)
		require.NoError(t, err)
		require.Contains(t, string(text), want, file)
	}
	require.Equal(t, talk.MaxTitle, talk.MaxSpeaker, "the pages say one number for both")
}
