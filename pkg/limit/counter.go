package limit

import "context"

// Counter counts what keys do, by one rule. limittest has its conformance suite. It is safe for
// use by many goroutines.
type Counter interface {
	// Take tries to do something for a key. Of any number of tries at once exactly as many are
	// allowed as the rule says, wherever they share the counter. A try that is not allowed uses
	// nothing, of no bound. An error is Unavailable: nobody knows whether the try was counted.
	Take(ctx context.Context, key string) (Answer, error)
}
