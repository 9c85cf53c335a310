package backend

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/config"
	"github.com/plenary-live/plenary/pkg/telemetry"
)

func TestAMailServerIsGreetedByThePublicName(t *testing.T) {
	for public, want := range map[string]string{
		"https://vote.example": "vote.example", "https://vote.example:8443/polls": "vote.example",
		"http://192.0.2.1:8080": "[192.0.2.1]", "http://[2001:db8::1]": "[IPv6:2001:db8::1]",
	} {
		require.Equal(t, want, greeting(public))
	}
}

func TestLettersAndAProviderAreThereIfTheSettingsNameThem(t *testing.T) {
	made := func(env map[string]string) *Backend {
		c, err := config.Load(func(name string) (string, bool) { v, ok := env[name]; return v, ok })
		require.NoError(t, err)
		return New(c, telemetry.NewMetrics(), slog.New(slog.DiscardHandler))
	}
	none := made(nil)
	require.Nil(t, none.Letters())
	require.Nil(t, none.Provider())
	both := made(map[string]string{
		"PLENARY_PUBLIC_URL": "https://vote.example", "PLENARY_MAIL_FROM": "a@b.example",
		"PLENARY_SMTP_URL": "smtps://u:p@h", "PLENARY_OIDC_ISSUER": "https://id.example",
		"PLENARY_OIDC_CLIENT_ID": "plenary",
	})
	require.NotNil(t, both.Letters())
	require.NotNil(t, both.Provider())
}
