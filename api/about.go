package main

import (
	"cmp"
	"context"
	"runtime/debug"

	httpserver "github.com/plenary-live/plenary/api/internal/server"
	"github.com/plenary-live/plenary/pkg/backend"
)

// commit is set by the linker where the build has no repository to ask.
var commit string

// about tells what was built, and what it works with.
func about(adapters *backend.Backend) httpserver.About {
	a := httpserver.About{Version: "unknown", Commit: cmp.Or(commit, "unknown")}
	if info, ok := debug.ReadBuildInfo(); ok {
		a.Version = cmp.Or(info.Main.Version, a.Version)
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				a.Commit = s.Value
			}
		}
	}
	a.Backends = func(ctx context.Context) (all []httpserver.Backend) {
		for _, p := range adapters.Parts(ctx) {
			all = append(all, httpserver.Backend(p))
		}
		return all
	}
	return a
}
