package web

import (
	"mime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFilesAreNamedAfterThePresentation(t *testing.T) {
	for title, want := range map[string]string{
		"": "results.csv", "Plenary, live": "Plenary-live.csv",
		"../../etc/passwd": "etc-passwd.csv", "\"\r\nX: y": "X-y.csv", "🗳️!": "results.csv",
		"Été": "Été.csv", "日本語": "日本語.csv", "العربية": "العربية.csv",
		strings.Repeat("é", 1000): strings.Repeat("é", maxFileName) + ".csv",
	} {
		header := Attachment(title, "results", CSV)
		require.NotContains(t, header, "\n")
		kind, params, err := mime.ParseMediaType(header)
		require.NoError(t, err, title)
		require.Equal(t, "attachment", kind)
		require.Equal(t, map[string]string{"filename": want}, params, title)
	}
}
