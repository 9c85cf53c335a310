package main

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/api/internal/openapi"
	"github.com/plenary-live/plenary/api/internal/page"
	httpserver "github.com/plenary-live/plenary/api/internal/server"
	"github.com/plenary-live/plenary/api/internal/web"
)

var (
	parameter = regexp.MustCompile(`:\w+`)
	named     = regexp.MustCompile(`\{\w+\}`)
)

// anonymous takes the base path and the parameters' names off a path: the file's may be more
// telling.
func anonymous(path string) string {
	return named.ReplaceAllString(strings.TrimPrefix(path, web.Base), "{}")
}

func TestEveryRouteIsInTheOpenAPIFileAndBack(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData(openapi.File(""))
	require.NoError(t, err)
	require.NoError(t, doc.Validate(t.Context()))
	documented := map[string]bool{}
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			documented[method+" "+anonymous(path)] = true
		}
	}

	pages, err := page.New("", false)
	require.NoError(t, err)
	site := web.New(web.Config{Limits: bodyLimits()})
	all := &ground{Logger: quiet, Site: site, Pages: pages, Door: web.NewDoor("")}
	_, err = all.wire()
	require.NoError(t, err)
	httpserver.New(site, all.Serving, all.features...)
	served := map[string]bool{}
	for _, r := range site.App.GetRoutes(true) {
		if r.Method != http.MethodHead { // comes with every GET
			served[r.Method+" "+anonymous(parameter.ReplaceAllString(r.Path, "{}"))] = true
		}
	}
	require.Equal(t, documented, served)
}
