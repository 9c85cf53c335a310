package page

import (
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"path"
	"regexp"
	"slices"

	"github.com/gofiber/fiber/v2"
)

// media are the types of assets, by the end of their names.
var media = map[string]string{
	".js":  "text/javascript; charset=utf-8",
	".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml",
}

// assets are the modules, stylesheets and images. All are below one folder that is named after all
// of their contents. So modules import each other by their plain names, and nothing that was
// fetched once is asked for again.
type assets struct {
	build    string
	byName   map[string]content
	imports  map[string][]string // of a module
	messages map[string][]string // keys of the messages that a module uses
}

var (
	// importOf finds a module's static imports.
	importOf = regexp.MustCompile(`(?m)^(?:import|export)\b[^"';]*["']\./([\w.-]+)["']`)
	// messageOf finds the messages that a module or a template uses. Keys are always written out.
	messageOf = regexp.MustCompile(`\bt[( ]"([\w.]+)"`)
)

func readAssets(files fs.FS) (*assets, error) {
	all, err := read(files, "assets")
	if err != nil {
		return nil, err
	}
	a := &assets{byName: map[string]content{}, imports: map[string][]string{},
		messages: map[string][]string{}}
	var parts [][]byte
	for _, name := range slices.Sorted(maps.Keys(all)) {
		kind, ok := media[path.Ext(name)]
		if !ok {
			return nil, fmt.Errorf("assets/%s: no type is known for it", name)
		}
		a.byName[name] = newContent(kind, all[name])
		parts = append(parts, []byte(name), all[name])
		if path.Ext(name) == ".js" {
			a.imports[name] = found(importOf, all[name])
			a.messages[name] = found(messageOf, all[name])
		}
	}
	a.build = hash(parts...)
	return a, nil
}

// found gives what the first group of an expression matches in text.
func found(expression *regexp.Regexp, text []byte) (all []string) {
	for _, m := range expression.FindAllSubmatch(text, -1) {
		all = append(all, string(m[1]))
	}
	return all
}

// modules gives a module and all that it needs, so that a browser can fetch them at once and not
// one after the other.
func (a *assets) modules(name string) ([]string, error) {
	all := []string{name}
	for i := 0; i < len(all); i++ {
		if _, ok := a.byName[all[i]]; !ok {
			return nil, fmt.Errorf("assets/%s is missing", all[i])
		}
		for _, imported := range a.imports[all[i]] {
			if !slices.Contains(all, imported) {
				all = append(all, imported)
			}
		}
	}
	return all, nil
}

// url gives where an asset is.
func (a *assets) url(name string) (string, error) {
	if _, ok := a.byName[name]; !ok {
		return "", fmt.Errorf("assets/%s is missing", name)
	}
	return "/assets/" + a.build + "/" + name, nil
}

var build = regexp.MustCompile(`^[0-9a-f]{16}$`)

// get answers with an asset. While replicas of two builds run side by side, a browser may ask one
// of them for what a page of the other named. It gets what is there, and does not keep it.
func (a *assets) get(c *fiber.Ctx) error {
	asset, ok := a.byName[c.Params("+")]
	if !ok || !build.MatchString(c.Params("build")) {
		return c.Next()
	}
	c.Set(fiber.HeaderCacheControl, "no-cache")
	if c.Params("build") == a.build {
		c.Set(fiber.HeaderCacheControl, "public, max-age=31536000, immutable")
	}
	if c.Status(http.StatusOK); path.Ext(c.Params("+")) == ".svg" {
		// opened by itself it is a document
		c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; style-src 'unsafe-inline'")
	}
	return asset.send(c)
}
