package backend_test

import (
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/pkg/backend"
	"github.com/plenary-live/plenary/pkg/config"
	"github.com/plenary-live/plenary/pkg/telemetry"
	"github.com/plenary-live/plenary/test/stack"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(stack.Main(m), stack.Goroutines()) }

func TestAProcessHasTheQueuesOfItsOwnPartitionsAndOfThoseThatOthersAdded(t *testing.T) {
	settings := map[string]string{
		"PLENARY_DATABASE_URL": stack.PostgresURL(t), "PLENARY_AMQP_URL": stack.RabbitMQURL(t),
		"PLENARY_PARTITIONS": "1",
	}
	open := func(spread int) int {
		cfg, err := config.Load(func(name string) (string, bool) {
			value, ok := settings[name]
			return value, ok
		})
		require.NoError(t, err)
		b := backend.New(cfg, telemetry.NewMetrics(), slog.New(slog.DiscardHandler))
		defer func() { require.NoError(t, b.Close()) }()
		require.NoError(t, b.Open(t.Context()))
		n, err := b.Engine.CountPartitions(t.Context())
		require.NoError(t, err)
		require.Equal(t, n, b.Partitions)
		require.Equal(t, spread, b.Spread)
		return n
	}
	require.Equal(t, 1, open(1))
	settings["PLENARY_PARTITIONS"] = "3"
	require.Equal(t, 3, open(3))

	conn, err := amqp.Dial(settings["PLENARY_AMQP_URL"])
	require.NoError(t, err)
	defer conn.Close()
	ch, err := conn.Channel()
	require.NoError(t, err)
	for _, name := range []string{"plenary.votes.0", "plenary.votes.1", "plenary.votes.2"} {
		_, err = ch.QueueDelete(name, false, false, false)
		require.NoError(t, err)
	}
	settings["PLENARY_PARTITIONS"] = "1" // in the middle of a rolling restart
	require.Equal(t, 3, open(1))
	_, err = ch.QueueDeclarePassive("plenary.votes.2", true, false, false, false, nil)
	require.NoError(t, err)
	_, err = ch.QueueDeclarePassive("plenary.votes.3", true, false, false, false, nil)
	require.ErrorContains(t, err, "no queue 'plenary.votes.3'")
}

func TestNewThingsLieOverNoFewerPartitionsThanThereWereAtFirst(t *testing.T) {
	settings := map[string]string{"PLENARY_DATABASE_URL": "sqlite:" + t.TempDir() + "/plenary.db"}
	for _, c := range []struct{ setting, partitions, spread string }{
		{"4", "4", "4"}, {"", "4", "4"}, {"2", "4", "4"}, {"6", "6", "6"}, {"5", "6", "5"},
		{"1", "6", "4"},
	} {
		settings["PLENARY_PARTITIONS"] = c.setting
		cfg, err := config.Load(func(name string) (string, bool) {
			value, ok := settings[name]
			return value, ok
		})
		require.NoError(t, err)
		b := backend.New(cfg, telemetry.NewMetrics(), slog.New(slog.DiscardHandler))
		require.NoError(t, b.Open(t.Context()))
		require.Equal(t, c.partitions, strconv.Itoa(b.Partitions), "%+v", c)
		require.Equal(t, c.spread, strconv.Itoa(b.Spread), "%+v", c)
		require.NoError(t, b.Close())
	}
}

func TestSessionsHaveTheKeyOfTheDatabaseOrOfTheSecret(t *testing.T) {
	url := "sqlite:" + filepath.Join(t.TempDir(), "plenary.db")
	key := func(secret string) []byte {
		settings := map[string]string{"PLENARY_DATABASE_URL": url, "PLENARY_SECRET": secret}
		cfg, err := config.Load(func(name string) (string, bool) {
			value, ok := settings[name]
			return value, ok
		})
		require.NoError(t, err)
		b := backend.New(cfg, telemetry.NewMetrics(), slog.New(slog.DiscardHandler))
		defer func() { require.NoError(t, b.Close()) }()
		require.NoError(t, b.OpenDatabase(t.Context()))
		key, err := b.SessionKey(t.Context())
		require.NoError(t, err)
		require.Len(t, key, 32)
		return key
	}
	drawn, said := key(""), key(strings.Repeat("a", 32))
	require.Equal(t, drawn, key(""), "a restart ends no session")
	require.Equal(t, said, key(strings.Repeat("a", 32)))
	require.NotEqual(t, drawn, said)
	require.NotEqual(t, said, key(strings.Repeat("b", 32)))
}
