// Package report keeps what the benchmark measured: as JSON, as the tables of docs/benchmarks.md, and as plots.
package report

import (
	"encoding/json"
	"errors"
	"os"
	"slices"
	"time"
)

// Results is everything that was measured. Each part is of its own run, and nil before the first.
type Results struct {
	Throughput   *Throughput   `json:"throughput,omitempty"`
	Bulk         *Bulk         `json:"bulk,omitempty"`
	Degradation  *Degradation  `json:"degradation,omitempty"`
	Stampede     *Stampede     `json:"stampede,omitempty"`
	Viewers      *Viewers      `json:"viewers,omitempty"`
	Growth       *Growth       `json:"growth,omitempty"`
	Alternatives *Alternatives `json:"alternatives,omitempty"`
}

// Run says when, where and of what a part was measured.
type Run struct {
	At      time.Time `json:"at"`
	Commit  string    `json:"commit"` // of the repository; "+" behind it: with changes
	Machine Machine   `json:"machine"`
	Rounds  int       `json:"rounds"`
	Seconds int       `json:"seconds"` // of each load
	// LoadAverage is the machine's of one minute, when the part began and when it ended.
	LoadAverage []float64 `json:"load_average,omitempty"`
}

// Machine is what it ran on. Nothing here names one machine.
type Machine struct {
	CPU        string `json:"cpu"`
	Cores      int    `json:"cores"`
	MemoryGB   int    `json:"memory_gb"`
	Kernel     string `json:"kernel"`
	System     string `json:"system"`
	Go         string `json:"go"`
	PostgreSQL string `json:"postgresql"`
	RabbitMQ   string `json:"rabbitmq"`
	NGINX      string `json:"nginx"`
	Wrk        string `json:"wrk"`
}

// The contestants of Throughput.
const (
	NoOp          = "no-op"
	NoOpNGINX     = "no-op, NGINX"
	Plenary       = "Plenary"
	PlenaryRooms  = "Plenary, 8 rooms"
	PlenaryLog    = "Plenary, access log"
	PlenaryAsync  = "Plenary, respond-async"
	PlenaryNGINX  = "Plenary, NGINX"
	PlenaryNAsync = "Plenary, NGINX, respond-async"
	Embedded      = "Plenary embedded"
	Message       = "message per vote"
	Insert        = "transaction per vote, insert only"
	Transaction   = "transaction per vote, with tally"
	Statement     = "statement per vote, with tally"
	StatementFew  = "statement per vote, 8 connections"
)

// Contestants lists them in the order of tables.
var Contestants = []string{NoOp, Plenary, PlenaryRooms, PlenaryLog, PlenaryAsync, NoOpNGINX, PlenaryNGINX, PlenaryNAsync, Embedded, Message, Insert,
	Transaction, Statement, StatementFew}

// Named are those of them that run only when they are named: slower variants of others.
var Named = []string{Statement}

// perVote are those that commit each vote by itself and keep a tally, so that results need not count rows.
var perVote = []string{Transaction, Statement, StatementFew}

// Throughput is the closed loop: as many votes as so many connections can cast.
type Throughput struct {
	Run
	CPUUntilLast bool     `json:"cpu_until_last,omitempty"` // CPU ends when the last vote was seen counted; else up to 0.4 s later
	Loads        []Closed `json:"loads"`
}

// Closed is one load of wrk on one contestant.
type Closed struct {
	Contestant   string             `json:"contestant"`
	Connections  int                `json:"connections"`
	Round        int                `json:"round"`
	Seconds      float64            `json:"seconds"`      // that wrk sent for
	Acknowledged int64              `json:"acknowledged"` // 2xx that wrk has seen
	Refused      int64              `json:"refused"`      // other answers
	Broken       int64              `json:"broken"`       // connections lost and answers not in time
	Counted      int64              `json:"counted"`      // in the end; what was under way when wrk stopped, too
	Backlog      int64              `json:"backlog"`      // acknowledged and not counted when wrk stopped
	Drain        float64            `json:"drain"`        // seconds from then until that was counted; without a backlog, older files have what was under way
	P50          float64            `json:"p50_ms"`
	P99          float64            `json:"p99_ms"`
	CPU          map[string]float64 `json:"cpu_us"`            // microseconds per counted vote, by process; until all was counted
	Rooms        []int64            `json:"rooms,omitempty"`   // votes counted in each, where there are several
	Looks        int                `json:"looks,omitempty"`   // how often PostgreSQL was asked for the sessions that wait for a lock
	Waiting      int                `json:"waiting,omitempty"` // how many there were, in all looks together
	Answers      map[string]int64   `json:"answers,omitempty"` // by status, as the API has counted them
}

