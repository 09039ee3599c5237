package backfill

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
	"github.com/nx-azure-cache/nx-azure-cache/cache/directory"
	"github.com/nx-azure-cache/nx-azure-cache/cache/snapshot"
)

// terminalOutputs is the folder of Nx's cache directory with the terminal outputs, by hash.
const terminalOutputs = "terminalOutputs"

// maxTerminalOutput is the size of the longest terminal output that is stored, in bytes.
// It is held in memory for a moment.
const maxTerminalOutput = 16 << 20

// LocalHit is the result of a successful task that Nx has found in its local cache.
type LocalHit struct {
	Hash string
	// Size is the number of bytes that Nx has recorded: of the outputs, and except for
	// results from a remote cache of the terminal output. 0 if Nx does not record it.
	Size    int64
	Task    string   // as in [cache.Result]
	Outputs []string // as for [cache.Cache.Retrieve]
}

// hit is a local hit as it was when it was added.
type hit struct {
	LocalHit
	cacheDirectory    string
	snapshot.Snapshot // of the folder with the outputs
	output            snapshot.Snapshot
}

// look records the state of the result, so that later changes are detected.
func (l LocalHit) look(cacheDirectory string) hit {
	h := hit{LocalHit: l, cacheDirectory: cacheDirectory}
	h.Snapshot, h.output = snapshot.Take(h.dir()), snapshot.Take(h.terminalOutputPath())
	return h
}

func (h hit) dir() string { return filepath.Join(h.cacheDirectory, h.Hash) }

func (h hit) terminalOutputPath() string {
	return filepath.Join(h.cacheDirectory, terminalOutputs, h.Hash)
}

// result returns the result as Nx would have handed it over. The error says why it may not
// be the one that Nx has found.
func (h hit) result(ctx context.Context) (result cache.Result, err error) {
	result = cache.Result{Hash: h.Hash, CacheDirectory: h.cacheDirectory, Task: h.Task, Outputs: h.Outputs, Snapshot: h.Snapshot}
	if result.TerminalOutput.Text, err = h.terminalOutput(); err != nil {
		return result, err
	}
	return result, h.checkSize(ctx, int64(len(result.TerminalOutput.Text)))
}

// terminalOutput reads the terminal output, and follows no link.
func (h hit) terminalOutput() (string, error) {
	cacheDirectory, err := directory.Open(h.cacheDirectory)
	if err != nil {
		return "", err
	}
	defer cacheDirectory.Close()
	folder, err := cacheDirectory.Open(terminalOutputs)
	if err != nil {
		return "", err
	}
	defer folder.Close()
	text, err := directory.ReadFile(folder.Root, h.Hash, maxTerminalOutput)
	if err != nil {
		return "", err
	}
	return string(text), h.output.Check(h.terminalOutputPath())
}

// checkSize compares the size of the outputs with the one that Nx has recorded: something
// may have removed a part of them since. Package cache detects changes from now on.
func (h hit) checkSize(ctx context.Context, terminalOutput int64) error {
	if h.Size == 0 {
		return nil
	}
	var size int64
	err := filepath.WalkDir(h.dir(), func(_ string, entry fs.DirEntry, err error) error {
		if err == nil {
			err = context.Cause(ctx) // a large tree on a slow disk outlasts the time after a run
		}
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	if err == nil && size != h.Size && size+terminalOutput != h.Size {
		err = fmt.Errorf("%s %w: it has %d bytes, and Nx has recorded %d", h.dir(), archive.ErrChanged, size, h.Size)
	}
	return err
}
