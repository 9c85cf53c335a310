// Package e2e tests whole systems through their HTTP face: the embedded API, the API with
// PostgreSQL, and the production shape behind NGINX. They are real processes, started by package
// stack. Every request and every answer is checked against the OpenAPI file.
package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// Contract checks requests and answers against the OpenAPI file. It is safe for use by many
// goroutines.
type Contract struct {
	Doc    *openapi3.T
	router routers.Router
}

// TheContract reads the repository's OpenAPI file, once.
var TheContract = sync.OnceValues(func() (*Contract, error) {
	root, err := moduleRoot()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(root, "api/internal/openapi/openapi.yaml")
	doc, err := openapi3.NewLoader().LoadFromFile(file)
	if err != nil {
		return nil, err
	}
	if err := doc.Validate(context.Background(), openapi3.EnableExamplesValidation(),
		openapi3.EnableSchemaPatternValidation()); err != nil {
		return nil, err
	}
	router, err := gorillamux.NewRouter(doc)
	return &Contract{doc, router}, err
})

// Request says what is wrong with a request. Its body can be read again afterwards.
func (c *Contract) Request(req *http.Request) error {
	route, params, err := c.router.FindRoute(req)
	if err != nil {
		return fmt.Errorf("%s %s is not in the OpenAPI file: %w", req.Method, req.URL.Path, err)
	}
	return openapi3filter.ValidateRequest(req.Context(), validation(req, route, params))
}

// Answer says what is wrong with an answer. To a request for a path or with a method that the file
// does not have, only a problem is right. The answer to HEAD has no body, and is else as the answer
// to GET.
func (c *Contract) Answer(req *http.Request, a *Answer) error {
	if req.Method == http.MethodHead {
		if len(a.Body) > 0 {
			return errors.New("the answer to HEAD has a body")
		}
		return nil
	}
	route, params, err := c.router.FindRoute(req)
	if err != nil {
		return c.unrouted(err, a)
	}
	in := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: validation(req, route, params),
		Status:                 a.Status,
		Header:                 a.Header,
		Body:                   io.NopCloser(bytes.NewReader(a.Body)),
		Options:                options,
	}
	if err := openapi3filter.ValidateResponse(req.Context(), in); err != nil {
		return err
	}
	if documented := route.Operation.Responses.Status(
		a.Status); len(documented.Value.Content) == 0 && len(a.Body) > 0 {
		return fmt.Errorf("%d has a body", a.Status)
	}
	return nil
}

// unrouted checks the answer to a request that belongs to no operation, which the filter knows
// nothing of.
func (c *Contract) unrouted(why error, a *Answer) error {
	name := "NotFound"
	if a.Status == http.StatusMethodNotAllowed {
		name = "MethodNotAllowed"
	} else if a.Status != http.StatusNotFound {
		return fmt.Errorf("the answer to a request that the OpenAPI file does not have (%w) is %d",
			why, a.Status)
	}
	response := c.Doc.Components.Responses[name].Value
	for header, ref := range response.Headers {
		if ref.Value.Required && a.Header.Get(header) == "" {
			return fmt.Errorf("%d lacks the header %s", a.Status, header)
		}
	}
	if got := a.Header.Get("Content-Type"); !strings.HasPrefix(got, problemType) {
		return fmt.Errorf("%d is no problem but %q", a.Status, got)
	}
	var v any
	if err := a.Decode(&v); err != nil {
		return err
	}
	return response.Content.Get(problemType).
		Schema.Value.VisitJSON(v, options.SchemaValidationOptions...)
}

const problemType = "application/problem+json"

var options = &openapi3filter.Options{
	IncludeResponseStatus: true,
	SkipSettingDefaults:   true,
	AuthenticationFunc:    bearer,
	SchemaValidationOptions: []openapi3.SchemaValidationOption{
		openapi3.WithStringFormatValidator("uuid",
			openapi3.NewRegexpFormatValidator(openapi3.FormatOfStringForUUIDOfRFC9562)),
	},
}

// bearer is satisfied by a token's presence: whether it is the right one is for the server to say.
func bearer(_ context.Context, in *openapi3filter.AuthenticationInput) error {
	if in.RequestValidationInput.Request.Header.Get("Authorization") == "" {
		return errors.New("the request needs the presenter's token")
	}
	return nil
}

func validation(req *http.Request, route *routers.Route,
	params map[string]string) *openapi3filter.RequestValidationInput {
	return &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route,
		Options: options}
}

// moduleRoot is the folder of go.mod: tests run in the folder of their package.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod above the working folder")
		}
		dir = parent
	}
}