// Rate is votes a second, the same way for all: those whose answer wrk has seen, over the time until the last of them was
// counted; so a backlog is no gain, and neither is what was still under way.
func (c Closed) Rate() float64 {
	return float64(c.Acknowledged) / (c.Seconds + c.drained())
}

// drained is how long acknowledged votes were waited for.
func (c Closed) drained() float64 {
	if c.Backlog == 0 {
		return 0
	}
	return c.Drain
}

// TotalCPU is that of all processes but the load generator.
func (c Closed) TotalCPU() (sum float64) {
	for name, us := range c.CPU {
		if name != "wrk" {
			sum += us
		}
	}
	return sum
}

// Bulk is how fast PostgreSQL takes the same rows in batches, with nothing before it.
type Bulk struct {
	Run
	Loads []BulkLoad `json:"loads"`
}

// The ways of Bulk.
const (
	RawUnnest  = "unnest"            // one upsert of arrays that were encoded before, in a transaction of its own
	RawCopy    = "COPY"              // COPY into a temporary table, and the upsert from there
	RawSQLite  = "SQLite"            // one upsert into SQLite, in the writer's own process, of bytes that were made before
	StoreCount = "the store's Count" // the product's whole transaction
)

// BulkLoad is one of it.
type BulkLoad struct {
	How   string             `json:"how"`
	Batch int                `json:"batch"` // rows of a transaction
	Round int                `json:"round"`
	Rows  int64              `json:"rows"`
	Took  float64            `json:"seconds"`
	CPU   map[string]float64 `json:"cpu_us"` // microseconds per row
}

// Degradation is the open loop: latencies against the offered rate.
type Degradation struct {
	Run
	Levels  []Level `json:"levels"`
	Counted []Level `json:"counted"`           // votes at 2,000 a second, one value per round
	Control []Level `json:"control,omitempty"` // the same for the no-op, in turn
}

// Level is one offered rate.
type Level struct {
	Call     string             `json:"call"` // "vote", "current", "results"
	Offered  float64            `json:"offered"`
	Achieved float64            `json:"achieved"` // answered as wished, a second
	Due      int                `json:"due"`
	Missed   int                `json:"missed"` // without an answer when the load was given up
	Answers  map[int]int        `json:"answers"`
	Ms       map[string]float64 `json:"ms"`              // "50", "90", "99", "99.9", "100": the percentile's latency
	Reads    float64            `json:"reads,omitempty"` // of the database a second, as in Viewed; of calls that read
}

// Stampede is everybody at once.
type Stampede struct {
	Run
	Clients   int     `json:"clients"`
	Processes int     `json:"processes"`
	Bursts    []Burst `json:"bursts"`
}

// Burst is one stampede. Times are milliseconds from the signal.
type Burst struct {
	Contestant   string             `json:"contestant"`
	Round        int                `json:"round"`
	Connect      float64            `json:"connect_ms"` // until all clients were connected and had used their connection once
	Sent         float64            `json:"sent_ms"`
	First        float64            `json:"first_ms"`
	Last         float64            `json:"last_ms"`
	Ms           map[string]float64 `json:"ms"`
	Acknowledged int                `json:"acknowledged"`
	Answers      map[string]int     `json:"answers"`
	Broken       int                `json:"broken"`
	NGINX        map[string]int     `json:"nginx,omitempty"` // what it has logged as errors, by what it said
	Counted      int64              `json:"counted"`
	CountedAt    float64            `json:"counted_ms"` // when the last one was
	Curve        [][2]float64       `json:"curve"`      // milliseconds, share acknowledged
}

// Load reads results; a file that is not there holds none.
func Load(path string) (r Results, err error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(raw, &r)
}

// Save writes results.
func (r Results) Save(path string) error {
	raw, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(raw, '\n'), 0o644)
}

// Median of values; 0 of none.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	v := slices.Sorted(slices.Values(values))
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}
