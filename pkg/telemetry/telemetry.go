// Package telemetry is what operators see: JSON logs, and metrics. Decorators around the ports
// take the metrics, so that neither the domain nor the adapters know of them.
package telemetry

import (
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/plenary-live/plenary/pkg/poll"
)

// NewLogger makes the logger of a process: a JSON object a line, none of whose values is longer
// than maxValue.
func NewLogger(w io.Writer, level slog.Level, process string) *slog.Logger {
	return slog.New(bounded{slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})}).
		With("process", process)
}

// Metrics holds every metric of a process.
type Metrics struct {
	registry *prometheus.Registry

	requests *prometheus.CounterVec
	latency  *prometheus.HistogramVec
	// answer → *answerSeries: finding series by their labels costs more than counting
	answers sync.Map

	batchVotes   prometheus.Histogram
	confirms     *prometheus.CounterVec
	confirmTime  *prometheus.HistogramVec
	verdicts     *prometheus.CounterVec
	deadLetters  *prometheus.CounterVec
	storeTime    *prometheus.HistogramVec
	storeErrors  *prometheus.CounterVec
	countedVotes prometheus.Histogram
}

// seconds are the bounds of latencies, from half a millisecond to the voter's deadline.
var seconds = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

var sizes = prometheus.ExponentialBuckets(1, 4, 8) // votes: 1 to 16384

// NewMetrics makes the metrics of a process, with Go's own.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "plenary_http_requests_total", Help: "Requests answered."},
			[]string{"method", "route", "status"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "plenary_http_request_seconds",
			Help: "Time from a request's last byte to its answer.", Buckets: seconds},
			[]string{"method", "route"}),
		batchVotes: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "plenary_batch_votes", Help: "Votes per published batch.", Buckets: sizes}),
		confirms: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "plenary_publishes_total", Help: "Entries published, by what became of them."},
			[]string{"outcome", "stream"}),
		confirmTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "plenary_confirm_seconds", Help: "Time from a publish to its confirm.",
			Buckets: seconds}, []string{"stream"}),
		verdicts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "plenary_verdicts_total", Help: "Verdicts on votes, where they were given."},
			[]string{"verdict"}),
		deadLetters: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "plenary_dead_letters_total", Help: "Entries of the log that were set aside."},
			[]string{"stream"}),
		storeTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "plenary_store_seconds", Help: "Time of a call of the store.", Buckets: seconds},
			[]string{"call"}),
		storeErrors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "plenary_store_unavailable_total",
			Help: "Calls of the store that found it away or too slow."}, []string{"call"}),
		countedVotes: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "plenary_count_votes", Help: "Votes per counting transaction.", Buckets: sizes}),
	}
	m.registry.MustRegister(m.requests, m.latency, m.batchVotes, m.confirms, m.confirmTime,
		m.verdicts, m.deadLetters,
		m.storeTime, m.storeErrors, m.countedVotes,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.begin(poll.Stream)
	return m
}

// begin has the series of a stream exist before the log is open. An alert then tells "none" from
// "no such metric".
func (m *Metrics) begin(stream string) {
	for _, outcome := range outcomes {
		m.confirms.WithLabelValues(outcome, stream)
	}
	m.confirmTime.WithLabelValues(stream)
	m.deadLetters.WithLabelValues(stream)
}

// Gauge adds a gauge that is read when somebody asks.
func (m *Metrics) Gauge(name, help string, read func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name,
		Help: help}, read))
}

// Counter adds a counter that is read when somebody asks.
func (m *Metrics) Counter(name, help string, read func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name,
		Help: help}, read))
}

type answer struct {
	method, route string
	status        int
}

type answerSeries struct {
	count   prometheus.Counter
	latency prometheus.Observer
}

// Request counts an answered request. route is the pattern, never the path: ids are not labels. The
// strings must stay as they are.
func (m *Metrics) Request(method, route string, status int, took time.Duration) {
	a := answer{method, route, status}
	found, ok := m.answers.Load(a)
	if !ok {
		found, _ = m.answers.LoadOrStore(a, &answerSeries{
			m.requests.WithLabelValues(method, route, strconv.Itoa(status)),
			m.latency.WithLabelValues(method, route),
		})
	}
	series := found.(*answerSeries)
	series.count.Inc()
	series.latency.Observe(took.Seconds())
}

// Handler serves the metrics in Prometheus' text format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
