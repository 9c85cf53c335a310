package talks

import (
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/api/internal/openapi"
	"github.com/plenary-live/plenary/api/internal/web"
)

func TestMain(m *testing.M) {
	// fasthttp's clock for the Date header runs as long as the process.
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"))
}

var (
	parameter = regexp.MustCompile(`:\w+`)
	named     = regexp.MustCompile(`\{\w+\}`)
)

func TestEveryRouteIsInTheOpenAPIFileAndBack(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData(openapi.File(""))
	require.NoError(t, err)
	require.NoError(t, doc.Validate(t.Context()))
	part, err := os.ReadFile("openapi.yaml")
	require.NoError(t, err)
	documented := map[string]bool{}
	for path, item := range doc.Paths.Map() {
		if !strings.Contains(string(part), "\n  "+path+":\n") {
			continue // it is another feature's, or the server's own
		}
		for method := range item.Operations() {
			documented[method+" "+named.ReplaceAllString(path, "{}")] = true
		}
	}
	site := web.New(web.Config{Limits: BodyLimits})
	New(site, Config{Door: web.NewDoor("")})
	served := map[string]bool{}
	for _, r := range site.App.GetRoutes(true) {
		if r.Method != http.MethodHead { // comes with every GET
			served[r.Method+" "+parameter.ReplaceAllString(r.Path, "{}")] = true
		}
	}
	require.NotEmpty(t, served)
	require.Equal(t, documented, served)
}
