package e2e

import (
	"bytes"
	"encoding/csv"
	"net/http"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"
)

// AllResults are the results of a presentation's polls that were displayed.
type AllResults struct {
	PresentationID string `json:"presentation_id"`
	Title          string `json:"title"`
	Version        int64  `json:"version"`
	Polls          []struct {
		Results
		Question string `json:"question"`
		Kind     string `json:"kind"`
	} `json:"polls"`
}

// The three formats tell the same, and what each poll's own results say.
func TestAllResultsAgreeInEveryFormat(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := show(s.Client, choice("=1+1"), NewPoll{Question: "How?", Kind: "rating"},
			choice("Not displayed"))
		for i, key := range []string{"A", "A", "B"} {
			r.Vote(r.Polls[0].PollID, NewVoter(), key)
			if i == 2 {
				r.Next()
			}
		}
		r.Vote(r.Polls[1].PollID, NewVoter(), "4")
		r.Clear()
		finalOf(t, r, r.Polls[1].PollID)

		for _, c := range append([]*Client{s.Client}, s.replicas...) {
			r := r.Through(c)
			var all AllResults
			a := r.read(Request{Method: http.MethodGet, Path: r.Path("/results")}, &all)
			require.Equal(t, r.PresentationID, all.PresentationID)
			require.Equal(t, r.Presentation(true).Version, all.Version)
			require.Len(t, all.Polls, 2)
			for i, p := range all.Polls {
				require.Equal(t, r.Results(r.Polls[i].PollID), p.Results)
				require.Equal(t, r.Polls[i].Question, p.Question)
				require.Equal(t, r.Polls[i].Kind, p.Kind)
			}
			unlessKnown(t, c, Request{Path: r.Path("/results")}, a.Header.Get("ETag"))

			table := r.Do(Request{Method: http.MethodGet, Path: r.Path("/results"),
				Header: map[string]string{"Accept": "text/csv"}})
			rows, err := csv.NewReader(bytes.NewReader(table.Body)).ReadAll()
			require.NoError(t, err)
			rows = rows[1:]
			book, err := excelize.OpenReader(bytes.NewReader(r.Do(Request{Method: http.MethodGet,
				Path: r.Path("/results?format=xlsx")}).Body))
			require.NoError(t, err)
			sheets := book.GetSheetList()
			require.Equal(t, []string{"Overview", "1 =1+1", "2 How"}, sheets)
			for i, p := range all.Polls {
				sheet, err := book.GetRows(sheets[i+1])
				require.NoError(t, err)
				for j, o := range p.Options {
					require.Equal(t, strconv.Itoa(i+1), rows[0][0])
					require.Equal(t, []string{o.Key, o.Value,
						strconv.FormatInt(o.Count, 10)}, rows[0][7:10])
					require.Equal(t, p.Identity, rows[0][10])
					require.Equal(t, rows[0][7:10], sheet[len(sheet)-len(p.Options)+j])
					rows = rows[1:]
				}
			}
			require.Empty(t, rows)
			require.NoError(t, book.Close())
		}

		wrong := s.Do(Request{Method: http.MethodGet,
			Path: r.Path("/results?format=pdf"), Wrong: true})
		require.Equal(t, "400 invalid format", wrong.Code())
	})
}
