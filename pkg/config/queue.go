package config

import "github.com/plenary-live/plenary/pkg/queue"

// Queue has the settings of the ordered log.
type Queue struct {
	AMQPURLs   []string // nodes of one cluster; empty: in-process
	Partitions int
	QueueBytes int64
}

var queueSettings = []Setting{
	{"AMQP_URL", "", "amqp://… or amqps://…, several with commas between",
		"The RabbitMQ that carries votes from the API to the workers, or the nodes of its " +
			"cluster. Empty: the API counts votes itself.",
		func(c *Config, v string) (err error) {
			c.AMQPURLs, err = urls(v, "amqp", "amqps")
			return err
		}},
	{"PARTITIONS", "1", "1 to 256",
		"The number of ordered queues over which new presentations spread. A rolling restart " +
			"raises it. A lower number leaves queues unused, and takes none away.",
		func(c *Config, v string) (err error) {
			c.Partitions, err = number(v, 1, queue.MaxPartitions)
			return err
		}},
	{"QUEUE_BYTES", "268435456", "1048576 to 1099511627776",
		"Bytes that a partition's queue may hold. A full one refuses, and voters get 503. It " +
			"is part of the queue's declaration: change it only together with the queue.",
		func(c *Config, v string) (err error) {
			n, err := number(v, 1<<20, 1<<40)
			c.QueueBytes = int64(n)
			return err
		}},
}
