package rpc_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

const bad = "a\x1b[2K\nnx-azure-cache: forged\u009b\u202e\u200b"

// Strings for people are one line and do not control a terminal.
func TestStringsForPeopleArePrintable(t *testing.T) {
	wrong := errors.Join(errors.New(bad), errors.New(bad))
	blobs := hooked{
		get: func(context.Context, string) (*cache.Blob, error) { return nil, wrong },
		put: func(context.Context, string) error { return wrong },
	}
	opened := rpc.Session{
		Cache: newCache(blobs), Mode: cache.ReadWrite, Drain: time.Minute, Reason: bad, ScopeReason: bad, Location: bad,
		License: rpc.LicenseResult{Organization: bad}, Warnings: []diagnostic.Message{{Text: bad}},
		Warm: func(context.Context) []diagnostic.Message { return []diagnostic.Message{{Text: bad}} },
	}
	c := start(t, session(opened))
	var got rpc.InitializeResult
	c.call("initialize", initializeParams(t), &got)
	said := map[string]string{
		"reason": got.Reason, "scopeReason": got.ScopeReason, "location": got.Location, "organization": got.License.Organization,
		"warning": (<-c.logged).Message, "warning of Warm": (<-c.logged).Message,
		"error":          c.fail("retrieve", retrieveParams("1", t.TempDir())).Message,
		"wrong hash":     c.fail("retrieve", retrieveParams(bad, t.TempDir())).Message,
		"wrong path":     c.fail("retrieve", retrieveParams("1", bad)).Message,
		"unknown method": c.fail(bad, object{}).Message,
		"stored":         c.store(storeParams("2", newResult(t, "2", "content"))).Reason,
	}
	for name, text := range said {
		if text == "" || !printable.Is(text) {
			t.Errorf("%s: got %q, want one printable line", name, text)
		}
	}
}
