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

func TestAWrongNumberOfPartitionsLeavesNoQueueBehind(t *testing.T) {
	settings := map[string]string{
		"PLENARY_DATABASE_URL": stack.PostgresURL(t), "PLENARY_AMQP_URL": stack.RabbitMQURL(t), "PLENARY_PARTITIONS": "1",
	}
	open := func() error {
		cfg, err := config.Load(func(name string) (string, bool) { value, ok := settings[name]; return value, ok })
		require.NoError(t, err)
		b := backend.New(cfg, telemetry.NewMetrics(), slog.New(slog.DiscardHandler))
		defer func() { require.NoError(t, b.Close()) }()
		return b.Open(t.Context())
	}
	require.NoError(t, open())
	settings["PLENARY_PARTITIONS"] = "2"
	require.ErrorContains(t, open(), "PLENARY_PARTITIONS")

	conn, err := amqp.Dial(settings["PLENARY_AMQP_URL"])
	require.NoError(t, err)
	defer conn.Close()
	ch, err := conn.Channel()
	require.NoError(t, err)
	_, err = ch.QueueDeclarePassive("plenary.votes.0", true, false, false, false, nil)
	require.NoError(t, err)
	_, err = ch.QueueDeclarePassive("plenary.votes.1", true, false, false, false, nil)
	require.ErrorContains(t, err, "no queue 'plenary.votes.1'")
}
