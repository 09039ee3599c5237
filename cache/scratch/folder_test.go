package scratch

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
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
		started, ended := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(ended)
			close(started)
			for i := range removals - 1 {
				_ = os.WriteFile(filepath.Join(folder.path, strconv.Itoa(i)), nil, 0o600) // fails in the end
			}
		}()
		<-started
		folders.Remove()
		<-ended
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Fatalf("got %v, %v; want nothing left", left, err)
		}
	}
}
