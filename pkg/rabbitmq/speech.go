package rabbitmq

import (
	"errors"

	amqp "github.com/rabbitmq/amqp091-go"
)

// outboxLength is how many replies and announcements may wait for the connection; more get lost.
const outboxLength = 1024

// speech is the session of the speaking connection.
type speech struct {
	conn   *conn
	outbox chan utterance
	dead   *confirmer
}

// utterance is a transient message that may get lost.
type utterance struct {
	exchange, key string
	body          []byte
}

func (l *Log) openSpeech(k *conn) (*speech, error) {
	ch, err := k.vital()
	if err != nil {
		return nil, err
	}
	if err := l.cfg.declareBus(ch); err != nil {
		return nil, err
	}
	for _, s := range l.streams {
		if err := l.cfg.declareDead(ch, s.name); err != nil {
			return nil, err
		}
	}
	s := &speech{conn: k, outbox: make(chan utterance, outboxLength)}
	if s.dead, err = newConfirmer(k); err != nil {
		return nil, err
	}
	if !k.start(func() { s.write(ch) }) {
		return nil, errLost
	}
	return s, nil
}

func (s *speech) write(ch *amqp.Channel) {
	for {
		select {
		case u := <-s.outbox:
			if err := ch.Publish(u.exchange, u.key, false, false,
				amqp.Publishing{Body: u.body}); err != nil {
				s.conn.kill(err)
				return
			}
		case <-s.conn.lost:
			return
		}
	}
}

// say sends a message that may get lost. It never waits; an error says that it is lost.
func (l *Log) say(u utterance) error {
	s, k, err := l.speaking.get()
	if err != nil {
		return err
	}
	if why := k.blocked.Load(); why != nil {
		return errors.New("speaking connection: the broker takes no messages: " + *why)
	}
	select {
	case s.outbox <- u:
		return nil
	default:
		return errors.New("speaking connection: too much waits to be sent")
	}
}
