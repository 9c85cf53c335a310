package account

import (
	"context"
	"fmt"
	"io"
	"time"
)

// Usage is what the command "account" takes.
var Usage = [][2]string{
	{
		"reset EMAIL",
		"prints a link by which the account's password can be set anew, once, within an hour",
	},
}

// Command does what an operator asks of accounts: args is "reset" and an e-mail address. Links
// begin with the address site. known is false where args are others.
func Command(
	ctx context.Context, store Store, site string, args []string, out io.Writer,
) (known bool, err error) {
	if len(args) != 2 || args[0] != "reset" {
		return false, nil
	}
	token, err := NewReset(ctx, store, args[1])
	if err != nil {
		return true, err
	}
	_, err = fmt.Fprintf(
		out,
		"%s\nThe link works once, until %s. Whoever has it has the account.\n",
		ResetLink(site, token),
		time.Now().Add(ResetLife).Format(time.TimeOnly),
	)
	return true, err
}

// ResetLink gives the link for a token that NewReset gave. The token stands behind "#", so that no
// server's log has it.
func ResetLink(site, token string) string { return site + "/account#reset=" + token }
