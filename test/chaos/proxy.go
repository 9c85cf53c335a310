package chaos

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// proxy is the network between two processes.
type proxy struct{ *toxiproxy.Proxy }

// between puts a network between two kinds of processes, whose name finds it again, and gives the address to use in place
// of the one behind it.
func (s *Scene) between(name, address string) (string, error) {
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	p := toxiproxy.NewProxy(server, name, "127.0.0.1:0", address)
	if err := p.Start(); err != nil {
		return "", err
	}
	s.cleanup = append(s.cleanup, p.Stop)
	s.proxies[name] = append(s.proxies[name], &proxy{p})
	return p.Listen, nil
}

// poison makes the networks of a name bad in both directions.
func (s *Scene) poison(name string, t trouble) error {
	for _, p := range s.proxies[name] {
		for direction, attributes := range map[string]string{"upstream": t.there, "downstream": t.back} {
			text := fmt.Sprintf(`{"type":%q,"stream":%q,"attributes":{%s}}`, t.toxic, direction, attributes)
			if _, err := p.Toxics.AddToxicJson(strings.NewReader(text)); err != nil {
				return fmt.Errorf("%s on %s: %w", t.toxic, name, err)
			}
		}
	}
	return nil
}

// cure makes the networks of a name good again. Where the proxy gets stuck over what it holds back, which happens on a busy
// machine, its connections are cut: they then end as in any other trouble.
func (s *Scene) cure(name string) error {
	for _, p := range s.proxies[name] {
		cured := make(chan struct{})
		go func() {
			defer close(cured)
			p.Toxics.ResetToxics(context.WithoutCancel(s))
		}()
		if within(cured, unstuck) {
			continue
		}
		s.Logf("the proxy %s is stuck; its connections are cut", name)
		p.Stop()
		if !within(cured, unstuck) {
			return errors.New("the proxy is stuck, and no network can be cured: that is no fault of the product")
		}
		if err := p.Start(); err != nil {
			return err
		}
	}
	return nil
}

// unstuck is how long a proxy may take to let go of what it holds back.
const unstuck = 15 * time.Second

// within says whether done is closed in time.
func within(done <-chan struct{}, limit time.Duration) bool {
	select {
	case <-done:
		return true
	case <-time.After(limit):
		return false
	}
}
