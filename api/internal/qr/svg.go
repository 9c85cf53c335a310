package qr

import (
	"strconv"

	"github.com/boombuler/barcode/qr"
)

// quiet is how many modules are left white on each side: readers need four.
const quiet = 4

// SVG draws a text of at most 1 KiB as a QR code, black on white whatever the page's colours are:
// readers need that, too.
func SVG(text string) ([]byte, error) {
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return nil, err
	}
	size := code.Bounds().Dx()
	dark := func(x, y int) bool {
		r, _, _, _ := code.At(x, y).RGBA()
		return r == 0
	}
	side := strconv.Itoa(size + 2*quiet)
	svg := append([]byte(nil),
		`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 `+side+` `+side+
			`" shape-rendering="crispEdges">`+
			`<path fill="#fff" d="M0 0h`+side+`v`+side+`H0z"/><path d="`...)
	for y := range size {
		for x := 0; x < size; x++ {
			if !dark(x, y) {
				continue
			}
			from := x
			for x < size && dark(x, y) {
				x++
			}
			svg = append(svg, 'M')
			svg = strconv.AppendInt(svg, int64(from+quiet), 10)
			svg = append(svg, ' ')
			svg = strconv.AppendInt(svg, int64(y+quiet), 10)
			svg = append(svg, 'h')
			svg = strconv.AppendInt(svg, int64(x-from), 10)
			svg = append(svg, 'v', '1', 'H')
			svg = strconv.AppendInt(svg, int64(from+quiet), 10)
			svg = append(svg, 'z')
		}
	}
	return append(svg, `"/></svg>`...), nil
}
