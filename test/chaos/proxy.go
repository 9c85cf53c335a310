package chaos

import (
	"context"
	"fmt"
	"strings"

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

// cure makes the networks of a name good again.
func (s *Scene) cure(name string) {
	for _, p := range s.proxies[name] {
		p.Toxics.ResetToxics(context.WithoutCancel(s))
	}
}
