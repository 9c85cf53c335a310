package web

import (
	"encoding/json"
	"io"
	"mime"
	"strings"
	"unicode"

	"github.com/gofiber/fiber/v2"

	"github.com/plenary-live/plenary/pkg/fault"
)

// Format is how a file is written down.
type Format struct {
	Name string // in a query, and the end of a file's name
	MIME string
}

// The formats of files.
var (
	JSON = Format{"json", fiber.MIMEApplicationJSON}
	CSV  = Format{"csv", "text/csv"}
	XLSX = Format{"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}
)

// BeginJSON writes an object, but in place of its end what goes on: a file is not made as a whole.
func BeginJSON(w io.Writer, v any, on string) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(data[:len(data)-1], on...))
	return err
}

// ContentType is a format's media type, with the charset where it has one.
func (f Format) ContentType() string {
	if f == CSV {
		return f.MIME + "; charset=utf-8"
	}
	return f.MIME
}

// FormatOf gives what a client wants: by its query, which a link can say, else by Accept. Without a
// wish it is JSON. kept says that it is to be a file, which holds everything.
func FormatOf(c *fiber.Ctx) (f Format, kept bool, err error) {
	query := c.Context().QueryArgs()
	asked := string(query.Peek("format"))
	for _, f := range []Format{JSON, CSV, XLSX} {
		if asked == f.Name {
			return f, true, nil
		}
	}
	if query.Has("format") {
		return Format{}, false, fault.Field("format", `must be "json", "csv" or "xlsx"`)
	}
	accepted := c.Accepts(JSON.MIME, CSV.MIME, XLSX.MIME)
	for _, f := range []Format{CSV, XLSX} {
		if f.MIME == accepted {
			return f, true, nil
		}
	}
	return JSON, false, nil
}

// Separator gives what is to part the cells of a table, by a client's query.
func Separator(c *fiber.Ctx) (rune, error) {
	query := c.Context().QueryArgs()
	if !query.Has("separator") {
		return ',', nil
	}
	switch string(query.Peek("separator")) {
	case ",":
		return ',', nil
	case ";":
		return ';', nil
	case "tab", "\t":
		return '\t', nil
	}
	return 0, fault.Field("separator", `must be ",", ";" or "tab"`)
}

// maxFileName is how many characters of a title the name of a file takes.
const maxFileName = 60

// Attachment is a Content-Disposition that names a file after what people wrote (RFC 6266). A title
// without a letter or digit leaves otherwise.
func Attachment(title, otherwise string, f Format) string {
	words := strings.FieldsFunc(title,
		func(r rune) bool {
			return !unicode.IsLetter(r) && !unicode.IsMark(r) &&
				!unicode.IsDigit(r)
		})
	name := []rune(strings.TrimLeftFunc(strings.Join(words, "-"), unicode.IsMark))
	name = name[:min(len(name), maxFileName)]
	if len(name) == 0 {
		name = []rune(otherwise)
	}
	return mime.FormatMediaType("attachment",
		map[string]string{"filename": string(name) + "." + f.Name})
}
