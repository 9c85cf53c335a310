package feed

import (
	"encoding/binary"
	"time"

	"github.com/google/uuid"
)

// Ids of polls begin with their time in milliseconds (UUIDv7), so a month of polls is a range of
// ids. A store keeps the answers to them together, and drops them together.

// firstOf gives the id below which all polls were made before a time.
func firstOf(t time.Time) (id uuid.UUID) {
	binary.BigEndian.PutUint64(id[:], uint64(t.UnixMilli())<<16)
	return id
}

// timeOf gives when a poll was made.
func timeOf(id uuid.UUID) time.Time {
	return time.UnixMilli(int64(binary.BigEndian.Uint64(id[:]) >> 16)).UTC()
}

// Month is a month of polls, in UTC.
type Month struct{ begin time.Time }

// MonthOf gives the month of a time.
func MonthOf(t time.Time) Month {
	t = t.UTC()
	return Month{time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)}
}

// Next gives the month after.
func (m Month) Next() Month { return Month{m.begin.AddDate(0, 1, 0)} }

// First gives the id that no poll of the month is below.
func (m Month) First() uuid.UUID { return firstOf(m.begin) }
