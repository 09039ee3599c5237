package scratch

import (
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

// A client that ends beside the server writes into the folder while it is removed. Nothing
// stays.
func TestFolderThatIsWrittenWhileItIsRemoved(t *testing.T) {
	for range 100 {
		dir := t.TempDir()
		folders := New(Rule{})
		folder, err := folders.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		var removed atomic.Bool
		writes, ended := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(ended)
			for i := 0; !removed.Load(); i++ {
				_ = os.WriteFile(filepath.Join(folder.path, strconv.Itoa(i)), nil, 0o600) // fails in the end
				if i == 0 {
					close(writes)
				}
				time.Sleep(20 * time.Microsecond)
			}
		}()
		<-writes
		folders.Remove()
		removed.Store(true)
		<-ended
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Fatalf("got %v, %v; want nothing left", left, err)
		}
	}
}
