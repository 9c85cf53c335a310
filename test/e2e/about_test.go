package e2e

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/test/stack"
)

// serving is what operators are told at the root of the API.
type serving struct {
	Name     string   `json:"name"`
	Version  string   `json:"version"`
	Commit   string   `json:"commit"`
	Features []string `json:"features"`
	Backends []struct {
		Name    string `json:"name"`
		Kind    string `json:"kind"`
		Answers bool   `json:"answers"`
	} `json:"backends"`
}

// answering gives what kinds of backends there are, and which of them answer.
func (a serving) answering() map[string]bool {
	all := map[string]bool{}
	for _, b := range a.Backends {
		all[b.Name+" "+b.Kind] = b.Answers
	}
	return all
}

func TestOperatorsAreToldWhatServesAndWhatIsAway(t *testing.T) {
	t.Parallel()
	s, st := own(t, stack.Config{Parts: stack.Servers | stack.API | stack.Worker, APIs: 1,
		Workers: 1})
	asks := func() (now serving) {
		t.Helper()
		a := s.read(Request{Method: http.MethodGet, Path: Base + "/"}, &now)
		secret := []string{"postgres:", "amqp:", "127.0.0.1", "localhost"}
		for _, text := range append(st.AMQPURLs, st.DatabaseURL) {
			at, err := url.Parse(text)
			require.NoError(t, err)
			secret = append(secret, at.Host)
			if password, ok := at.User.Password(); ok && password != "" {
				secret = append(secret, password)
			}
		}
		for _, text := range secret {
			require.NotContains(t, string(a.Body), text)
		}
		return now
	}
	now := asks()
	require.Equal(t, "plenary", now.Name)
	require.NotEmpty(t, now.Version)
	require.NotEmpty(t, now.Commit)
	require.Contains(t, now.Features, "polls")
	answers := now.answering()
	require.True(t, answers["database postgresql"])
	require.True(t, answers["queue rabbitmq"])

	require.NoError(t, st.Postgres.Stop())
	require.Eventually(t, func() bool { return !asks().answering()["database postgresql"] },
		wait, tick)
	require.True(t, asks().answering()["queue rabbitmq"], "it is there")
	require.NoError(t, st.Postgres.Start(t.Context()))
	require.Eventually(t, func() bool { return asks().answering()["database postgresql"] },
		wait, tick)
}
