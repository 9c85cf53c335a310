//go:build linux

package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/plenary-live/plenary/test/stack"
)

// metrics calls take for every value of a metric that the processes expose, with its labels as they are written.
func metrics(ctx context.Context, processes []*stack.Process, name string, take func(labels string, value float64)) error {
	for _, p := range processes {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.OperatorsURL+"/metrics", nil)
		if err != nil {
			return err
		}
		answer, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		lines := bufio.NewScanner(answer.Body)
		for lines.Scan() {
			labels, found := strings.CutPrefix(lines.Text(), name+"{")
			if !found {
				continue
			}
			end := strings.LastIndexByte(labels, ' ')
			value, err := strconv.ParseFloat(labels[end+1:], 64)
			if err != nil {
				return errors.Join(fmt.Errorf("%s/metrics: %q", p.OperatorsURL, lines.Text()), err, answer.Body.Close())
			}
			take(labels[:max(end, 0)], value)
		}
		if err := errors.Join(lines.Err(), answer.Body.Close()); err != nil {
			return err
		}
	}
	return nil
}

// label gives the value of one of the labels.
func label(labels, name string) string {
	_, rest, _ := strings.Cut(labels, name+`="`)
	value, _, _ := strings.Cut(rest, `"`)
	return value
}
