package sqlite

import (
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
)

// Small sets of rows travel as JSON and are taken apart by json_each: one statement, however many
// rows. JSON has no bytes, so ids in it are hexadecimal and go through unhex. For large sets there
// is Set.

// Hex gives an id as unhex takes it.
func Hex(id uuid.UUID) string { return hex.EncodeToString(id[:]) }

// List is a column that holds a JSON array.
type List[T any] []T

// Scan implements sql.Scanner.
func (l *List[T]) Scan(value any) error {
	switch v := value.(type) {
	case nil:
		*l = nil
		return nil
	case string:
		return json.Unmarshal([]byte(v), (*[]T)(l))
	case []byte:
		return json.Unmarshal(v, (*[]T)(l))
	}
	return fmt.Errorf("a list is text, not %T", value)
}

// Rows makes the JSON of n rows.
func Rows(n int, row func(int) []any) (string, error) {
	all := make([][]any, n)
	for i := range all {
		all[i] = row(i)
	}
	b, err := json.Marshal(all)
	return string(b), err
}
