package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/rs/zerolog"
)

// discard removes what is at a spot. What cannot be removed costs space, not
// correctness.
func discard(ctx context.Context, s spot) {
	if err := s.removeAll(s.name); err != nil {
		zerolog.Ctx(ctx).Debug().Err(err).Msg("not removed")
	}
}

// replace renames what is at a spot to the name hash in the cache directory,
// whatever stands there. What is a link there is renamed itself. Where the system can
// exchange two names, there is a result at every moment: another process of Nx may
// be reading it.
func replace(ctx context.Context, from spot, hash string) error {
	var err error
	// Another process may restore the same result at the same time: both
	// results are the same, so it does not matter whose stays.
	for try := range 10 {
		if err = rename(from.directory, from.name, from.cacheDirectory, hash); err == nil {
			return nil
		}
		if swapped := moveAway(hash, from, exchange); swapped == nil {
			discard(ctx, from)
			return nil
		}
		old := from.with(fmt.Sprintf(".old-%d", try))
		defer discard(ctx, old)
		if moved := moveAway(hash, old, rename); moved != nil && !errors.Is(moved, fs.ErrNotExist) {
			return errors.Join(err, moved)
		}
	}
	return err
}

// moveAway moves a name in the cache directory to a spot, by [rename] or [exchange],
// also where it is read-only: a directory that may not be written may not change its
// parent either.
func moveAway(hash string, to spot, move func(from *directory, name string, to *directory, newName string) error) error {
	from := to.cacheDirectory
	err := move(from, hash, to.directory, to.name)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	if info, statErr := from.root.Lstat(hash); statErr == nil && info.IsDir() && from.root.Chmod(hash, 0o700) == nil {
		err = move(from, hash, to.directory, to.name)
	}
	return err
}
