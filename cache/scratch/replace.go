package scratch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/nx-azure-cache/nx-azure-cache/cache/directory"
)

// move renames a name in one open directory to a name in another.
type move func(from *directory.Dir, name string, to *directory.Dir, newName string) error

// mover moves results to their place.
type mover struct{ rename, exchange move }

// MoveToResult renames the path to the name hash in the cache directory, and replaces what
// exists there. It replaces a link, not its target. If the system can exchange two names,
// a result exists at every moment, because another Nx process may be reading it.
func (s Path) MoveToResult(ctx context.Context, hash string) error {
	return mover{directory.Rename, directory.Exchange}.replace(ctx, s, hash)
}

func (m mover) replace(ctx context.Context, from Path, hash string) error {
	var err error
	// Another process may be restoring the same result. Both are equal, so it does not
	// matter which one stays.
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

// replaceInPlace removes what exists at the destination, which cannot be renamed as a whole
// (see [directory.IsUnmovable]), and renames or copies the result. For a moment, the
// result is missing or incomplete.
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
		_ = to.RemoveAll(hash) // incomplete; err says why
		return err
	}
	from.Discard(ctx)
	return nil
}

// moveAway moves a name in the cache directory to a path. It makes a read-only directory
// writable first, because such a directory cannot change its parent.
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
