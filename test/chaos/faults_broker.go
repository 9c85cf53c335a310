package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/plenary-live/plenary/pkg/rabbitmq"
	"github.com/plenary-live/plenary/test/stack"
)

var brokerFaults = []*Fault{
	{
		// It is gone when Kill returns, and there is no other.
		Name: "kill-rabbitmq", What: "kill -9 the only RabbitMQ node and start it again",
		Strike: func(s *Scene) error {
			s.Rabbits[0].Kill()
			if err := s.Rabbits[0].Start(s); err != nil {
				return err
			}
			s.Measure()
			return nil
		},
	},
	{
		Name: "pause-rabbitmq", What: "SIGSTOP the only RabbitMQ node for 8 s",
		Strike: func(s *Scene) error {
			if err := s.pause(s.Rabbits[0], "rabbitmq", 8*time.Second); err != nil {
				return err
			}
			s.Measure()
			return nil
		},
	},
	{
		Name: "kill-leader", What: "three RabbitMQ nodes: kill -9 the one that leads most " +
			"queues, start it again", Accepts: 10 * time.Second,
		Shape: cluster,
		Strike: func(s *Scene) error {
			leader, err := s.leader()
			if err != nil {
				return err
			}
			s.Rabbits[leader].Kill()
			s.Measure()
			if err := s.Resumed(); err != nil {
				return err
			}
			if err := s.leadsNothing(leader); err != nil {
				return err
			}
			return s.Rabbits[leader].Start(s)
		},
	},
	{
		Name: "cut-node", What: "three RabbitMQ nodes: cut the one that leads most queues off " +
			"from the others for 15 s",
		Shape:  cluster,
		Strike: cutNode,
	},
	{
		Name: "memory-alarm", What: "RabbitMQ's memory alarm for 10 s: it reads no more from " +
			"whoever publishes",
		Strike: func(s *Scene) error {
			if _, err := s.Rabbitmqctl(s, 0, "set_vm_memory_high_watermark", "absolute",
				"1MB"); err != nil {
				return err
			}
			unknown := s.crowd.unknown.Load()
			if err := s.Wait(10 * time.Second); err != nil {
				return err
			}
			alarms, err := s.Rabbitmqctl(s, 0, "eval", "rabbit_alarm:get_alarms().")
			if err != nil {
				return err
			}
			if !strings.Contains(alarms, "memory") {
				return fmt.Errorf("there is no memory alarm, but %s", alarms)
			}
			if err := s.awaitUnknown(unknown); err != nil {
				return err
			}
			if _, err := s.Rabbitmqctl(s, 0, "set_vm_memory_high_watermark", "0.6"); err != nil {
				return err
			}
			s.Measure()
			return nil
		},
	},
	{
		Name: "repeat-batches", What: "every message of the log is put into it again, at once, " +
			"and 1 s and 4 s later, behind newer ones",
		Strike: repeatBatches,
	},
	{
		Name:   "lose-announcements",
		What:   "nobody hears the bus any more: transitions are known by the lease alone",
		Strike: loseAnnouncements,
	},
	{
		Name: "hand-over", What: "SIGTERM a worker that holds a full prefetch, while another " +
			"waits, twice", Counts: handsOver,
		Strike: handOver,
	},
}

func cluster(_ *Scene, cfg *stack.Config) { cfg.Rabbits = 3 }

// queues asks the i-th node for a property of the partitions' queues, each on a line.
func (s *Scene) queues(ctx context.Context, i int, property string) (lines []string, err error) {
	out, err := s.Rabbitmqctl(ctx, i, "list_queues", "-q", "--no-table-headers", "name", property)
	for line := range strings.Lines(out) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok &&
			strings.HasPrefix(name, "plenary.votes.") {
			lines = append(lines, value)
		}
	}
	return lines, err
}

// leader gives the node that leads most of the partitions' queues.
func (s *Scene) leader() (int, error) {
	leaders, err := s.queues(s, 0, "leader")
	if err != nil {
		return 0, err
	}
	led := make([]int, len(s.Rabbits))
	most := 0
	for _, name := range leaders {
		for i := range s.Rabbits {
			if strings.HasPrefix(name, fmt.Sprintf("rabbit%d-", i)) {
				if led[i]++; led[i] > led[most] {
					most = i
				}
			}
		}
	}
	if led[most] == 0 {
		return 0, fmt.Errorf("nobody leads: %v", leaders)
	}
	return most, nil
}

