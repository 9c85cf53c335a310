//go:build linux

package bench

import (
	"context"
	"io"
	"net/http"
	"regexp"
	"strconv"
)

// storeCall is a line of an API's metrics: how often it has called its store in one way.
var storeCall = regexp.MustCompile(`(?m)^plenary_store_seconds_count\{.*\bcall="(\w+)".*\} (\S+)$`)

// unread are calls that read nothing which a client wants: presence is written, a ping tests the
// connection, and to forget is to delete.
var unread = map[string]bool{"present": true, "ping": true, "forget": true}

// reads tells how often the APIs have read from the store.
func (p *plenary) reads(ctx context.Context) (sum float64, err error) {
	for _, api := range p.APIs {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, api.OperatorsURL+"/metrics",
			nil)
		if err != nil {
			return 0, err
		}
		answer, err := http.DefaultClient.Do(req)
		if err != nil {
			return 0, err
		}
		text, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err != nil {
			return 0, err
		}
		for _, found := range storeCall.FindAllSubmatch(text, -1) {
			n, err := strconv.ParseFloat(string(found[2]), 64)
			if err == nil && !unread[string(found[1])] {
				sum += n
			}
		}
	}
	return sum, nil
}
