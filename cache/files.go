package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/rs/zerolog"
)

// discard removes what is at a path. What cannot be removed costs space, not
// correctness.
func discard(ctx context.Context, path string) {
	if err := removeTree(path); err != nil {
		zerolog.Ctx(ctx).Debug().Err(err).Msg("not removed")
	}
}

// replace renames the directory from, at a fresh path, to the path to, whatever
// stands there.
func replace(ctx context.Context, from, to string) error {
	var err error
	// Another process may restore the same result at the same time: both
	// results are the same, so it does not matter whose stays.
	for try := range 10 {
		if err = os.Rename(from, to); err == nil {
			return nil
		}
		old := fmt.Sprintf("%s.old-%d", from, try)
		defer discard(ctx, old)
		if moved := moveAway(to, old); moved != nil && !errors.Is(moved, fs.ErrNotExist) {
			return errors.Join(err, moved)
		}
	}
	return err
}

// moveAway renames dir, also where it is read-only: a directory that may not be
// written may not change its parent either.
func moveAway(dir, to string) error {
	err := os.Rename(dir, to)
	if errors.Is(err, fs.ErrPermission) && os.Chmod(dir, 0o700) == nil {
		err = os.Rename(dir, to)
	}
	return err
}

// removeTree removes dir, also where its directories are read-only, as those
// of a task's outputs may be.
func removeTree(dir string) error {
	if err := os.RemoveAll(dir); err == nil {
		return nil
	}
	// An entry that cannot be read or changed shows in the RemoveAll below.
	_ = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			_ = os.Chmod(path, 0o700)
		}
		return nil
	})
	return os.RemoveAll(dir)
}
