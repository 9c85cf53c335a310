package page

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What WCAG 2.1 asks for at level AA, of text (1.4.3) and of what else one must see (1.4.11).
const (
	textContrast  = 4.5
	shapeContrast = 3
)

// apart is how far two colours of a chart must be from each other, in CIELAB. One just sees a
// distance of 2.3.
const apart = 12

func TestTextStandsOut(t *testing.T) {
	for scheme, of := range palettes(t) {
		for _, pair := range [][2]string{
			{"ink", "paper"}, {"ink", "card"}, {"ink", "track"}, {"ink", "tint"},
			{"soft", "paper"}, {"soft", "card"}, {"soft", "track"}, {"soft", "tint"},
			{"accent", "paper"}, {"accent", "card"}, {"accent-strong", "tint"},
			{"on-accent", "accent"}, {"on-accent", "accent-strong"},
			{"good", "paper"}, {"good", "card"}, {"good", "good-tint"}, {"warn", "card"},
			{"warn", "warn-tint"},
			{"bad", "paper"}, {"bad", "card"}, {"bad", "bad-tint"}, {"paper", "ink"},
			{"card", "bad"},
		} {
			got := contrast(of.colour(t, pair[0]), of.colour(t, pair[1]))
			assert.GreaterOrEqual(t, got, float64(textContrast), "%s: %s on %s", scheme,
				pair[0], pair[1])
		}
	}
}

// TestPlaceholdersStandOut holds what each rule for them makes of their colour and opacity.
func TestPlaceholdersStandOut(t *testing.T) {
	rules := regexp.MustCompile(`(?m)^[^\n{]*::placeholder \{([^}]*)\}`).
		FindAllStringSubmatch(stylesheet(t), -1)
	require.NotEmpty(t, rules)
	base := declarations(rules[0][1])
	for scheme, of := range palettes(t) {
		for _, rule := range rules {
			now := declarations(rule[1])
			colour, opacity := base["color"], base["opacity"]
			if now["color"] != "" {
				colour = now["color"]
			}
			if now["opacity"] != "" {
				opacity = now["opacity"]
			}
			share, err := strconv.ParseFloat(opacity, 64)
			require.NoError(t, err)
			card := of.colour(t, "card")
			got := contrast(mix(of.colour(t, variable(t, colour)), card, share), card)
			assert.GreaterOrEqual(t, got, float64(textContrast), "%s: %s", scheme, rule[0])
		}
	}
}

func TestFieldsAndTheFocusStandOut(t *testing.T) {
	css := stylesheet(t)
	for selector, property := range map[string]string{"input, select, textarea": "border",
		":focus-visible": "outline", ".option .mark": "border"} {
		name := variable(t, rule(t, css, selector)[property])
		for scheme, of := range palettes(t) {
			for _, ground := range []string{"paper", "card"} {
				got := contrast(of.colour(t, name), of.colour(t, ground))
				assert.GreaterOrEqual(t, got, float64(shapeContrast), "%s: the %s of %s on %s",
					scheme, property, selector, ground)
			}
		}
	}
}

// TestEveryBarEndsWhereOneSeesIt holds the edge of each bar against what is beside it.
func TestEveryBarEndsWhereOneSeesIt(t *testing.T) {
	css := stylesheet(t)
	share := shareOfSeries(t, rule(t, css, ".bar .fill")["box-shadow"])
	track := variable(t, rule(t, css, ".bar .track")["background"])
	for scheme, of := range palettes(t) {
		for i := range 8 {
			edge := mix(of.colour(t, series(i)), of.colour(t, "ink"), share)
			for _, ground := range []string{track, "card", "paper"} {
				assert.GreaterOrEqual(t, contrast(edge, of.colour(t, ground)),
					float64(shapeContrast), "%s: the edge of bar %d on %s", scheme, i+1, ground)
			}
		}
	}
}

func TestEveryWordOfACloudStandsOut(t *testing.T) {
	share := shareOfSeries(t, rule(t, stylesheet(t), ".word")["color"])
	for scheme, of := range palettes(t) {
		for i := range 8 {
			word := mix(of.colour(t, series(i)), of.colour(t, "ink"), share)
			for _, ground := range []string{"card", "paper"} {
				assert.GreaterOrEqual(t, contrast(word, of.colour(t, ground)),
					float64(textContrast), "%s: a word of colour %d on %s", scheme, i+1, ground)
			}
		}
	}
}

