//go:build linux || darwin

package drain

import (
	"os"
	"testing"
)

// isOwn rejects processes of other users, and unknown ones.
func TestIsOwn(t *testing.T) {
	if !isOwn(os.Getpid()) || isOwn(1<<30) {
		t.Errorf("got %t for this process, %t for none", isOwn(os.Getpid()), isOwn(1<<30))
	}
}
