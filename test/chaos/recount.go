package chaos

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// recounted is what a recount must compare, by feature, and how many there are.
var recounted = []struct{ feature, table string }{
	{"polls", "poll_states"}, {"talks", "talks"}, {"feed", "feed_polls"},
}

// recount has a process of the product recount everything, and says what is wrong with what it
// says; empty: nothing. It must have compared all that there is.
func (s *Scene) recount(db *store, url string) (wrong []string, err error) {
	program := "worker"
	if db.sqlite { // there is no worker beside it
		program = "api"
	}
	cmd := exec.CommandContext(s, filepath.Join(s.binary, program), "recount")
	cmd.Env = []string{"PLENARY_DATABASE_URL=" + url}
	said, err := cmd.CombinedOutput()
	if err != nil {
		wrong = append(wrong, fmt.Sprintf("%s recount: %v\n%s", program, err, said))
	}
	for _, r := range recounted {
		var n int
		row := db.db.QueryRowContext(s, "SELECT count(*) FROM "+r.table)
		if err := row.Scan(&n); err != nil {
			return wrong, err
		}
		want := fmt.Sprintf("%s: %d compared, 0 differed, 0 mended\n", r.feature, n)
		if !strings.Contains(string(said), want) {
			wrong = append(wrong,
				fmt.Sprintf("%s recount does not say %q, but %q", program, want, said))
		}
	}
	return wrong, nil
}
