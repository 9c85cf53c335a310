package stack

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTheRolesOfTheProcessesHaveNoRightThatTheyDoNotNeed: all end-to-end tests run with these.
func TestTheRolesOfTheProcessesHaveNoRightThatTheyDoNotNeed(t *testing.T) {
	skipShort(t)
	t.Parallel()
	s, err := Start(t.Context(), Config{Parts: Servers})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()

	t.Run("PostgreSQL", func(t *testing.T) {
		db, err := sql.Open("postgres", s.DatabaseURL)
		require.NoError(t, err)
		defer db.Close()
		var rights bool
		require.NoError(
			t, db.QueryRow(
				"SELECT rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR "+
					"rolbypassrls FROM pg_roles WHERE rolname = current_user").Scan(&rights))
		require.False(t, rights)
		var owns string
		require.NoError(
			t, db.QueryRow(
				"SELECT string_agg(datname, ' ') FROM pg_database WHERE "+
					"pg_has_role(current_user, datdba, 'member')").Scan(&owns))
		require.Equal(t, "plenary", owns)
		for _, forbidden := range []string{
			"CREATE ROLE other", "CREATE DATABASE other", "ALTER ROLE plenary SUPERUSER",
			"COPY pg_class TO PROGRAM 'true'", "SELECT pg_read_file('postgresql.conf')",
			"SELECT rolpassword FROM pg_authid", "ALTER SYSTEM SET fsync = off",
			"SELECT pg_reload_conf()", "CREATE EXTENSION file_fdw", "SET ROLE postgres",
			"CREATE SCHEMA other AUTHORIZATION postgres",
		} {
			_, err := db.Exec(forbidden)
			require.Error(t, err, forbidden)
		}
		for _, other := range []string{"postgres", "template1"} {
			require.Error(t, execSQL(context.Background(), otherDatabase(t, s.DatabaseURL, other),
				"SELECT 1"), other)
		}
	})
	t.Run("RabbitMQ", func(t *testing.T) {
		users, err := s.Rabbitmqctl(t.Context(), 0, "list_users", "-q", "--no-table-headers")
		require.NoError(t, err)
		require.Equal(t, "plenary\t[]\n", users)
		conn, err := amqp.Dial(s.AMQPURLs[0])
		require.NoError(t, err)
		defer conn.Close()
		try := func(call func(*amqp.Channel) error) error {
			ch, err := conn.Channel()
			require.NoError(t, err)
			defer ch.Close()
			closed := ch.NotifyClose(make(chan *amqp.Error, 1))
			if err = call(ch); errors.Is(err, amqp.ErrClosed) { // before the call: for a reason
				return <-closed
			}
			return err
		}
		declare := func(name string) func(*amqp.Channel) error {
			return func(ch *amqp.Channel) error {
				_, err := ch.QueueDeclare(name, true, false, false, false, nil)
				return err
			}
		}
		require.NoError(t, try(declare("plenary.x")))
		require.NoError(t, try(declare("")))
		require.NoError(t, try(func(ch *amqp.Channel) error {
			if err := errors.Join(ch.Confirm(false),
				ch.ExchangeDeclare("plenary.y", "fanout", true, false, false, false, nil),
				ch.QueueBind("plenary.x", "", "plenary.y", false, nil)); err != nil {
				return err
			}
			for _, exchange := range []string{"", "plenary.y"} {
				confirm, err := ch.PublishWithDeferredConfirm(exchange, "plenary.x", true, false,
					amqp.Publishing{})
				if err != nil {
					return err
				}
				if kept, err := confirm.WaitContext(t.Context()); err != nil || !kept {
					return fmt.Errorf("published to %q: %t, %w", exchange, kept, err)
				}
				if _, there, err := ch.Get("plenary.x", true); err != nil || !there {
					return fmt.Errorf("published to %q: %t, %w", exchange, there, err)
				}
			}
			return nil
		}), "all that they do")
		for name, call := range map[string]func(*amqp.Channel) error{
			"a queue of another name":      declare("other"),
			"a name that only contains it": declare("my.plenary.x"),
			"an exchange of another name": func(ch *amqp.Channel) error {
				return ch.ExchangeDeclare("other", "fanout", true, false, false, false, nil)
			},
			"writing to a foreign exchange": func(ch *amqp.Channel) error {
				if err := ch.Publish("amq.topic", "", false, false, amqp.Publishing{}); err != nil {
					return err
				}
				// it answers, what is before it does not
				_, err := ch.QueueDeclarePassive("plenary.x", true, false, false, false, nil)
				return err
			},
			"reading a foreign exchange": func(ch *amqp.Channel) error {
				return ch.QueueBind(
					"plenary.x", "", "amq.topic", false, nil)
			},
			"the broker's own record": func(ch *amqp.Channel) error {
				return ch.QueueBind(
					"plenary.x", "#", "amq.rabbitmq.trace", false, nil)
			},
		} {
			assert.ErrorContains(t, try(call), "ACCESS_REFUSED", name)
		}
		other, err := s.RabbitAdminURL(t.Context())
		require.NoError(t, err)
		require.NotEqual(t, s.AMQPURLs[0], other)
	})
}

// otherDatabase is the URL of another database on the same server, for the same role.
func otherDatabase(t *testing.T, dsn, name string) string {
	u, err := url.Parse(dsn)
	require.NoError(t, err)
	u.Path = "/" + name
	return u.String()
}