// leadsNothing is evidence that a node that was killed has lost what it led.
func (s *Scene) leadsNothing(node int) error {
	leaders, err := s.queues(s, (node+1)%len(s.Rabbits), "leader")
	if err != nil {
		return err
	}
	for _, name := range leaders {
		if strings.HasPrefix(name, fmt.Sprintf("rabbit%d-", node)) {
			return fmt.Errorf("the killed node leads still: %v", leaders)
		}
	}
	return nil
}

// loseAnnouncements takes away every way from the bus to a replica, and looks that there was none
// still when slides had moved.
func loseAnnouncements(s *Scene) error {
	const bus = `X = rabbit_misc:r(<<"/">>, exchange, <<"plenary.bus">>), `
	const count = `length(rabbit_binding:list_for_source(X)).`
	// A replica that is on its way back from an earlier fault would bind its queue again later.
	if err := s.awaitEval(bus+count, len(s.APIs)); err != nil {
		return err
	}
	const cut = `[rabbit_binding:remove(B, <<"chaos">>) || B <- ` +
		`rabbit_binding:list_for_source(X)], `
	if left, err := s.Rabbitmqctl(s, 0, "eval", bus+cut+count); err != nil ||
		strings.TrimSpace(left) != "0" {
		return errors.Join(fmt.Errorf("%s ways are left", left), err)
	}
	moved := s.crowd.moved.Load()
	if err := s.Wait(8 * time.Second); err != nil {
		return err
	}
	left, err := s.Rabbitmqctl(s, 0, "eval", bus+count)
	if err != nil || strings.TrimSpace(left) != "0" {
		return errors.Join(fmt.Errorf("%s ways are there again", left), err)
	}
	if s.crowd.moved.Load() == moved {
		return errors.New("no slide moved")
	}
	return nil
}

// awaitEval waits until an expression gives a number on the first node.
func (s *Scene) awaitEval(expression string, want int) error {
	for deadline := time.Now().Add(patience); ; {
		told, err := s.Rabbitmqctl(s, 0, "eval", expression)
		if err == nil && strings.TrimSpace(told) == strconv.Itoa(want) {
			return nil
		}
		if s.Err() != nil || time.Now().After(deadline) {
			return errors.Join(fmt.Errorf("%s gives %s, not %d", expression, told, want), err)
		}
	}
}

// cutNode has a node and the two others refuse each other, as a broken network would: each of them
// takes the other's cookie for wrong. The node is in the minority, notices, and stops serving
// (pause_minority) until it is let in again.
func cutNode(s *Scene) error {
	node, err := s.leader()
	if err != nil {
		return err
	}
	const cut = `[begin erlang:set_cookie(N, cut_off), erlang:disconnect_node(N) end || N <- ` +
		`nodes(), lists:prefix("rabbit", atom_to_list(N)), not lists:prefix("rabbitmqcli", ` +
		`atom_to_list(N))].`
	const mend = `[erlang:set_cookie(N, erlang:get_cookie()) || N <- rabbit_nodes:all(), N =/= ` +
		`node()].`
	if _, err := s.Rabbitmqctl(s, node, "eval", cut); err != nil {
		return err
	}
	s.Measure()
	err = s.Wait(12 * time.Second)
	if err == nil {
		err = s.isCut((node + 1) % len(s.Rabbits))
	}
	if _, mendErr := s.Rabbitmqctl(context.WithoutCancel(s), node, "eval", mend); err == nil {
		err = mendErr
	}
	return err
}

// isCut fails unless one of the nodes that go on sees two of three.
func (s *Scene) isCut(seenBy int) error {
	running, err := s.Rabbitmqctl(s, seenBy, "eval", "length(rabbit_nodes:all_running()).")
	if err == nil && strings.TrimSpace(running) != "2" {
		err = fmt.Errorf("the node is not cut off: %s nodes run together",
			strings.TrimSpace(running))
	}
	return err
}

