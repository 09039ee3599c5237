package backfill

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// The end of a run stops the comparison of a large tree.
func TestCheckSizeEndsWithTheRun(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "1"), 0o755); err != nil {
		t.Fatal(err)
	}
	h := LocalHit{Hash: "1", Size: 10}.look(dir)
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := errors.New("the run has ended")
	cancel(ended)
	if err := h.checkSize(ctx, 0); !errors.Is(err, ended) {
		t.Errorf("got %v, want %v", err, ended)
	}
}
