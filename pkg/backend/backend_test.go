package backend_test

import (
	"log/slog"
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
	open := func() int {
		cfg, err := config.Load(func(name string) (string, bool) {
			value,
				ok := settings[name]
			return value, ok
		})
		require.NoError(t, err)
		b := backend.New(cfg, telemetry.NewMetrics(), slog.New(slog.DiscardHandler))
		defer func() { require.NoError(t, b.Close()) }()
		require.NoError(t, b.Open(t.Context()))
		n, err := b.Engine.CountPartitions(t.Context())
		require.NoError(t, err)
		require.Equal(t, n, b.Partitions)
		return n
	}
	require.Equal(t, 1, open())
	settings["PLENARY_PARTITIONS"] = "3"
	require.Equal(t, 3, open())

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
	require.Equal(t, 3, open())
	_, err = ch.QueueDeclarePassive("plenary.votes.2", true, false, false, false, nil)
	require.NoError(t, err)
	_, err = ch.QueueDeclarePassive("plenary.votes.3", true, false, false, false, nil)
	require.ErrorContains(t, err, "no queue 'plenary.votes.3'")
}
