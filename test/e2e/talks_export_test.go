package e2e

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"
)

// talkExport is an export as JSON.
type talkExport struct {
	At    time.Time `json:"exported_at"`
	Items []struct {
		ID       string          `json:"talk_id"`
		Code     string          `json:"code"`
		Title    string          `json:"title"`
		Speaker  string          `json:"speaker"`
		StartsAt *time.Time      `json:"starts_at"`
		EndsAt   *time.Time      `json:"ends_at"`
		Settings json.RawMessage `json:"settings"`
		Ratings  Ratings         `json:"ratings"`
		Comments []struct {
			ID     string    `json:"comment_id"`
			Text   string    `json:"text"`
			Value  int       `json:"value"`
			Hidden bool      `json:"hidden"`
			At     time.Time `json:"at"`
		} `json:"comments"`
	} `json:"items"`
}

func (c *Client) file(path, token string) *Answer {
	c.tb.Helper()
	a := c.Do(Request{Method: "GET", Path: Base + path, Token: token})
	require.Equal(c.tb, 200, a.Status, "%v", a)
	require.Contains(c.tb, a.Header.Get("Content-Disposition"), "attachment; filename")
	require.Equal(c.tb, "no-store", a.Header.Get("Cache-Control"))
	return a
}

// cellsOf reads a table.
func cellsOf(t *testing.T, a *Answer, separator rune) [][]string {
	t.Helper()
	require.Equal(t, "text/csv; charset=utf-8", a.Header.Get("Content-Type"))
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(a.Body, []byte("\uFEFF"))))
	r.Comma = separator
	rows, err := r.ReadAll()
	require.NoError(t, err)
	return rows
}

func TestAnExportHasAverageAndCountAndAllComments(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		talk := s.AddTalk(map[string]any{"title": "=SUM(1;2) + Why", "speaker": "@Ada",
			"settings": map[string]any{"min_ratings": 100}})
		for i, value := range []int{2, 4, 4, 4, 5} {
			text := ""
			if i < 2 {
				text = []string{"Good", "=1+1\nx;@y"}[i]
			}
			require.Equal(t, 204, talk.Rate(NewRating{Value: value, Comment: text}, patient).Status)
		}
		var all talkExport
		path := "/talks/" + talk.ID + "/export"
		require.NoError(t, s.file(path, talk.Owner).Decode(&all))
		require.WithinDuration(t, time.Now(), all.At, time.Minute)
		require.Len(t, all.Items, 1)
		one := all.Items[0]
		require.Equal(t, "=SUM(1;2) + Why", one.Title, "JSON has every text as it was written")
		require.Equal(t, Histogram(0, 1, 0, 3, 1), one.Ratings.Histogram)
		require.EqualValues(t, 5, *one.Ratings.Count)
		require.Equal(t, 3.8, *one.Ratings.Average)
		require.Equal(t, 4.0, *one.Ratings.Median)
		require.Len(t, one.Comments, 2)
		require.Equal(t, "=1+1\nx;@y", one.Comments[0].Text)
		hide := Request{Method: "PATCH", Path: talk.Path("/comments/" + one.Comments[1].ID),
			Token: talk.Owner, JSON: object{"hidden": true}}
		require.Equal(t, 200, s.Do(hide).Status)

		rows := cellsOf(t, s.file(path+"?format=csv", talk.Owner), ',')
		require.Len(t, rows, 3)
		require.Equal(t, []string{talk.ID, talk.Code, "'=SUM(1;2) + Why", "'@Ada", "", "", "5",
			"3.8", "4", "0", "1", "0", "3", "1", "client", "'=1+1\n" + "x;'@y", "4", "false"},
			rows[1][:18], "no text is a formula")
		require.Equal(t, []string{"Good", "2", "true"}, rows[2][15:18])
		plain := *s.Client
		plain.contract = nil // which reads tables with commas only
		german := cellsOf(t, plain.file(path+"?format=csv&separator=%3B", talk.Owner), ';')
		require.Equal(t, "3,8", german[1][7])

		book, err := excelize.OpenReader(bytes.NewReader(
			s.file(path+"?format=xlsx", talk.Owner).Body))
		require.NoError(t, err)
		defer func() { require.NoError(t, book.Close()) }()
		require.Equal(t, []string{"Talks", "Comments"}, book.GetSheetList())
		talks, err := book.GetRows("Talks")
		require.NoError(t, err)
		require.Equal(t, []string{talk.Code, "'=SUM(1;2) + Why", "5", "3.8", "4", "0", "1", "0",
			"3", "1", "client", "'@Ada", "", "", talk.ID}, talks[2])
		comments, err := book.GetRows("Comments")
		require.NoError(t, err)
		require.Len(t, comments, 3)
		require.Equal(t, "'=1+1\nx;'@y", comments[1][1])
		formula, err := book.GetCellFormula("Comments", "B2")
		require.NoError(t, err)
		require.Empty(t, formula)

		none := s.AddTalk(nil)
		rows = cellsOf(t, s.file("/talks/"+none.ID+"/export?format=csv", none.Owner), ',')
		require.Len(t, rows, 2, "a talk without a comment has a row, too")
		require.Equal(t, []string{"0", "", ""}, rows[1][6:9])
	})
}

