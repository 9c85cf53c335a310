package web

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// paths knows which methods each path takes. Fiber asks for the method first: to it "current" is a
// poll's id where only other methods take polls/current. Here the path is first, and a segment
// that a route spells out is no parameter of another.
type paths []pattern

type pattern struct {
	segments []string // ":name" takes any that is not empty; "+", the last one, all that follow
	methods  []string
}

func newPaths(routes []fiber.Route) (all paths) {
	of := map[string]int{}
	for _, r := range routes {
		i, known := of[r.Path]
		if !known {
			i = len(all)
			of[r.Path] = i
			all = append(all, pattern{segments: strings.Split(r.Path, "/")})
		}
		all[i].methods = append(all[i].methods, r.Method)
	}
	for i := range all {
		all[i].methods = append(all[i].methods, http.MethodOptions)
		slices.Sort(all[i].methods)
		all[i].methods = slices.Compact(all[i].methods)
	}
	return all
}

// methods gives those that a path takes; none: there is no such path.
func (all paths) methods(path string) []string {
	var best *pattern
	for i := range all {
		if p := &all[i]; p.match(path) && (best == nil || p.before(best)) {
			best = p
		}
	}
	if best == nil {
		return nil
	}
	return best.methods
}

func (p *pattern) match(path string) bool {
	for i, segment := range p.segments {
		first, rest, more := strings.Cut(path, "/")
		switch {
		case segment == "+":
			return path != ""
		case strings.HasPrefix(segment, ":"):
			if first == "" {
				return false
			}
		case segment != first:
			return false
		}
		if last := i == len(p.segments)-1; last == more {
			return false
		}
		path = rest
	}
	return true
}

// before says whether p spells out a segment where q has the first parameter.
func (p *pattern) before(q *pattern) bool {
	for i := range min(len(p.segments), len(q.segments)) {
		if mine, other := isParameter(p.segments[i]), isParameter(q.segments[i]); mine != other {
			return other
		}
	}
	return false
}

func isParameter(segment string) bool { return segment == "+" || strings.HasPrefix(segment, ":") }

// method refuses what a path does not take, with what it takes, and answers OPTIONS. What is no
// path of ours is left to Fiber.
func (all paths) method(c *fiber.Ctx) error {
	methods := all.methods(c.Path())
	if methods == nil || c.Method() != http.MethodOptions && slices.Contains(methods, c.Method()) {
		return c.Next()
	}
	c.Set(fiber.HeaderAllow, strings.Join(methods, ", "))
	if c.Method() != http.MethodOptions {
		return fiber.ErrMethodNotAllowed
	}
	preflight(c, methods)
	return c.SendStatus(http.StatusNoContent)
}
