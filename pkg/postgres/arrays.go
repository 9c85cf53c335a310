package postgres

import (
	"database/sql/driver"
	"encoding/binary"

	"github.com/google/uuid"
	"github.com/lib/pq"
	"github.com/lib/pq/oid"
)

// Arrays travel in PostgreSQL's binary format: neither side has to write or parse 5,000 numbers and
// ids as text.

// UUIDArray gives the parameter uuid[].
func UUIDArray(n int, at func(int) uuid.UUID) []byte {
	buf := arrayHeader(oid.T_uuid, n, 20)
	for i := range n {
		id := at(i)
		buf = binary.BigEndian.AppendUint32(buf, uint32(len(id)))
		buf = append(buf, id[:]...)
	}
	return buf
}

// Int64Array gives the parameter bigint[].
func Int64Array(n int, at func(int) int64) []byte {
	buf := arrayHeader(oid.T_int8, n, 12)
	for i := range n {
		buf = binary.BigEndian.AppendUint32(buf, 8)
		buf = binary.BigEndian.AppendUint64(buf, uint64(at(i)))
	}
	return buf
}

// Int32Array gives the parameter integer[].
func Int32Array(n int, at func(int) int32) []byte {
	buf := arrayHeader(oid.T_int4, n, 8)
	for i := range n {
		buf = binary.BigEndian.AppendUint32(buf, 4)
		buf = binary.BigEndian.AppendUint32(buf, uint32(at(i)))
	}
	return buf
}

// TextArray gives the parameter text[].
func TextArray(n int, at func(int) string) []byte {
	buf := arrayHeader(oid.T_text, n, 8)
	for i := range n {
		s := at(i)
		buf = binary.BigEndian.AppendUint32(buf, uint32(len(s)))
		buf = append(buf, s...)
	}
	return buf
}

// arrayHeader begins an array of one dimension without nulls.
func arrayHeader(element oid.Oid, n, size int) []byte {
	buf := make([]byte, 0, 20+n*size)
	if n == 0 {
		buf = binary.BigEndian.AppendUint32(buf, 0) // dimensions
		buf = binary.BigEndian.AppendUint32(buf, 0)
		return binary.BigEndian.AppendUint32(buf, uint32(element))
	}
	buf = binary.BigEndian.AppendUint32(buf, 1)
	buf = binary.BigEndian.AppendUint32(buf, 0) // no nulls
	buf = binary.BigEndian.AppendUint32(buf, uint32(element))
	buf = binary.BigEndian.AppendUint32(buf, uint32(n))
	return binary.BigEndian.AppendUint32(buf, 1) // the first index
}

// UUIDs is a column that holds an array of ids, or null.
type UUIDs []uuid.UUID

// Scan implements sql.Scanner.
func (u *UUIDs) Scan(value any) error { return pq.Array((*[]uuid.UUID)(u)).Scan(value) }

// Columns that hold an array of texts or numbers, or null.
type (
	Texts  = pq.StringArray
	Int64s = pq.Int64Array
)

// TextOf gives an array as the text that PostgreSQL reads. Arrays of different lengths make no
// array of arrays.
func TextOf[A interface {
	Texts | Int64s
	driver.Valuer
}](array A) (string, error) {
	v, err := array.Value()
	if err != nil {
		return "", err
	}
	s, _ := v.(string)
	return s, nil
}
