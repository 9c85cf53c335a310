package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/outbox"
)

// Name is that of the sink.
const Name = "webhook"

const (
	// atOnce is how many facts one receiver gets at once.
	atOnce = 16
	// timeout bounds a request.
	timeout = 10 * time.Second
	// maxAnswer is how many bytes of an answer are read.
	maxAnswer = 64 << 10
)

// Sender sends facts to URLs. It is safe for use by many goroutines.
type Sender struct {
	client *http.Client
	now    func() time.Time
}

// NewSender makes a sender. Private says that it may connect to addresses of the operator's own
// network.
func NewSender(private bool) *Sender {
	dialer := &net.Dialer{Timeout: timeout}
	if !private {
		dialer.Control = connectable
	}
	return &Sender{now: time.Now, client: &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{ // of no proxy: it would connect for us
			DialContext: dialer.DialContext, ForceAttemptHTTP2: true,
			TLSHandshakeTimeout: timeout, MaxIdleConnsPerHost: atOnce, MaxIdleConns: 256,
			IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: maxAnswer,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}}
}

// Close closes connections that nobody uses.
func (s *Sender) Close() { s.client.CloseIdleConnections() }

// Sink gives the sink that sends with it.
func (s *Sender) Sink() outbox.Sink {
	return outbox.Sink{Name: Name, Each: atOnce, Deliver: s.deliver}
}

func (s *Sender) deliver(ctx context.Context, job outbox.Job) []error {
	errs := make([]error, len(job.Deliveries))
	config, err := Decode(job.Integration.Config)
	if err != nil {
		for i := range errs {
			errs[i] = fmt.Errorf("%w: its settings cannot be read", outbox.ErrRefused)
		}
		return errs
	}
	var all sync.WaitGroup
	for i := range job.Deliveries {
		all.Go(func() { errs[i] = s.Send(ctx, &config, &job.Deliveries[i].Fact) })
	}
	all.Wait()
	return errs
}

// Send sends one fact, and gives nil if the receiver has taken it. Errors that are
// outbox.ErrRefused or ErrGone say that there is no use in another try.
func (s *Sender) Send(ctx context.Context, c *Config, f *outbox.Fact) error {
	event, err := f.Event()
	if err != nil {
		return fmt.Errorf("%w: %w", outbox.ErrRefused, err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL, bytes.NewReader(event))
	if err != nil {
		return fmt.Errorf("%w: its URL cannot be read", outbox.ErrRefused)
	}
	if err := s.sign(r, c, f.ID.String(), event); err != nil {
		return err
	}
	answer, err := s.client.Do(r)
	if err != nil {
		if errors.Is(err, outbox.ErrRefused) {
			return fmt.Errorf("%w: its address is none of the internet", outbox.ErrRefused)
		}
		return fault.Unavailablef(err, "the receiver does not answer")
	}
	// what is read lets the connection be used again
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, maxAnswer))
	_ = answer.Body.Close()
	return s.judge(answer)
}

// sign sets the headers of Standard Webhooks, with a signature for each secret that is valid.
func (s *Sender) sign(r *http.Request, c *Config, id string, event []byte) error {
	now := s.now()
	var signatures []string
	for _, secret := range c.valid(now) {
		hook, err := standardwebhooks.NewWebhook(secret.Text)
		if err != nil {
			return fmt.Errorf("%w: its secret cannot be read", outbox.ErrRefused)
		}
		signature, err := hook.Sign(id, now, event)
		if err != nil {
			return err
		}
		signatures = append(signatures, signature)
	}
	r.Header.Set("Content-Type", "application/cloudevents+json")
	r.Header.Set("User-Agent", "plenary")
	r.Header.Set(standardwebhooks.HeaderWebhookID, id)
	r.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	r.Header.Set(standardwebhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	return nil
}

// judge says what an answer means.
func (s *Sender) judge(answer *http.Response) error {
	said := fmt.Sprintf("the receiver answered with %d", answer.StatusCode)
	switch {
	case answer.StatusCode/100 == 2:
		return nil
	case answer.StatusCode == http.StatusGone:
		return fmt.Errorf("%w: %s", outbox.ErrGone, said)
	case answer.StatusCode == http.StatusTooManyRequests,
		answer.StatusCode == http.StatusServiceUnavailable:
		return &fault.Error{
			Code: fault.Unavailable, Detail: said, Wait: s.after(answer.Header.Get("Retry-After")),
		}
	}
	return errors.New(said)
}

// after reads when another try may help: in seconds, or a date.
func (s *Sender) after(text string) time.Duration {
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(s.now()))
	}
	return 0
}
