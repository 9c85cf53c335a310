//go:build linux

package bench

import (
	"context"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"

	"github.com/plenary-live/plenary/test/stack"
)

// storeCall is a line of an API's metrics: how often it has called its store in one way.
var storeCall = regexp.MustCompile(`(?m)^plenary_store_seconds_count\{.*\bcall="(\w+)".*\} (\S+)$`)

// reads tells how often the APIs have read from the store. Presence is written, not read.
func (p *plenary) reads(ctx context.Context) (sum float64, err error) {
	for _, api := range p.APIs {
		text, err := metrics(ctx, api)
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

// sized is a line of metrics: the votes of all batches or transactions, or how many there were.
var sized = regexp.MustCompile(`(?m)^plenary_(batch|count)_votes_(sum|count) (\S+)$`)

// sizes gives the votes of all batches and transactions, and how many of both there were.
func (p *plenary) sizes(ctx context.Context) (map[string]float64, error) {
	sizes := map[string]float64{}
	for _, process := range slices.Concat(p.APIs, p.Workers) {
		text, err := metrics(ctx, process)
		if err != nil {
			return nil, err
		}
		for _, found := range sized.FindAllSubmatch(text, -1) {
			n, err := strconv.ParseFloat(string(found[3]), 64)
			if err != nil {
				return nil, err
			}
			sizes[string(found[1])+" "+string(found[2])] += n
		}
	}
	return sizes, nil
}

func metrics(ctx context.Context, p *stack.Process) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.OperatorsURL+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	return io.ReadAll(answer.Body)
}
