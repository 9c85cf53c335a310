package chaos

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheGuaranteesNameEveryFault(t *testing.T) {
	doc, err := os.ReadFile("../../docs/guarantees.md")
	require.NoError(t, err)
	figures, err := os.ReadFile("../../docs/chaos.md")
	require.NoError(t, err)
	assert.Contains(t, string(figures), Head, "the table is one that make chaos prints")
	for _, f := range Faults() {
		assert.Contains(t, string(doc), fmt.Sprintf("| `%s` | %s |\n", f.Name, f.What))
	}
}
