package e2e

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
)

func TestOpenAPIFileIsValid(t *testing.T) {
	contract, err := TheContract()
	require.NoError(t, err)
	ids := map[string]bool{}
	for path, item := range contract.Doc.Paths.Map() {
		for method, op := range item.Operations() {
			require.NotEmpty(t, op.OperationID, "%s %s", method, path)
			require.False(t, ids[op.OperationID], "%s is there twice", op.OperationID)
			ids[op.OperationID] = true
			require.NotEmpty(t, op.Summary, op.OperationID)
			for status, answer := range op.Responses.Map() {
				require.Contains(t, answer.Value.Headers, "X-Request-Id", "%s %s",
					op.OperationID, status)
			}
		}
	}
}

func TestContractNoticesAnAnswerThatIsNotInIt(t *testing.T) {
	contract, err := TheContract()
	require.NoError(t, err)
	header := http.Header{"Content-Type": {jsonEnc}, "X-Request-Id": {"1"}}
	for name, c := range map[string]struct {
		method, path string
		a            Answer
	}{
		"a status that is not there": {"GET", "/api/v1/ping",
			Answer{Status: 418, Header: header, Body: []byte(`{"status":"ok"}`)}},
		"a member that is missing": {"GET", "/api/v1/ping",
			Answer{Status: 200, Header: header, Body: []byte(`{}`)}},
		"a header that is missing": {"GET", "/api/v1/ping",
			Answer{Status: 200, Header: http.Header{"Content-Type": {jsonEnc}},
				Body: []byte(`{"status":"ok"}`)}},
		"another content type": {"GET", "/api/v1/ping",
			Answer{Status: 200, Header: http.Header{"X-Request-Id": {"1"}}, Body: []byte(`ok`)}},
		"a body where none is": {"DELETE",
			"/api/v1/presentations/" + nobody + "/polls/current",
			Answer{Status: 204, Header: http.Header{"X-Request-Id": {"1"}, "Etag": {`"1"`}},
				Body: []byte(`x`)}},
		"an unknown path that is fine": {"GET", "/nowhere",
			Answer{Status: 200, Header: header, Body: []byte(`{}`)}},
		"a 404 that is no problem": {"GET", "/nowhere",
			Answer{Status: 404, Header: header, Body: []byte(`{}`)}},
		"an id that is no UUID": {"GET", "/api/v1/join/x",
			Answer{Status: 200, Header: header,
				Body: []byte(`{"presentation_id":"7","title":""}`)}},
	} {
		req, err := http.NewRequest(c.method, "http://127.0.0.1"+c.path, nil)
		require.NoError(t, err)
		require.Error(t, contract.Answer(req, &c.a), name)
	}
}

// TestWhatTheTestsReadHasEveryProperty that the contract knows. A property that comes only at times
// would else fail a test that meets it by chance.
func TestWhatTheTestsReadHasEveryProperty(t *testing.T) {
	contract, err := TheContract()
	require.NoError(t, err)
	for schema, into := range map[string]any{
		"DisplayedEvent": &ShownEvent{}, "ResultsEvent": &TalliesEvent{},
		"AudienceEvent": &AudienceEvent{}, "Results": &Results{},
	} {
		body, err := json.Marshal(whole(contract.Doc.Components.Schemas[schema].Value))
		require.NoError(t, err)
		require.NoError(t, (&Answer{Body: body}).Decode(into), "%s %s", schema, body)
	}
}

// whole is an object with every property of a schema.
func whole(s *openapi3.Schema) any {
	if s.Items != nil {
		return []any{whole(s.Items.Value)}
	}
	if len(s.Properties) == 0 {
		return nil
	}
	all := map[string]any{}
	for name, property := range s.Properties {
		all[name] = whole(property.Value)
	}
	return all
}
