package telemetry

import (
	"context"
	"log/slog"
	"strings"
	"unicode/utf8"
)

// maxValue is how many bytes of a value a log line has. A client chooses the length of many: paths,
// ids, what errors quote.
const maxValue = 200

// more stands at the end of a value of which there is more.
const more = "…"

// bounded cuts long values off before they are written.
type bounded struct{ slog.Handler }

func (h bounded) Handle(ctx context.Context, r slog.Record) error {
	short := fits(r.Message)
	r.Attrs(func(a slog.Attr) bool {
		short = short && isShort(a.Value)
		return short
	})
	if short { // as nearly always: nothing is copied
		return h.Handler.Handle(ctx, r)
	}
	cut := slog.NewRecord(r.Time, r.Level, shortened(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		cut.AddAttrs(bound(a))
		return true
	})
	return h.Handler.Handle(ctx, cut)
}

func (h bounded) WithAttrs(attrs []slog.Attr) slog.Handler {
	return bounded{h.Handler.WithAttrs(boundAll(attrs))}
}

func (h bounded) WithGroup(name string) slog.Handler { return bounded{h.Handler.WithGroup(name)} }

// isShort says of a value that it is surely short.
func isShort(v slog.Value) bool {
	switch v.Kind() {
	case slog.KindString:
		return fits(v.String())
	case slog.KindAny, slog.KindGroup, slog.KindLogValuer:
		return false
	}
	return true
}

func bound(a slog.Attr) slog.Attr {
	a.Value = a.Value.Resolve()
	switch a.Value.Kind() {
	case slog.KindString:
		return slog.String(a.Key, shortened(a.Value.String()))
	case slog.KindGroup:
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(boundAll(a.Value.Group())...)}
	case slog.KindAny:
		if err, ok := a.Value.Any().(error); ok {
			return slog.String(a.Key, shortened(err.Error()))
		}
		if text := a.Value.String(); !fits(text) {
			return slog.String(a.Key, shortened(text))
		}
	}
	return a
}

func boundAll(attrs []slog.Attr) []slog.Attr {
	all := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		all[i] = bound(a)
	}
	return all
}

func fits(s string) bool {
	return len(s) <= maxValue/utf8.UTFMax || len(s) <= maxValue && utf8.ValidString(s)
}

// shortened cuts a text between two characters. JSON has three bytes for one that is no UTF-8, so
// that is replaced first.
func shortened(s string) string {
	if fits(s) {
		return s
	}
	if s = strings.ToValidUTF8(s, "\ufffd"); len(s) <= maxValue {
		return s
	}
	end := maxValue - len(more)
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + more
}
