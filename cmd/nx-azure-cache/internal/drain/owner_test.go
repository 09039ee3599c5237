//go:build linux || darwin

package drain

import (
	"os"
	"testing"
)

// A process of another user is none of ours.
func TestIsOwn(t *testing.T) {
	if !isOwn(os.Getpid()) || isOwn(1<<30) {
		t.Errorf("got %t for this process, %t for none", isOwn(os.Getpid()), isOwn(1<<30))
	}
}
