package chaos

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/plenary-live/plenary/test/stack"
)

// A fault that missed proves nothing. What is here says what it did, or fails it.

// awaitUnknown is evidence that voters noticed. Since there were so many, at least one more vote
// was left without an answer that says whether it counts.
func (s *Scene) awaitUnknown(since int64) error {
	for deadline := time.Now().Add(15 * time.Second); s.crowd.unknown.Load() <= since; {
		if time.Now().After(deadline) {
			return errors.New("nobody noticed: every vote got its answer")
		}
		if err := s.Wait(5 * time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// awaitCounted is evidence that a replica serves: one more vote that was sent to it counts.
func (s *Scene) awaitCounted(replica *client) error {
	since := replica.counted.Load()
	for deadline := time.Now().Add(patience); replica.counted.Load() <= since; {
		if time.Now().After(deadline) {
			return fmt.Errorf("no vote that was sent to %s counts", replica.base)
		}
		if err := s.Wait(5 * time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// greetings are what each server answers to at once, without knowing who asks: a protocol's header
// of another version, a question for encryption, a ping.
var greetings = map[string]string{
	"rabbitmq": "AMQP\x01\x01\x00\x08", "postgres": "\x00\x00\x00\x08\x04\xd2\x16\x2f",
	"api": "GET /api/v1/ping HTTP/1.1\r\nHost: x\r\n\r\n",
}

// greet asks whatever server is at an address, and takes leave. It says how long it took until the
// first byte of an answer came, and why none did. It says how much later the other side ended the
// connection.
func greet(address, kind string, patience time.Duration) (took, lingered time.Duration, err error) {
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = conn.Close() }()
	began := time.Now()
	if err := conn.SetDeadline(began.Add(patience)); err != nil {
		return 0, 0, err
	}
	if _, err = conn.Write([]byte(greetings[kind])); err == nil {
		_, err = conn.Read(make([]byte, 1))
	}
	took = time.Since(began)
	if err == nil {
		_ = conn.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, conn)
	}
	return took, time.Since(began) - took, err
}

// isSilent is evidence that a process is suspended: it takes connections, as the kernel does for
// it, and answers nothing.
func isSilent(p *stack.Process, kind string) error {
	// on a busy machine it takes a moment until all of its threads stand still
	for try := 1; ; try++ {
		_, _, err := greet(net.JoinHostPort("127.0.0.1", strconv.Itoa(p.Port)), kind, time.Second)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		if try == 3 {
			return fmt.Errorf("%s is not suspended: %w", p.Name,
				cmp.Or(err, errors.New("it answers")))
		}
	}
}

// logSize says how long a process's log is now.
func logSize(p *stack.Process) int64 {
	info, err := os.Stat(p.Log)
	if err != nil {
		return 0
	}
	return info.Size()
}

// logged is evidence from a process's log: behind a place it says something.
func logged(p *stack.Process, from int64, text string) error {
	f, err := os.Open(p.Log)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	said, err := io.ReadAll(io.NewSectionReader(f, from, 64<<20))
	if err == nil && !strings.Contains(string(said), text) {
		err = fmt.Errorf("the log of %s does not say %q", p.Name, text)
	}
	return err
}

// web asks processes for what is no part of a history.
var web = &http.Client{Timeout: 5 * time.Second,
	Transport: &http.Transport{DisableKeepAlives: true}}

// countedBy gives how many votes each worker has counted since it runs, as it says.
func (s *Scene) countedBy() (votes []float64) {
	for _, p := range s.Workers {
		votes = append(votes, metric(p.OperatorsURL, "plenary_count_votes_sum"))
	}
	return votes
}

// metric reads a number of a process; 0: there is none.
func metric(url, name string) float64 {
	res, err := web.Get(url + "/metrics")
	if err != nil {
		return 0
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err == nil {
				return n
			}
		}
	}
	return 0
}

// activeWorker gives the worker that counts most just now.
func (s *Scene) activeWorker() (*stack.Process, error) {
	before := s.countedBy()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if err := s.Wait(300 * time.Millisecond); err != nil {
			return nil, err
		}
		best, most := -1, 0.0
		for i, votes := range s.countedBy() {
			if votes-before[i] > most {
				best, most = i, votes-before[i]
			}
		}
		if best >= 0 {
			return s.Workers[best], nil
		}
	}
	return nil, errors.New("no worker counts")
}

// counting gives the partitions of which votes are counted within a time.
func (s *Scene) counting(d time.Duration) (map[int]bool, error) {
	before, err := s.newest()
	if err != nil {
		return nil, err
	}
	if err := s.Wait(d); err != nil {
		return nil, err
	}
	after, err := s.newest()
	counting := map[int]bool{}
	for partition, id := range after {
		if id != before[partition] {
			counting[partition] = true
		}
	}
	return counting, err
}

// ask reads one number from the database.
func (s *Scene) ask(query string, args ...any) (n int, err error) {
	db, err := sql.Open("postgres", s.DatabaseURL)
	if err != nil {
		return 0, err
	}
	defer func() { _ = db.Close() }()
	return n, db.QueryRowContext(s, query, args...).Scan(&n)
}

// newest gives the newest vote that stands, by partition. Ids of votes begin with their time.
func (s *Scene) newest() (map[int]string, error) {
	db, err := sql.Open("postgres", s.DatabaseURL)
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	rows, err := db.QueryContext(s, `
		SELECT p.partition, max(v.vote_id::text) FROM votes v JOIN polls q ON q.id = v.poll_id
		JOIN presentations p ON p.id = q.presentation_id GROUP BY p.partition`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	all := map[int]string{}
	for rows.Next() {
		var partition int
		var id string
		if err := rows.Scan(&partition, &id); err != nil {
			return nil, err
		}
		all[partition] = id
	}
	return all, rows.Err()
}

// clockError gives by how much the wall clock of an API differs from ours, by the dates of its
// answers.
func clockError(p *stack.Process) (time.Duration, error) {
	res, err := web.Get(p.URL + "/api/v1/ping")
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	at, err := http.ParseTime(res.Header.Get("Date"))
	return time.Until(at), err
}
