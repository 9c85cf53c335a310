package browser

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/inspector"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
)

// trouble is what a browser complains about on the pages of one visitor:
//   - errors and warnings of scripts and of the browser
//   - what the content security policy stopped
//   - dialogs
//   - a crash
//
// On a page without a mistake there is none.
type trouble struct {
	mu       sync.Mutex
	said     []string
	expected []string
}

func (b *trouble) expect(parts ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expected = append(b.expected, parts...)
}

// all gives what was not expected.
func (b *trouble) all() (all []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
said:
	for _, s := range b.said {
		// On a busy machine a page looks before its stream is there, and an empty slide is a 409.
		if strings.HasPrefix(s, "network: ") && strings.Contains(s, " 409 ") &&
			strings.HasSuffix(s, "/polls/current") {
			continue
		}
		for _, part := range b.expected {
			if (strings.HasPrefix(s, "network: ") || strings.HasPrefix(s, "intervention: ")) &&
				strings.Contains(s, part) {
				continue said
			}
		}
		all = append(all, s)
	}
	return all
}

func (b *trouble) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.said = nil
}

func (b *trouble) add(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.said = append(b.said, fmt.Sprintf(format, args...))
}

func (b *trouble) hear(event any) {
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			text += " " + e.ExceptionDetails.Exception.Description
		}
		b.add("exception: %s", text)
	case *runtime.EventConsoleAPICalled:
		switch e.Type {
		case runtime.ConsoleAPICalledTypeError, runtime.ConsoleAPICalledTypeWarning,
			runtime.ConsoleAPICalledTypeAssert:
			var words []string
			for _, arg := range e.Args {
				words = append(words, string(arg.Value)+arg.Description)
			}
			// The event stream warns of what it could not reach: that is of the network, too.
			source := "console"
			if len(words) > 0 && words[0] == `"event stream:"` {
				source = "network"
			}
			b.add("%s: %s %s", source, e.Type, strings.Join(words, " "))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			b.add("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		}
	case *audits.EventIssueAdded:
		if d := e.Issue.Details.ContentSecurityPolicyIssueDetails; d != nil {
			b.add("policy: %s by %s", d.ViolatedDirective, d.BlockedURL)
		} else if d := e.Issue.Details.GenericIssueDetails; d != nil &&
			d.ErrorType == audits.GenericIssueErrorTypeFormEmptyIDAndNameAttributesForInputError {
			// For what browsers fill in by themselves; nothing here is of that kind.
		} else {
			detail, _ := json.Marshal(e.Issue.Details)
			b.add("issue: %s %s", e.Issue.Code, detail)
		}
	case *page.EventJavascriptDialogOpening:
		b.add("dialog: %s %q", e.Type, e.Message)
	case *inspector.EventTargetCrashed:
		b.add("the page crashed")
	}
}
