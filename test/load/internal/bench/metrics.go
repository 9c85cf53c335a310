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

// reads tells how often the APIs have read from the store. Presence is written, not read.
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
			if n, err := strconv.ParseFloat(string(found[2]), 64); err == nil &&
				string(found[1]) != "present" {
				sum += n
			}
		}
	}
	return sum, nil
}
