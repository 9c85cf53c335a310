package formtest

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/commit"
	"github.com/plenary-live/plenary/pkg/form"
	"github.com/plenary-live/plenary/pkg/outbox"
)

// facts are written in the transaction that makes them, where anybody wants them.
func (s Suite) facts(t *testing.T) {
	store := s.Open(t)
	post := s.Outbox(store)
	f, other := created(t, store, nil), created(t, store, nil)
	unheard := submit(f, form.Answers{coming: "yes"})
	one(t, store, form.Done, unheard)
	hook := outbox.Integration{ID: commit.NewID(), Thing: f.ID, Sink: "hook"}
	require.NoError(t, post.AddIntegration(t.Context(), hook))
	i := submit(f, form.Answers{
		coming: "no", colours: "r\nb", income: "1", spent: "2", why: "a\u2028b",
		cities: "Oslo\nRome",
	})
	o := count(t, store, batch(i, submit(other, form.Answers{coming: "yes"})))
	require.Equal(t, [][]form.Verdict{{form.Done, form.Done}}, o.Verdicts)
	one(t, store, form.ResponseChanged, replace(i, 7, form.Answers{coming: "yes"}))
	one(t, store, form.Done, replace(i, 0, form.Answers{coming: "no", income: "1", spent: "3"}))
	again := withdraw(i)
	again.At += 5000
	both := batch(again)
	count(t, store, both, both)
	made := submit(f, form.Answers{coming: "yes"})
	count(t, store, batch(made, withdraw(made)))

	all, err := post.Deliveries(t.Context(), hook.ID, 0, 99)
	require.NoError(t, err)
	var kinds []string
	for n := len(all) - 1; n >= 0; n-- {
		kinds = append(kinds, all[n].Type)
		require.Equal(t, "/forms/"+f.ID.String(), all[n].Source)
		require.Equal(t, i.ID.String(), all[n].Subject)
	}
	require.Equal(t, []string{
		form.FactCreated, form.FactFlagged, form.FactUpdated, form.FactDeleted,
	}, kinds)
	at := func(after time.Duration) string {
		return now.Add(after).Format("2006-01-02T15:04:05.000Z07:00")
	}
	require.Equal(t, i.At+5000, all[0].At)
	require.JSONEq(t, `{"form_id": "`+f.ID.String()+`", "response_id": "`+i.ID.String()+`",
		"number": 2, "submitted_at": "`+at(0)+`", "changed_at": "`+at(time.Second)+`",
		"broken_rules": [{"rule_id": "`+tooMuch.String()+`"}]}`, string(all[0].Data))
	var data struct {
		Answers []map[string]any `json:"answers"`
	}
	require.NoError(t, json.Unmarshal(all[3].Data, &data))
	require.Len(t, data.Answers, 6)
	require.Equal(t, map[string]any{
		"question_id": colours.String(), "question": "«?» 日本語 '\"", "kind": "multiple",
		"keys": []any{"r", "b"}, "values": []any{"Value of r", "Value of b"},
	}, data.Answers[1])
	require.Equal(t, []any{"Oslo", "Rome"}, data.Answers[4]["texts"])
	require.Equal(t, []any{"a\nb"}, data.Answers[5]["texts"])
}
