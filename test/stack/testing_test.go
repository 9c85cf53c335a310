package stack_test

import (
	"database/sql"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/test/stack"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(stack.Main(m)) }

func TestPostgresURLIsADatabaseOfTheTestsOwn(t *testing.T) {
	names := map[string]bool{}
	for range 2 {
		db, err := sql.Open("postgres", stack.PostgresURL(t))
		require.NoError(t, err)
		var name, fsync, commit string
		row := db.QueryRow("SELECT current_database(), current_setting('fsync'), current_setting('synchronous_commit')")
		require.NoError(t, row.Scan(&name, &fsync, &commit))
		require.Equal(t, []string{"on", "on"}, []string{fsync, commit}, "the guarantees rest on both")
		require.False(t, names[name])
		names[name] = true
		require.NoError(t, db.Close())
	}
}

func TestRabbitMQURLIsAVirtualHostOfTheTestsOwn(t *testing.T) {
	hosts := map[string]bool{}
	for range 2 {
		conn, err := amqp.Dial(stack.RabbitMQURL(t))
		require.NoError(t, err)
		require.False(t, hosts[conn.Config.Vhost])
		hosts[conn.Config.Vhost] = true
		ch, err := conn.Channel()
		require.NoError(t, err)
		q, err := ch.QueueDeclare("votes", true, false, false, false, amqp.Table{"x-queue-type": "quorum"})
		require.NoError(t, err)
		require.Zero(t, q.Messages)
		require.NoError(t, conn.Close())
	}
}
