package postgres

import (
	"encoding/binary"

	"github.com/google/uuid"
	"github.com/lib/pq"
	"github.com/lib/pq/oid"
)

// Arrays travel in PostgreSQL's binary format: neither side has to write or parse 5,000 numbers and ids as text.

func uuidArray(n int, at func(int) uuid.UUID) []byte {
	buf := arrayHeader(oid.T_uuid, n, 20)
	for i := range n {
		id := at(i)
		buf = binary.BigEndian.AppendUint32(buf, uint32(len(id)))
		buf = append(buf, id[:]...)
	}
	return buf
}

func int64Array(n int, at func(int) int64) []byte {
	buf := arrayHeader(oid.T_int8, n, 12)
	for i := range n {
		buf = binary.BigEndian.AppendUint32(buf, 8)
		buf = binary.BigEndian.AppendUint64(buf, uint64(at(i)))
	}
	return buf
}

func textArray(n int, at func(int) string) []byte {
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

// uuids is a column that holds an array of ids, or null.
type uuids []uuid.UUID

// Scan implements sql.Scanner.
func (u *uuids) Scan(value any) error { return pq.Array((*[]uuid.UUID)(u)).Scan(value) }