// TestColourBlindPeopleTellTheBarsApart looks at the colours of the charts as people do who see
// them all, or who lack one of the three receptors. These are protanopia, deuteranopia and
// tritanopia, after Machado, Oliveira and Fernandes (2009).
func TestColourBlindPeopleTellTheBarsApart(t *testing.T) {
	for scheme, of := range palettes(t) {
		for eyes, seen := range map[string][3][3]float64{
			"all receptors": {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
			"protanopia": {{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216},
				{-0.003882, -0.048116, 1.051998}},
			"deuteranopia": {{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413},
				{-0.011820, 0.042940, 0.968881}},
			"tritanopia": {{1.255528, -0.076749, -0.178779}, {-0.078411, 0.930809, 0.147602},
				{0.004733, 0.691367, 0.303900}},
		} {
			for i := range 8 {
				for j := range i {
					got := distance(through(seen, of.colour(t, series(i))),
						through(seen, of.colour(t, series(j))))
					assert.GreaterOrEqual(t, got, float64(apart), "%s, %s: bars %d and %d",
						scheme, eyes, j+1, i+1)
				}
			}
		}
	}
}

// --- the stylesheet
// ------------------------------------------------------------------------------------------

func stylesheet(t *testing.T) string {
	t.Helper()
	text, err := files.ReadFile("assets/plenary.css")
	require.NoError(t, err)
	return string(text)
}

// palette is the value of each variable, by its name without the dashes.
type palette map[string]string

// palettes gives those of both schemes. What the dark one does not change it has from the light
// one.
func palettes(t *testing.T) map[string]palette {
	t.Helper()
	css := stylesheet(t)
	found := regexp.MustCompile(`(?m)^:root \{([^}]*)\}`).FindStringSubmatch(css)
	require.NotNil(t, found, "the light colours")
	inDark := regexp.MustCompile(`prefers-color-scheme: dark\)[^\n]*\n  :root \{([^}]*)\}`).
		FindStringSubmatch(css)
	require.NotNil(t, inDark, "the dark colours")
	light, dark := palette{}, palette{}
	for name, value := range declarations(found[1]) {
		light[strings.TrimPrefix(name, "--")], dark[strings.TrimPrefix(name, "--")] = value, value
	}
	for name, value := range declarations(inDark[1]) {
		dark[strings.TrimPrefix(name, "--")] = value
	}
	return map[string]palette{"light": light, "dark": dark}
}

// rule gives the declarations of a rule that stands by itself.
func rule(t *testing.T, css, selector string) map[string]string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(selector) + ` \{([^}]*)\}`).
		FindStringSubmatch(css)
	require.NotNil(t, found, "there is no rule for %s", selector)
	return declarations(found[1])
}

// declarations gives the last value of each property in a block.
func declarations(block string) map[string]string {
	all := map[string]string{}
	for part := range strings.SplitSeq(block, ";") {
		if name, value, ok := strings.Cut(part, ":"); ok {
			all[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	return all
}

// variable gives the name of the one variable in a value.
func variable(t *testing.T, value string) string {
	t.Helper()
	found := regexp.MustCompile(`var\(--([\w-]+)\)`).FindStringSubmatch(value)
	require.NotNil(t, found, "%q names no variable", value)
	return found[1]
}

func series(i int) string { return fmt.Sprintf("series-%d", i) }

// shareOfSeries gives how much of its series' colour a value has; the rest of it is ink.
func shareOfSeries(t *testing.T, value string) float64 {
	t.Helper()
	found := regexp.MustCompile(`color-mix\(in srgb, var\(--series\) (\d+)%, var\(--ink\)\)`).
		FindStringSubmatch(value)
	require.NotNil(t, found, "%q is no mixture", value)
	percent, err := strconv.ParseFloat(found[1], 64)
	require.NoError(t, err)
	return percent / 100
}

// --- colours
// ------------------------------------------------------------------------------------------

// colour is red, green and blue in sRGB, each between 0 and 1.
type colour [3]float64

func (p palette) colour(t *testing.T, name string) (c colour) {
	t.Helper()
	require.Regexp(t, `^#[0-9a-f]{6}$`, p[name], "--%s", name)
	for i := range c {
		n, err := strconv.ParseUint(p[name][1+2*i:3+2*i], 16, 8)
		require.NoError(t, err)
		c[i] = float64(n) / 255
	}
	return c
}

// mix gives a colour of which a share is a and the rest b.
func mix(a, b colour, share float64) (c colour) {
	for i := range c {
		c[i] = a[i]*share + b[i]*(1-share)
	}
	return c
}

// linear gives the amounts of light.
func linear(c colour) colour {
	for i, v := range c {
		if v <= 0.04045 {
			c[i] = v / 12.92
		} else {
			c[i] = math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	return c
}

// contrast is that of WCAG 2.1, between 1 and 21.
func contrast(a, b colour) float64 {
	luminance := func(c colour) float64 {
		c = linear(c)
		return 0.2126*c[0] + 0.7152*c[1] + 0.0722*c[2]
	}
	la, lb := luminance(a), luminance(b)
	return (math.Max(la, lb) + 0.05) / (math.Min(la, lb) + 0.05)
}

// through gives the light of a colour that is seen through eyes.
func through(eyes [3][3]float64, c colour) (light colour) {
	c = linear(c)
	for i, row := range eyes {
		light[i] = math.Min(1, math.Max(0, row[0]*c[0]+row[1]*c[1]+row[2]*c[2]))
	}
	return light
}

// distance is how different two lights look: their distance in CIELAB (1976), in the daylight of
// sRGB.
func distance(a, b colour) float64 {
	lab := func(c colour) colour {
		f := func(v float64) float64 {
			if v > 0.008856 {
				return math.Cbrt(v)
			}
			return 7.787*v + 16./116
		}
		x := f((0.4124564*c[0] + 0.3575761*c[1] + 0.1804375*c[2]) / 0.95047)
		y := f(0.2126729*c[0] + 0.7151522*c[1] + 0.0721750*c[2])
		z := f((0.0193339*c[0] + 0.1191920*c[1] + 0.9503041*c[2]) / 1.08883)
		return colour{116*y - 16, 500 * (x - y), 200 * (y - z)}
	}
	p, q := lab(a), lab(b)
	return math.Sqrt((p[0]-q[0])*(p[0]-q[0]) + (p[1]-q[1])*(p[1]-q[1]) + (p[2]-q[2])*(p[2]-q[2]))
}
