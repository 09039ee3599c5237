package scratch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/nx-azure-cache/nx-azure-cache/cache/directory"
)

// move moves a name in one open directory to a name in another.
type move func(from *directory.Dir, name string, to *directory.Dir, newName string) error

// mover puts results in their place.
type mover struct{ rename, exchange move }

// MoveToResult moves what is at a path to the name hash in the cache directory, whatever
// stands there. What is a link there is replaced itself. Where the system can
// exchange two names, there is a result at every moment: another process of Nx may
// be reading it.
func (s Path) MoveToResult(ctx context.Context, hash string) error {
	return mover{directory.Rename, directory.Exchange}.replace(ctx, s, hash)
}

func (m mover) replace(ctx context.Context, from Path, hash string) error {
	var err error
	// Another process may restore the same result at the same time: both
	// results are the same, so it does not matter whose stays.
	for try := range 10 {
		if err = m.rename(from.Dir, from.Name, from.cacheDirectory, hash); err == nil {
			return nil
		}
		if swapped := moveAway(hash, from, m.exchange); swapped == nil {
			from.Discard(ctx)
			return nil
		}
		old := from.With(fmt.Sprintf(".old-%d", try))
		defer old.Discard(ctx)
		moved := moveAway(hash, old, m.rename)
		isFree := errors.Is(moved, fs.ErrNotExist)
		switch {
		case directory.IsUnmovable(moved), isFree && (directory.IsUnmovable(err) || directory.IsHeld(err)):
			return m.replaceInPlace(ctx, from, hash)
		case moved != nil && !isFree:
			return moved
		}
	}
	return err
}

// replaceInPlace replaces what cannot be moved as a whole, by a result that perhaps
// cannot either (see [directory.IsUnmovable]). For a moment there is no result, or a part of one:
// there is no other way.
func (m mover) replaceInPlace(ctx context.Context, from Path, hash string) error {
	to := from.cacheDirectory
	removed := to.RemoveAll(hash)
	err := m.rename(from.Dir, from.Name, to, hash)
	switch {
	case err == nil:
		return nil
	case removed != nil && !directory.IsUnmovable(removed): // a mount point is empty now, and stays
		return removed
	case !directory.IsUnmovable(err) && !directory.IsHeld(err):
		return err
	}
	if err := directory.Copy(from.Dir, from.Name, to, hash); err != nil {
		_ = to.RemoveAll(hash) // half a result; err says what is wrong
		return err
	}
	from.Discard(ctx)
	return nil
}

// moveAway moves a name in the cache directory to a Path, also where it is read-only: a
// directory that may not be written may not change its parent either.
func moveAway(hash string, to Path, move move) error {
	from := to.cacheDirectory
	err := move(from, hash, to.Dir, to.Name)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	if info, statErr := from.Root.Lstat(hash); statErr == nil && info.IsDir() && from.Root.Chmod(hash, 0o700) == nil {
		err = move(from, hash, to.Dir, to.Name)
	}
	return err
}