func TestAProgrammeIsExportedToWhoOwnsItInItsOrder(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		p := s.Register()
		own := func(title, at string) {
			body := object{"title": title}
			if at != "" {
				body["starts_at"] = at
			}
			require.Equal(t, 201, p.call("POST", "/talks", body).Status)
		}
		own("Third", "")
		own("Second", "2020-01-02T00:00:00Z")
		own("First", "2020-01-01T00:00:00Z")
		imported := s.Imported(aFile, "", "")
		titles := func(token string) (all []string) {
			var e talkExport
			require.NoError(t, s.file("/talks/export", token).Decode(&e))
			for _, i := range e.Items {
				all = append(all, i.Title)
			}
			return all
		}
		require.Equal(t, []string{"First", "Second", "Third"}, titles(p.Token))
		require.Equal(t, []string{"One", "Two"}, titles(*imported.Token))
		require.Empty(t, titles(s.Register().Token))
		rows := cellsOf(t, s.file("/talks/export?format=csv", p.Token), ',')
		require.Len(t, rows, 4)
		for token, want := range map[string]string{
			"": "401 unauthorized", drawnToken(): "403 forbidden",
			"eyJ.eyJ.x": "401 invalid_session", *imported.Items[0].Token: "403 forbidden",
		} {
			a := s.Do(Request{
				Method: "GET", Path: Base + "/talks/export", Token: token, Wrong: true,
			})
			require.Equal(t, want, a.Code(), token)
		}
		for _, query := range []string{"?format=pdf", "?format=", "?separator=x", "?separator=",
			"?format=csv&separator=%00", "?format=" + strings.Repeat("a", 4000)} {
			for _, path := range []string{
				"/talks/export", "/talks/" + imported.Items[0].ID + "/export",
			} {
				a := s.Do(Request{Method: "GET", Path: Base + path + query, Token: *imported.Token,
					Wrong: true})
				require.Equal(t, "400 invalid", a.Kind(), path+query)
			}
		}
	})
}

func TestAnExportOfManyCommentsHasAllOfThem(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		talk := s.AddTalk(nil)
		const many = 403 // more than two pages
		concurrently(many, func(i int) {
			a := talk.Rate(
				NewRating{Value: 1 + i%5, Comment: strings.Repeat("x", 1+i%700)}, patient)
			if a.Status != 204 && a.Status != 202 {
				t.Errorf("%v", a)
			}
		})
		require.Eventually(t, func() bool { return *talk.Ratings("").Count == many }, wait, tick)
		var all talkExport
		require.NoError(t, s.file("/talks/"+talk.ID+"/export", talk.Owner).Decode(&all))
		ids := map[string]bool{}
		for _, c := range all.Items[0].Comments {
			ids[c.ID] = true
		}
		require.Len(t, ids, many)
	})
}
