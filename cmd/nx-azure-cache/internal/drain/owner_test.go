//go:build linux || darwin

package drain

import (
	"os"
	"testing"
)

// isOwn is false for a process that does not exist.
func TestIsOwn(t *testing.T) {
	if !isOwn(os.Getpid()) || isOwn(1<<30) {
		t.Errorf("got %t for this process, %t for none", isOwn(os.Getpid()), isOwn(1<<30))
	}
}
