package e2e

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// named is what a presentation says of its talk.
type named struct {
	TalkID *string `json:"talk_id"`
	Over   *bool   `json:"over"`
}

// nameOf reads it in an answer that says much else.
func nameOf(a *Answer) (n named) {
	_ = json.Unmarshal(a.Body, &n)
	return n
}

func TestAPresentationNamesATalkAndOffersItWhenTheLastPollIsOver(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		talk := s.AddTalk(nil)
		var created Created
		require.NoError(t, s.Do(Request{Method: http.MethodPost, Path: Base + "/presentations",
			JSON: object{"talk_id": talk.ID, "polls": []NewPoll{choice("One"), choice("Two")}}}).
			Decode(&created))
		r := &Room{Client: s.Client, Created: created}
		r.Polls = r.Presentation(true).Polls
		says := func(over bool, talkID any) {
			t.Helper()
			for _, replica := range s.replicas {
				n := nameOf(replica.Do(Request{Method: http.MethodGet, Path: r.Path("")}))
				require.NotNil(t, n.Over)
				require.Equal(t, over, *n.Over)
				if talkID == nil {
					require.Nil(t, n.TalkID)
				} else {
					require.NotNil(t, n.TalkID)
					require.Equal(t, talkID, *n.TalkID)
				}
			}
		}
		says(false, talk.ID)
		// each replica, as soon as it has heard of the move
		offers := func(talkID any) {
			t.Helper()
			require.Eventually(t, func() bool {
				for _, replica := range s.replicas {
					a := r.Through(replica).Current()
					n := nameOf(a)
					if a.Status != http.StatusOK || talkID == nil && n.TalkID != nil ||
						talkID != nil && (n.TalkID == nil || *n.TalkID != talkID) {
						return false
					}
				}
				return true
			}, 10*time.Second, 10*time.Millisecond)
		}
		r.Next()
		offers(nil)
		r.Next()
		offers(nil) // people may still vote
		require.Equal(t, "200", r.Move(object{"move": "close"}, nil).Code())
		offers(talk.ID)
		says(true, talk.ID)
		r.moved(map[string]string{"move": "open"})
		offers(nil)
		r.Clear()
		says(true, talk.ID)

		other := NewVoter()
		for _, id := range []any{other, nil, talk.ID} {
			require.Equal(t, "200", r.edit(http.MethodPatch, "", object{"talk_id": id}).Code())
			says(true, id)
		}
		require.Equal(t, "200", r.edit(http.MethodPatch, "", object{"title": "Else"}).Code())
		says(true, talk.ID)
		require.Equal(t, "201", r.edit(http.MethodPost, "/polls", choice("Three")).Code())
		says(false, talk.ID)
	})
}

func TestATalkIsNamedByAnIDOrByNull(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := s.Create(NewPresentation{Polls: []NewPoll{choice("One")}})
		before := r.Presentation(true)
		asJSON := map[string]string{"Content-Type": jsonEnc}
		for name, value := range map[string]string{
			"no UUID": `"x"`, "an empty text": `""`, "the nil UUID": `"` + nilUUID + `"`,
			"a number": `7`, "an object": `{}`, "a list": `["` + nobody + `"]`, "true": `true`,
			"a UUID in braces": `"{` + nobody + `}"`, "no UTF-8": "\"\xff\"",
			"a UUID with NUL": `"` + nobody[:35] + `\u0000"`,
		} {
			for _, q := range []Request{
				{Method: http.MethodPatch, Path: r.Path(""), Token: r.PresenterToken,
					Body: `{"title":"Else","talk_id":` + value + `}`},
				{Method: http.MethodPost, Path: Base + "/presentations",
					Body: `{"polls":[{"question":"Q","kind":"rating"}],"talk_id":` + value + `}`},
			} {
				q.Header, q.Wrong = asJSON, true
				require.Equal(t, "400 invalid talk_id", s.Do(q).Code(), "%s: %s", q.Method, name)
			}
		}
		require.Equal(t, before, r.Presentation(true), "nothing was changed")
	})
}
