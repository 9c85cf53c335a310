package openapi

import (
	"fmt"
	"slices"
	"strings"
)

// generated stands below the first line, which says what the file is.
var generated = []string{
	"# Joined from base.yaml and the openapi.yaml of each feature. Edit those, and then:",
	"# go test ./api/internal/openapi -update",
}

// codesHere stands in the base file where the features' codes of problems come.
const codesHere = "            # codes of the features"

// describes is the line of info below which its text stands.
const describes = "  description: |"

// part is a file of the contract.
type part struct{ name, text string }

// entry is a key with its value, as the lines that a file has for it.
type entry struct {
	key   string
	lines []string
	of    string // name of the part that it is from
}

// join makes one file of the base and the features' parts. Lines stay as they are, comments
// included. A path or component of two parts must be the same in both.
func join(base part, features ...part) (string, error) {
	top, err := entries(base.name, strings.Split(strings.TrimRight(base.text, "\n"), "\n"), 0)
	if err != nil {
		return "", err
	}
	parts := make([]map[string]entry, len(features))
	for i, f := range features {
		if parts[i], err = partOf(f); err != nil {
			return "", err
		}
	}
	var out, codes []string
	for _, e := range top {
		var lines []string
		switch e.key {
		case "openapi: 3.0.3":
			// These stand in place of the comments on the base file.
			lines = append([]string{e.key}, generated...)
		case "info:":
			lines = e.lines
			for _, p := range parts {
				lines = append(append(lines, ""), descriptionOf(p["info:"])...)
			}
		case "tags:", "paths:":
			lines, err = joined(e, parts, 2)
		case "components:":
			lines, err = components(e, parts)
		default:
			lines = e.lines
		}
		if err != nil {
			return "", err
		}
		if len(lines) > 1 && (e.key == "paths:" || e.key == "components:") {
			out = append(out, "")
		}
		out = append(out, lines...)
	}
	for _, p := range parts {
		for _, code := range p["x-problem-codes:"].body() {
			line := "          " + code
			if slices.Contains(codes, line) || slices.Contains(out, line) {
				name := strings.Trim(code, " -")
				return "", fmt.Errorf("%s: the code %s is there already", p["info:"].of, name)
			}
			codes = append(codes, line)
		}
	}
	at := slices.Index(out, codesHere)
	if at < 0 {
		return "", fmt.Errorf("%s has no place for the features' codes", base.name)
	}
	out = slices.Replace(out, at, at+1, codes...)
	return strings.Join(out, "\n") + "\n", nil
}

// partOf reads a feature's file by its top keys.
func partOf(f part) (map[string]entry, error) {
	top, err := entries(f.name, strings.Split(strings.TrimRight(f.text, "\n"), "\n"), 0)
	if err != nil {
		return nil, err
	}
	keys := map[string]entry{}
	for _, e := range top {
		switch e.key {
		case "openapi: 3.0.3", "info:", "tags:", "x-problem-codes:", "paths:", "components:":
			keys[e.key] = e
		default:
			return nil, fmt.Errorf("%s: %q is the base file's alone", f.name, e.key)
		}
	}
	if !slices.Contains(keys["info:"].lines, describes) {
		return nil, fmt.Errorf("%s: %q is missing in info", f.name, describes)
	}
	return keys, nil
}

// body gives an entry's lines below its key.
func (e entry) body() []string { return e.lines[min(1, len(e.lines)):] }

// descriptionOf gives the text of info's description.
func descriptionOf(info entry) []string {
	return info.lines[slices.Index(info.lines, describes)+1:]
}

// entries splits lines into what begins at an indentation. Comments at it go with what follows.
func entries(of string, lines []string, indent int) (all []entry, err error) {
	margin := strings.Repeat(" ", indent)
	var comments []string
	for _, line := range lines {
		rest, deep := strings.CutPrefix(line, margin)
		switch {
		case strings.TrimSpace(line) == "": // kept within an entry alone
			if len(all) > 0 {
				all[len(all)-1].lines = append(all[len(all)-1].lines, line)
			}
		case !deep:
			return nil, fmt.Errorf("%s: %q is indented less than %d", of, line, indent)
		case rest[0] == '#':
			comments = append(comments, line)
		case rest[0] != ' ':
			all = append(all, entry{key: rest, lines: append(comments, line), of: of})
			comments = nil
		case len(all) == 0:
			return nil, fmt.Errorf("%s: %q belongs to nothing", of, line)
		default:
			e := &all[len(all)-1]
			e.lines = append(append(e.lines, comments...), line)
			comments = nil
		}
	}
	for i := range all {
		e := &all[i]
		for strings.TrimSpace(e.lines[len(e.lines)-1]) == "" {
			e.lines = e.lines[:len(e.lines)-1]
		}
		if slices.ContainsFunc(all[:i], func(o entry) bool { return o.key == e.key }) {
			return nil, fmt.Errorf("%s has %s twice", of, e.key)
		}
	}
	return all, nil
}

// joined gives a key with the entries of all parts: the features' first, and the base's last.
func joined(of entry, parts []map[string]entry, indent int) ([]string, error) {
	var all []entry
	for _, p := range append(slices.Clone(parts), map[string]entry{of.key: of}) {
		e, ok := p[of.key]
		if !ok {
			continue
		}
		own, err := entries(e.of, e.body(), indent)
		if err != nil {
			return nil, err
		}
		if all, err = merge(all, own); err != nil {
			return nil, err
		}
	}
	lines := []string{of.key}
	for i, e := range all {
		if of.key == "paths:" && i > 0 {
			lines = append(lines, "")
		}
		lines = append(lines, e.lines...)
	}
	return lines, nil
}

// components gives each section with the base's entries first.
func components(base entry, parts []map[string]entry) ([]string, error) {
	var order []string
	sections := map[string][]entry{}
	for _, p := range append([]map[string]entry{{base.key: base}}, parts...) {
		own, err := entries(p[base.key].of, p[base.key].body(), 2)
		if err != nil {
			return nil, err
		}
		for _, section := range own {
			in, err := entries(section.of, section.body(), 4)
			if err != nil {
				return nil, err
			}
			if _, known := sections[section.key]; !known {
				order = append(order, section.key)
			}
			if sections[section.key], err = merge(sections[section.key], in); err != nil {
				return nil, err
			}
		}
	}
	lines := []string{base.key}
	for i, key := range order {
		if i > 0 {
			lines = append(lines, "")
		}
		lines = append(lines, "  "+key)
		for _, e := range sections[key] {
			lines = append(lines, e.lines...)
		}
	}
	return lines, nil
}

// merge adds entries to others. What both have must be the same.
func merge(all, more []entry) ([]entry, error) {
	for _, e := range more {
		at := slices.IndexFunc(all, func(o entry) bool { return o.key == e.key })
		if at < 0 {
			all = append(all, e)
		} else if !slices.Equal(all[at].lines, e.lines) {
			return nil, fmt.Errorf("%s and %s have a different %s", all[at].of, e.of, e.key)
		}
	}
	return all, nil
}
