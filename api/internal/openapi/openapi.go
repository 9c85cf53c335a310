// Package openapi has the contract of the HTTP API: one OpenAPI file. A test joins it from
// base.yaml and the openapi.yaml of each feature, in order to find it stale:
//
//	go test ./api/internal/openapi -update
package openapi

import (
	"bytes"
	_ "embed"
)

//go:embed openapi.yaml
var file []byte

var servers = []byte("\nservers:\n  - url: /\n")

// File gives the contract of a server that lives under the path root, such as "/polls"; "" is none.
// The caller must not change it.
func File(root string) []byte {
	if root == "" {
		return file
	}
	return bytes.Replace(file, servers, []byte("\nservers:\n  - url: "+root+"\n"), 1)
}
