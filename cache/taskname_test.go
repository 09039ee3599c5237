package cache_test

import (
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

// An entry says which task it belongs to, and nothing that controls a terminal.
func TestTaskOfAnEntry(t *testing.T) {
	for name, want := range map[string]string{
		"":                                  "",
		"shop:build":                        "shop:build",
		"@acme/shop:build:production":       "@acme/shop:build:production",
		"a\n\x1b[2K\u202e:build":            `a\n\x1b[2K\u202e:build`,
		"läden:" + strings.Repeat("ü", 200): "läden:" + strings.Repeat("ü", 123) + "…",
	} {
		for _, key := range []string{"", "signed"} {
			blobs := new(cachetest.Memory)
			options := cachetest.Shared(blobs, cache.ReadWrite)
			options.Provenance.Ref = "refs/heads/main"
			if key != "" {
				private, err := trust.GenerateKey()
				if err != nil {
					t.Fatal(err)
				}
				options.Signer = trust.NewSigner(private)
			}
			c := closing(t, cache.New(options))
			dir := cachetest.TempDir(t)
			outputs(t, dir, "123", map[string]string{"a": "1"})
			result := cachetest.Result("123", dir, 0, cache.TerminalOutput{})
			result.Task = name
			done := make(chan cache.Stored, 1)
			if reason, err := c.Store(t.Context(), result, func(s cache.Stored) { done <- s }); reason != "" || err != nil {
				t.Fatal(reason, err)
			}
			if stored := <-done; stored.Err != nil {
				t.Fatal(stored.Err)
			}
			b, _ := blobs.Blob(blobName("123"))
			claim, _, err := cache.Entry{Metadata: b.Metadata}.Claim()
			if got := claim.Provenance; err != nil || got.Task != want || got.Ref != "refs/heads/main" || got.Time.IsZero() {
				t.Errorf("%q, %s: got %+v and %v, want the task %q", name, key, got, err, want)
			}
		}
	}
}
