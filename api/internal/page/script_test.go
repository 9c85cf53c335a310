package page

import (
	"regexp"
	"strings"
	"testing"

	"github.com/evanw/esbuild/pkg/api"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	// separated is a number that esbuild reads and writes without saying that ES2019 does not know
	// it.
	separated = regexp.MustCompile(`\b\d[\da-fA-Fx]*_[\da-fA-F]+`)
	// later are functions that Safari 13 and Chrome 73 do not have.
	later = regexp.MustCompile(
		`\.(at|replaceAll|replaceChildren|findLast|findLastIndex|requestSubmit|checkVisibility|` +
			`toSorted|toReversed|toSpliced)\(|structuredClone|reportError|randomUUID|` +
			`Promise\.(allSettled|any)|Object\.(hasOwn|groupBy)|AbortSignal\.|TextDecoderStream|WeakRef|FinalizationRegistry|:has\(|` +
			`Intl\.(ListFormat|Segmenter|RelativeTimeFormat|DisplayNames)`)
)

// newer gives what of a module a browser of 2019 does not understand, or "".
func newer(module string) string {
	written := func(target api.Target) (string, string) {
		done := api.Transform(module, api.TransformOptions{Target: target, Loader: api.LoaderJS})
		for _, m := range done.Errors {
			return "", m.Text
		}
		return string(done.Code), ""
	}
	ours, wrong := written(api.ESNext)
	if wrong != "" {
		return wrong
	}
	old, wrong := written(api.ES2019)
	if wrong != "" {
		return wrong
	}
	if ours != old { // what is newer was written in another way
		for line := range strings.Lines(ours) {
			if !strings.Contains(old, line) {
				return line
			}
		}
		return old
	}
	if found := separated.FindString(module); found != "" {
		return found
	}
	return later.FindString(ours) // without comments
}

func TestABrowserOf2019UnderstandsAllThatTheAudienceLoads(t *testing.T) {
	_, p := newSite(t)
	for _, page := range []string{"audience.js", "rate.js"} {
		modules, err := p.assets.modules(page)
		require.NoError(t, err)
		require.Greater(t, len(modules), 5)
		for _, name := range modules {
			text, err := files.ReadFile("assets/" + name)
			require.NoError(t, err)
			assert.Empty(t, newer(string(text)), name)
		}
	}
}

func TestWhatIsNewerThan2019IsFound(t *testing.T) {
	for _, module := range []string{
		"a?.b", "a?.()", "a ?? b", "a ??= b", "a ||= b", "a &&= b", "class A { b = 1; }",
		"class A { static b = 1; }",
		"class A { #b; }", "class A { #b() {} }", "class A { static {} }", "const a = 1n;",
		"const a = await b;",
		"for await (const a of b) c(a);", "const a = 40_000;", "a.at(-1);", "a.replaceAll(b, c);",
		"structuredClone(a);",
		"a.replaceChildren(b);", "export * as a from './b.js';", "a(import.meta.url);",
		"a(/b/v);", "a(/b/d);",
		"a(/(?<=b)c/s.test(d), /e/v);", "if (", "find('label:has(input)');",
	} {
		assert.NotEmpty(t, newer(module), module)
	}
	for _, module := range []string{
		"import { a } from './b.js'; a();", "export const a = { ...b };",
		"try { a(); } catch { b(); }",
		"export async function a() { for await (const b of c) d(b); }",
		"const [a, ...b] = c.flat();", "a(b_1, 'x_1', 1e9);",
		"const f = async (a = 1) => `${await a}`;",
	} {
		assert.Empty(t, newer(module), module)
	}
}
