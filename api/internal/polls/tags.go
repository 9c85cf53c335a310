package polls

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
)

// standTag is the entity tag of a version of a presentation with its edits. A transition's
// If-Match goes by the version, that of an edit by the edits. The edits, where there are any, are
// written in letters for digits. Replicas of before take nothing else there.
func standTag(version, edits int64) string {
	if edits == 0 {
		return web.ETag(version)
	}
	letters := strings.Map(func(digit rune) rune { return digit - '0' + 'a' },
		strconv.FormatInt(edits, 10))
	return `"` + strconv.FormatInt(version, 10) + "-" + letters + `"`
}

// versionTag is an entity tag of ours, strong or weak, or the bare number.
var versionTag = regexp.MustCompile(`^(?:(W/)?"(\d+)(?:-([a-z]+))?"|(\d+))$`)

// versions reads the versions from a header. nil: the header is missing or "*", which matches any.
// The header is one of:
//   - "*"
//   - a list (RFC 9110, section 5.6.1) of entity tags, of which the weak ones match nothing
//   - a list of bare numbers
func versions(header, value string) ([]int64, error) {
	return seenIn(value, fault.Field(header, `must be *, or one or more versions, as in "3"`),
		func(tag []string) (int64, bool) {
			version, err := strconv.ParseInt(tag[2]+tag[4], 10, 64)
			return version, err == nil
		})
}

// revisions reads the edits from a header as versions reads the versions. A bare number says
// nothing of them, and is refused.
func revisions(header, value string) (poll.Seen, error) {
	return seenIn(value, fault.Field(header, "must be *, or one or more ETags of the presentation"),
		func(tag []string) (int64, bool) {
			if _, err := strconv.ParseInt(tag[2], 10, 64); err != nil {
				return 0, false
			}
			digits := strings.Map(func(letter rune) rune { return letter - 'a' + '0' }, tag[3])
			if strings.Trim(digits, "0123456789") != "" { // a tag of before, which matches none
				return -1, true
			}
			edits, err := strconv.ParseInt("0"+digits, 10, 64)
			return edits, err == nil
		})
}

// seenIn reads a list of tags, each of which number reads; it is given the parts of versionTag.
func seenIn(value string, wrong error, number func(tag []string) (int64, bool)) ([]int64, error) {
	if value = strings.TrimSpace(value); value == "" || value == "*" {
		return nil, nil
	}
	seen, tags := []int64{}, 0
	for tag := range strings.SplitSeq(value, ",") {
		if tag = strings.TrimSpace(tag); tag == "" { // to be ignored in a list
			continue
		}
		m := versionTag.FindStringSubmatch(tag)
		if m == nil {
			return nil, wrong
		}
		n, ok := number(m)
		if !ok {
			return nil, wrong
		}
		if tags++; m[1] == "" {
			seen = append(seen, n)
		}
	}
	if tags == 0 {
		return nil, wrong
	}
	return seen, nil
}
