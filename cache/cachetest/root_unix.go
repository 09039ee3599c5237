//go:build unix

package cachetest

import (
	"os"
	"testing"
)

// NeedRoot skips a test that needs files or processes of several users, unless root runs
// it. In CI, which runs as root, the test fails instead.
func NeedRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatal("CI must run this test as root: it needs several users")
	}
	t.Skip("needs root: several users")
}