// repeatBatches listens to the broker's own record of what is published, and publishes it again.
// It does so when the copy is surely in time still, and when its poll may have been sealed. That
// the copies were consumed too is sure. Behind them in the same logs are the seals, the last
// ratings and the accounts' last acts, and no run ends without those.
func repeatBatches(s *Scene) error {
	if _, err := s.Rabbitmqctl(s, 0, "trace_on"); err != nil {
		return err
	}
	admin, err := s.RabbitAdminURL(s)
	if err != nil {
		return err
	}
	conn, err := amqp.Dial(admin)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	q, err := ch.QueueDeclare("", false, true, true, false, nil)
	if err != nil {
		return err
	}
	if err := ch.QueueBind(q.Name, "publish.#", "amq.rabbitmq.trace", false, nil); err != nil {
		return err
	}
	published, err := ch.Consume(q.Name, "", true, true, false, false, nil)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var failed error
	var later sync.WaitGroup
	defer later.Wait()
	again := func(to string, d amqp.Delivery) {
		mu.Lock()
		defer mu.Unlock()
		// The mark keeps the copy of a copy out.
		failed = errors.Join(failed,
			ch.Publish("", to, false, false,
				amqp.Publishing{Headers: amqp.Table{"again": true},
					DeliveryMode: amqp.Persistent, Body: d.Body}))
	}
	repeated, over := map[string]int{}, time.After(15*time.Second)
	for {
		select {
		case d, ok := <-published:
			if !ok {
				return fmt.Errorf("the broker's record ended after %v messages", repeated)
			}
			to, stream := queueOf(d)
			if to == "" {
				continue
			}
			repeated[stream]++
			again(to, d)
			later.Go(func() {
				for _, wait := range []time.Duration{time.Second, 3 * time.Second} {
					if s.Wait(wait) == nil {
						again(to, d)
					}
				}
			})
		case <-over:
			s.Logf("%v messages were repeated", repeated)
			for _, stream := range streams {
				if repeated[stream] == 0 {
					return fmt.Errorf("nothing of the stream %s was published", stream)
				}
			}
			later.Wait()
			_, err := s.Rabbitmqctl(s, 0, "trace_off")
			return errors.Join(failed, err)
		}
	}
}

// streams are those of the log.
var streams = []string{"votes", "talks", "feed"}

// queueOf gives the queue to which a recorded message went, with its stream, if it is a
// partition's, and it is no copy of ours.
func queueOf(d amqp.Delivery) (to, stream string) {
	keys, _ := d.Headers["routing_keys"].([]any)
	if len(keys) != 1 {
		return "", ""
	}
	if properties, ok := d.Headers["properties"].(amqp.Table); ok {
		if headers, ok := properties["headers"].(amqp.Table); ok && headers["again"] != nil {
			return "", ""
		}
	}
	name, _ := keys[0].(string)
	for _, stream := range streams {
		if strings.HasPrefix(name, "plenary."+stream+".") {
			return name, stream
		}
	}
	return "", ""
}

// fullPrefetch waits until in some partition everything that a worker may hold is held.
func (s *Scene) fullPrefetch() error {
	for deadline := time.Now().Add(20 * time.Second); ; {
		held, err := s.queues(s, 0, "messages_unacknowledged")
		if err != nil {
			return err
		}
		if slices.Contains(held, fmt.Sprint(rabbitmq.Prefetch)) {
			s.Logf("held in the partitions: %v", held)
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("no partition has %d messages out: %v", rabbitmq.Prefetch, held)
		}
	}
}

// handOver keeps the counting back until the worker holds all it may, stops the worker, and lets
// go.
func handOver(s *Scene) error {
	for range 2 {
		p, err := s.activeWorker()
		if err != nil {
			return err
		}
		release, err := s.lock(lockPartitions)
		if err != nil {
			return err
		}
		err = s.fullPrefetch()
		began := time.Now()
		stopped := make(chan error, 1)
		go func() { stopped <- p.Stop() }()
		release()
		if err := errors.Join(err, <-stopped); err != nil {
			return err
		}
		if took := time.Since(began); took > handsOver {
			return fmt.Errorf("%s took %v to stop", p.Name, took)
		}
		s.Measure()
		if err := s.Resumed(); err != nil {
			return err
		}
		if err := p.Start(s); err != nil {
			return err
		}
	}
	return nil
}
